//! Numbers that admins connect, against a provider that refuses what a test tells it to.

use poem::http::Method;
use serde_json::{Value, json};

use crate::server::until;
use crate::support::{Answered, GUEST, World, hotel};

const TOKEN: &str = "the-access-token-of-number-2";

/// First messages over the second number.
const OF_SECOND: &str = "conversations c JOIN connections n ON n.id = c.connection_id \
                         JOIN messages m ON m.conversation_id = c.id \
                         WHERE n.phone_number_id = '2' AND m.seq = 1";

fn number_2() -> Value {
    json!({
        "waba_id": "22", "phone_number_id": "2", "access_token": TOKEN, "app_secret": "the app's".replace(' ', "-"),
        "base_url": "https://graph.example",
    })
}

fn with(changes: Value) -> Value {
    let mut body = number_2();
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

impl World {
    async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Answered {
        let ask = self.request(method, path).token(&self.admin);
        match body {
            Some(body) => ask.json(body).send().await,
            None => ask.send().await,
        }
    }

    async fn connect(&self, body: Value) -> Answered {
        self.admin(Method::POST, "/connections", Some(body)).await
    }

    async fn patch(&self, id: &str, body: Value) -> Answered {
        self.admin(Method::PATCH, &format!("/connections/{id}"), Some(body)).await
    }

    async fn connections(&self) -> Vec<Value> {
        let list = self.admin(Method::GET, "/connections", None).await.ok(200);
        list["data"].as_array().unwrap().clone()
    }

    async fn first_connection(&self) -> String {
        self.connections().await[0]["connection_id"].as_str().unwrap().to_owned()
    }

    async fn is(&self, message: &str, status: &str) -> bool {
        self.get(&format!("/messages/{message}")).await.ok(200)["status"] == status
    }

    async fn text(&self, target: Value) -> Answered {
        let mut body = json!({"message_type": "text", "content": {"text": "hi"}});
        body.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
        self.post("/messages/send", body).await
    }
}

fn id(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap_or_else(|| panic!("no {field}: {body}")).to_owned()
}

#[tokio::test]
async fn what_the_provider_does_not_confirm_is_not_stored() {
    let world = World::new().await;
    let cases: [(&str, Option<i64>, u16, &str); 9] = [
        ("number", Some(190), 422, "ACCESS_TOKEN_REFUSED"),
        ("number", Some(100), 422, "NUMBER_UNKNOWN"),
        ("number", Some(200), 422, "NUMBER_UNKNOWN"),
        ("number", Some(2), 503, "PROVIDER_UNAVAILABLE"),
        ("number", None, 503, "PROVIDER_UNAVAILABLE"),
        ("account", Some(100), 422, "NUMBER_NOT_OF_ACCOUNT"),
        ("account", Some(10), 422, "NUMBER_NOT_OF_ACCOUNT"),
        ("register", Some(2_200), 422, "CALLBACK_REFUSED"),
        ("register", Some(190), 422, "ACCESS_TOKEN_REFUSED"),
    ];
    for (call, code, status, problem) in cases {
        *world.provider.refused.lock().unwrap() = [(call, code)].into();
        let error = world.connect(number_2()).await.error(status, problem);
        assert!(!error.to_string().contains(TOKEN), "{error}");
        assert_eq!(world.rows("connections").await, 1, "{call} {code:?}");
    }
    world.provider.refused.lock().unwrap().clear();
    *world.provider.numbers.lock().unwrap() = Some(vec!["7".into()]);
    let error = world.connect(number_2()).await.error(422, "NUMBER_NOT_OF_ACCOUNT");
    assert_eq!(error["details"]["numbers_of_the_account"], json!(["7"]));
    *world.provider.numbers.lock().unwrap() = None;
    for (wrong, field) in [
        (json!({"waba_id": "my account"}), "waba_id"),
        (json!({"phone_number_id": "+1555"}), "phone_number_id"),
        (json!({"access_token": "two words"}), "access_token"),
        (json!({"access_token": ""}), "access_token"),
        (json!({"api_version": "23"}), "api_version"),
        (json!({"base_url": "http://graph.example"}), "base_url"),
        (json!({"base_url": "https://u:p@graph.example"}), "base_url"),
    ] {
        assert_eq!(world.connect(with(wrong)).await.wrong_fields(), [field]);
    }
    assert_eq!(world.rows("connections").await, 1);
    // After all that the number is as free as it was.
    world.connect(number_2()).await.ok(201);
}

#[tokio::test]
async fn only_admins_and_only_their_own_propertys_numbers() {
    let world = World::new().await;
    for token in [&world.staff, &world.partner] {
        for (method, path) in [(Method::GET, "/connections"), (Method::POST, "/connections")] {
            // Before the body is read.
            world.request(method, path).token(token).body("{").send().await.error(403, "FORBIDDEN");
        }
    }
    let other = hotel(&world.app, "Other", "2").await;
    let theirs = world.app.connection_of_number("2").await.unwrap().unwrap();
    assert_eq!(world.connections().await.len(), 1);
    for (method, path) in [
        (Method::GET, format!("/connections/{theirs}")),
        (Method::DELETE, format!("/connections/{theirs}")),
        (Method::GET, format!("/connections/{theirs}/status")),
        (Method::GET, format!("/connections/{theirs}/webhook-events")),
    ] {
        world.admin(method, &path, None).await.error(404, "NOT_FOUND");
    }
    world.patch(&theirs.to_string(), json!({"default": true})).await.error(404, "NOT_FOUND");
    world.connect(number_2()).await.error(409, "NUMBER_TAKEN");
    // Not even after they gave it up: its history is theirs.
    let token = world.app.issue_token(other, bellhop_domain::rights::Role::Admin, "test").await.unwrap();
    let gone =
        world.request(Method::DELETE, &format!("/connections/{theirs}")).token(token.expose()).send().await;
    assert_eq!(gone.status, 204);
    world.connect(number_2()).await.error(409, "NUMBER_TAKEN");
}

#[tokio::test]
async fn secrets_are_taken_and_never_shown() {
    let world = World::new().await;
    let ask = || {
        let ask = world.request(Method::POST, "/connections").token(&world.admin);
        ask.header("idempotency-key", "k1").json(with(json!({"app_secret": null})))
    };
    let made = ask().send().await;
    let body = made.ok(201);
    let number = id(&body, "connection_id");
    assert_eq!(made.header("location"), Some(&*format!("/api/v1/whatsapp/connections/{number}")));
    let verify_token = id(&body, "verify_token");
    assert_eq!((&body["access_token_last4"], &body["app_secret_last4"]), (&json!("er-2"), &json!(null)));
    assert_eq!(body["inbound"]["ready"], false);
    assert!(body["inbound"]["reason"].as_str().unwrap().contains("BELLHOP_APP_SECRET"));
    assert_eq!(body["base_url"], "https://graph.example");
    // The same request again, and the same number in another one.
    assert_eq!(ask().send().await.ok(201)["connection_id"], number.as_str());
    let again = world.connect(number_2()).await.error(409, "NUMBER_CONNECTED");
    assert_eq!(again["details"]["connection_id"], number.as_str());
    let verify = format!("/webhook?hub.mode=subscribe&hub.challenge=7&hub.verify_token={verify_token}");
    assert_eq!(world.request(Method::GET, &verify).send().await.text, "7");

    let changed = world.patch(&number, json!({"app_secret": "an-app-secret-of-2"})).await.ok(200);
    assert_eq!((&changed["inbound"]["ready"], &changed["app_secret_last4"]), (&json!(true), &json!("of-2")));
    for path in
        ["", &format!("/{number}"), &format!("/{number}/status"), &format!("/{number}/webhook-events")]
    {
        let text = world.admin(Method::GET, &format!("/connections{path}"), None).await.text;
        for secret in [TOKEN, "an-app-secret-of-2", &verify_token] {
            assert!(!text.contains(secret), "{path}: {text}");
        }
    }
}

#[tokio::test]
async fn a_refused_token_holds_messages_back_until_there_is_another() {
    let world = World::new().await;
    let conversation = world.guest_writes("hello").await;
    let number = world.first_connection().await;
    *world.provider.token.lock().unwrap() = Some("new");
    let first = id(&world.text(json!({"guest_phone": GUEST})).await.ok(202), "message_id");
    until(async || world.connections().await[0]["status"] == "needs_credentials").await;
    until(async || world.is(&first, "queued").await).await;
    let sends = world.provider.sends.load(std::sync::atomic::Ordering::SeqCst);
    // Accepted, and not tried in vain. What comes in is taken.
    let second = id(&world.text(json!({"conversation_id": conversation})).await.ok(202), "message_id");
    world.guest_writes("are you there").await;
    world.app.dispatch(&[first.parse().unwrap(), second.parse().unwrap()]).await.unwrap();
    assert_eq!(world.provider.sends.load(std::sync::atomic::Ordering::SeqCst), sends);
    let status = world.admin(Method::GET, &format!("/connections/{number}/status"), None).await.ok(200);
    assert_eq!((&status["live"]["ok"], &status["live"]["error"]["code"]), (&json!(false), &json!(190)));
    assert_eq!(status["last_error"]["code"], 190);

    world.patch(&number, json!({"access_token": "also-bad"})).await.error(422, "ACCESS_TOKEN_REFUSED");
    assert_eq!(world.connections().await[0]["status"], "needs_credentials");
    let renewed = world.patch(&number, json!({"access_token": "new", "waba_id": "11"})).await.ok(200);
    assert_eq!(renewed["status"], "active");
    for message in [&first, &second] {
        world.app.dispatch(&[message.parse().unwrap()]).await.unwrap();
        until(async || world.is(message, "sent").await).await;
    }
    assert_eq!(world.provider.sends.load(std::sync::atomic::Ordering::SeqCst), sends + 2);
    let events = "events WHERE event = 'connection_status_changed'";
    assert_eq!(world.rows(events).await, 2);
}

#[tokio::test]
async fn a_number_that_is_taken_away_fails_what_waits_and_comes_back_with_its_history() {
    let world = World::new().await;
    let made = world.connect(with(json!({"default": true}))).await.ok(201);
    let number = id(&made, "connection_id");
    until(async || world.rows("templates").await == 6).await;
    let welcome =
        json!({"template_name": "service_followup", "language": "en", "guest_phone": "+972541234567"});
    let sent = world.post("/templates/send", welcome.clone()).await.ok(202);
    let conversation = id(&sent, "conversation_id");
    until(async || world.is(&id(&sent, "message_id"), "sent").await).await;
    *world.provider.token.lock().unwrap() = Some("none is good");
    let waiting = id(&world.post("/templates/send", welcome.clone()).await.ok(202), "message_id");
    until(async || world.connections().await[1]["status"] == "needs_credentials").await;
    until(async || world.is(&waiting, "queued").await).await;
    *world.provider.token.lock().unwrap() = None;

    let path = format!("/connections/{number}");
    assert_eq!(world.admin(Method::DELETE, &path, None).await.status, 204);
    world.admin(Method::GET, &path, None).await.error(404, "NOT_FOUND");
    world.admin(Method::DELETE, &path, None).await.error(404, "NOT_FOUND");
    world.app.dispatch(&[waiting.parse().unwrap()]).await.unwrap();
    let failed = world.get(&format!("/messages/{waiting}")).await.ok(200);
    assert_eq!(
        (&failed["status"], &failed["failure_reason"]["code"]),
        (&json!("failed"), &json!("NUMBER_DISCONNECTED"))
    );
    let template =
        json!({"template_name": "service_followup", "language": "en", "conversation_id": conversation});
    world.post("/templates/send", template.clone()).await.error(409, "NUMBER_DISCONNECTED");
    // The guest is reached over the number that is left, in another conversation.
    let other = world.post("/templates/send", welcome.clone()).await.ok(202);
    assert_ne!(other["conversation_id"], conversation.as_str());
    assert_eq!(world.get("/templates?limit=100").await.ok(200)["data"].as_array().unwrap().len(), 3);

    let again = world.connect(number_2()).await.ok(201);
    assert_eq!(again["connection_id"], number.as_str());
    assert_eq!(again["default"], false, "the first number is again");
    world.post("/templates/send", template).await.ok(202);
    let history = world.get(&format!("/conversations/{conversation}")).await.ok(200);
    assert_eq!(history["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_send_goes_over_the_guests_number_else_over_the_default() {
    let world = World::new().await;
    // This guest writes to the first number.
    let conversation = world.guest_writes("hello").await;
    let second = id(&world.connect(number_2()).await.ok(201), "connection_id");
    until(async || world.rows("templates").await == 6).await;
    let over = async |phone: &str| {
        let body = json!({"template_name": "service_followup", "language": "en", "guest_phone": phone});
        let sent = world.post("/templates/send", body).await.ok(202);
        (id(&sent, "conversation_id"), world.rows(OF_SECOND).await)
    };
    assert_eq!(over("+972541111111").await.1, 0, "the first number is the default");
    assert_eq!(world.patch(&second, json!({"default": true})).await.ok(200)["default"], true);
    assert_eq!(world.connections().await[0]["default"], false);
    assert_eq!(over("+972542222222").await.1, 1);
    assert_eq!(over(GUEST).await, (conversation, 1), "who is known is written to from the number they know");
}

#[tokio::test]
async fn what_came_in_is_listed_with_its_outcome() {
    let world = World::new().await;
    for text in ["one", "two", "three"] {
        world.guest_writes(text).await;
    }
    let number = world.first_connection().await;
    let list = async |query: &str| {
        let path = format!("/connections/{number}/webhook-events{query}");
        world.admin(Method::GET, &path, None).await.ok(200)
    };
    let texts = |list: &Value| -> Vec<String> {
        list["data"].as_array().unwrap().iter().map(|event| id(&event["body"], "text")).collect()
    };
    let page = list("?limit=2&field=messages&outcome=applied").await;
    assert_eq!(texts(&page), ["three", "two"]);
    let rest = list(&format!("?limit=2&cursor={}", id(&page, "next_cursor"))).await;
    assert_eq!((texts(&rest), &rest["next_cursor"]), (vec!["one".to_owned()], &json!(null)));
    assert_eq!(texts(&list("?outcome=foreign").await), Vec::<String>::new());
    assert_eq!(texts(&list("?field=calls").await), Vec::<String>::new());
    let status = world.admin(Method::GET, &format!("/connections/{number}/status"), None).await.ok(200);
    assert_eq!(status["callback"]["state"], "none");
    assert_eq!((&status["live"]["ok"], &status["quality_rating"]), (&json!(true), &json!("GREEN")));
    assert!(status["last_in_at"].is_string() && status["last_out_at"].is_null(), "{status}");
}
