//! Batches: what they take, what they refuse, and who sees them.

use bellhop_domain::rights::Role;
use chrono::{TimeDelta, Utc};
use poem::http::Method;
use serde_json::{Value, json};

use crate::support::{GUEST, World, hotel};

const SEND: &str = "/messages/batch-send";

/// The refused lines of an answer: line, field, kind.
pub fn refusals(accepted: &Value) -> Vec<(i64, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = accepted["refusals"].as_array().unwrap().iter();
    list.map(|line| (line["line"].as_i64().unwrap(), text(&line["field"]), text(&line["kind"]))).collect()
}

fn rejected(line: i64, field: &str) -> (i64, String, String) {
    (line, field.to_owned(), "rejected".to_owned())
}

fn template(room: Value) -> Value {
    json!({"type": "template", "template_name": "welcome_checkin", "language": "en", "parameters": {"room": room}})
}

async fn recipients(world: &World, accepted: &Value) -> Vec<Value> {
    let id = accepted["batch_id"].as_str().unwrap();
    let list = world.get(&format!("/batches/{id}/recipients?limit=100")).await.ok(200);
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_batch_in_the_words_of_the_guide() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    let body = json!({
        "messages": [
            {"phone": GUEST, "content": "Message 1"},
            {"phone": "+972501234567", "content": template(json!(205))},
            {"phone": GUEST, "reference": "the same again", "content": {"type": "text", "text": "Message 2"}},
        ],
        "rate_limit": {"messages_per_second": 10, "batch_size": 100},
        "delivery_options": {"retry_failed": true, "track_delivery": true},
        "name": "Storm",
    });
    let answer = world.post(SEND, body).await;
    let accepted = answer.ok(202);
    assert_eq!((&accepted["accepted"], &accepted["rejected"]), (&json!(3), &json!(0)), "{accepted}");
    assert_eq!((&accepted["status"], &accepted["refusals"]), (&json!("accepted"), &json!([])));
    assert!(accepted["estimated_completion"].is_string());
    let path = format!("/batches/{}", accepted["batch_id"].as_str().unwrap());
    assert_eq!(answer.header("location").unwrap(), format!("/api/v1/whatsapp{path}"));
    let batch = world.get(&path).await.ok(200);
    assert_eq!((&batch["name"], &batch["counts"]["queued"]), (&json!("Storm"), &json!(3)));
    let sent = recipients(&world, &accepted).await;
    let lines: Vec<_> =
        sent.iter().map(|r| (r["line"].as_i64().unwrap(), r["phone"].as_str().unwrap())).collect();
    assert_eq!(lines, [(1, GUEST), (2, "+972501234567"), (3, GUEST)]);
    assert_eq!(sent[2]["reference"], "the same again");
    let message = world.get(&format!("/messages/{}", sent[1]["message_id"].as_str().unwrap())).await.ok(200);
    assert_eq!(message["content"]["text"], "Welcome to room 205");
}

#[tokio::test]
async fn one_template_for_all_recipients() {
    let world = World::new().await;
    let body = json!({
        "template": {"template_name": "welcome_checkin", "parameters": {"room": "1"}},
        "recipients": [
            {"phone": "+972501234567"},
            {"phone": "050-123-4568", "parameters": {"room": 2}},
            {"phone": "+972501234569", "parameters": {"floor": "3"}},
            {"phone": "+972501234570", "parameters": {"room": []}},
        ],
    });
    let accepted = world.post(SEND, body).await.ok(202);
    assert_eq!(refusals(&accepted), [rejected(3, "parameters"), rejected(4, "parameters.room")]);
    let mut texts = Vec::new();
    for sent in recipients(&world, &accepted).await {
        let message = world.get(&format!("/messages/{}", sent["message_id"].as_str().unwrap())).await.ok(200);
        texts.push(message["content"]["text"].clone());
    }
    assert_eq!(texts, ["Welcome to room 1", "Welcome to room 2"]);
}

#[tokio::test]
async fn a_line_that_is_wrong_is_refused_alone() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    let stranger = "guest_01h455vb4pex5vsknk084sn02q";
    let ours = world.get("/guests?phone=%2B1234567890").await.ok(200)["data"][0]["guest_id"].clone();
    let line = |content: Value| json!({"phone": "+972501234567", "content": content});
    let messages = json!([
        {"guest_id": ours, "content": "good"},
        {"phone": "12", "content": template(json!("1"))},
        {"content": "to nobody"},
        {"phone": GUEST, "guest_id": ours, "content": "to two"},
        {"guest_id": stranger, "content": template(json!("1"))},
        line(json!({"type": "image"})),
        line(json!({"type": "text"})),
        line(json!({"type": "template", "template_name": "welcome_checkin"})),
        line(json!({"type": "template", "template_name": "unknown"})),
        line(json!({"type": "template", "template_name": "welcome_checkin", "parameters": 5})),
        {"phone": "+972501234567"},
        {"phone": GUEST, "content": "a".repeat(4_097), "reference": "long"},
        {"phone": GUEST, "content": "a", "reference": "x".repeat(129)},
        line(json!("outside the window")),
    ]);
    let accepted = world.post(SEND, json!({"messages": messages})).await.ok(202);
    let fields = [
        "phone",
        "phone",
        "guest_id",
        "guest_id",
        "content.media_id",
        "content.text",
        "parameters",
        "template_name",
        "content.parameters",
        "content",
        "content.text",
        "reference",
        "content",
    ];
    let expected: Vec<_> = (2..).zip(fields).map(|(line, field)| rejected(line, field)).collect();
    assert_eq!(refusals(&accepted), expected, "{accepted:#}");
    assert_eq!((&accepted["accepted"], &accepted["rejected"]), (&json!(1), &json!(13)));
    let path = format!("/batches/{}/refusals", accepted["batch_id"].as_str().unwrap());
    assert_eq!(world.get(&path).await.ok(200)["data"], accepted["refusals"]);
}

#[tokio::test]
async fn a_text_outside_the_window_needs_a_fallback() {
    let world = World::new().await;
    let send = |options: Value| {
        let messages = json!([{"phone": GUEST, "content": "hi"}]);
        world.post(SEND, json!({"messages": messages, "delivery_options": options}))
    };
    let alone = send(json!({})).await.ok(202);
    assert_eq!(refusals(&alone), [rejected(1, "content")]);
    assert_eq!((&alone["status"], &alone["estimated_completion"]), (&json!("completed"), &Value::Null));
    let covered = send(json!({"fallback_template": {"template_name": "service_followup"}})).await.ok(202);
    assert_eq!(covered["accepted"], 1);
    // A fallback that could not be sent refuses the batch, not everybody in it.
    let unfit = send(json!({"fallback_template": {"template_name": "welcome_checkin"}})).await;
    unfit.error(400, "INVALID_TEMPLATE_PARAMETERS");
    send(json!({"fallback_template": {"template_name": "unknown"}})).await.error(404, "TEMPLATE_NOT_FOUND");
}

#[tokio::test]
async fn a_number_twice_is_one_recipient_unless_each_has_a_reference() {
    let world = World::new().await;
    let body = |second: Value| {
        let mut recipients = json!([{"phone": "+972501234567"}, {"phone": "050-1234567"}]);
        recipients[1]["reference"] = second;
        json!({"template": {"template_name": "service_followup"}, "recipients": recipients})
    };
    let twice = world.post(SEND, body(Value::Null)).await.ok(202);
    assert_eq!(refusals(&twice), [(2, "phone".to_owned(), "duplicate".to_owned())]);
    assert_eq!((&twice["accepted"], &twice["duplicate"]), (&json!(1), &json!(1)));
    let two = world.post(SEND, body(json!("plus-one"))).await.ok(202);
    assert_eq!((&two["accepted"], &two["refusals"]), (&json!(2), &json!([])));
}

#[tokio::test]
async fn requests_that_are_wrong_name_their_field() {
    let world = World::new().await;
    let one = || json!([{"phone": GUEST, "content": template(json!("1"))}]);
    let with = |key: &str, value: Value| {
        let mut body = json!({"messages": one()});
        body[key] = value;
        body
    };
    let far = (Utc::now() + TimeDelta::days(400)).to_rfc3339();
    for (body, field) in [
        (json!({}), "messages"),
        (json!({"template": {"template_name": "a"}}), "recipients"),
        (json!({"recipients": []}), "template"),
        (json!({"messages": one(), "recipients": []}), "messages"),
        (with("rate_limit", json!({"messages_per_second": 0})), "rate_limit.messages_per_second"),
        (with("rate_limit", json!({"messages_per_second": 1_001})), "rate_limit.messages_per_second"),
        (with("rate_limit", json!({"batch_size": 1_001})), "rate_limit.batch_size"),
        (with("delivery_options", json!({"max_retries": 21})), "delivery_options.max_retries"),
        (with("delivery_options", json!({"max_retries": -1})), "delivery_options.max_retries"),
        (with("delivery_options", json!({"retry_delay": -1})), "delivery_options.retry_delay"),
        (with("delivery_options", json!({"in_doubt": "shrug"})), "delivery_options.in_doubt"),
        (with("rate_limit", json!({"batch_size": "many"})), "rate_limit.batch_size"),
        (
            with("delivery_options", json!({"fallback_template": {}})),
            "delivery_options.fallback_template.template_name",
        ),
        (with("rate_limit", json!(5)), "rate_limit"),
        (with("messages", json!([{"phone": 5}])), "messages.0.phone"),
        (with("messages", json!([{"phone": GUEST, "content": 5}])), "messages.0.content"),
        (with("name", json!("x".repeat(201))), "name"),
        (with("send_at", json!(far)), "send_at"),
        (with("send_at", json!("tomorrow")), "send_at"),
    ] {
        assert_eq!(world.post(SEND, body.clone()).await.wrong_fields(), [field], "{body}");
    }
    assert_eq!((world.rows("batches").await, world.rows("messages").await), (0, 0));
}

#[tokio::test]
async fn a_batch_of_tomorrow_waits_for_its_time() {
    let world = World::new().await;
    let at = Utc::now() + TimeDelta::days(1);
    let body = json!({
        "template": {"template_name": "service_followup"}, "recipients": [{"phone": GUEST}],
        "send_at": at.to_rfc3339(),
    });
    let accepted = world.post(SEND, body).await.ok(202);
    assert_eq!(accepted["status"], "scheduled");
    let estimated: chrono::DateTime<Utc> =
        accepted["estimated_completion"].as_str().unwrap().parse().unwrap();
    assert!(estimated >= at - TimeDelta::seconds(1));
    assert_eq!(recipients(&world, &accepted).await[0]["status"], "scheduled");
    let scheduled = world.get("/batches?status=scheduled").await.ok(200);
    assert_eq!(scheduled["data"][0]["batch_id"], accepted["batch_id"]);
}

#[tokio::test]
async fn too_many_for_json_are_sent_to_the_upload() {
    let world = World::new().await;
    let recipients = vec![json!({"phone": GUEST}); 10_001];
    let body = json!({"template": {"template_name": "service_followup"}, "recipients": recipients});
    let error = world.post(SEND, body).await.error(413, "PAYLOAD_TOO_LARGE");
    assert!(error["message"].as_str().unwrap().contains("/api/v1/whatsapp/batches/upload"));
    assert_eq!(error["details"], json!({"recipients": 10_001, "limit": 10_000}));
}

#[tokio::test]
async fn a_repeat_makes_no_second_batch() {
    let world = World::new().await;
    let send = async |phone: &str| {
        let body =
            json!({"template": {"template_name": "service_followup"}, "recipients": [{"phone": phone}]});
        let ask = world.request(Method::POST, SEND).token(&world.staff).header("idempotency-key", "storm");
        ask.json(body).send().await
    };
    let first = send(GUEST).await.ok(202);
    let again = send(GUEST).await.ok(202);
    assert_eq!((&first["batch_id"], &again["accepted"]), (&again["batch_id"], &json!(1)));
    send("+972501234567").await.error(422, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(world.rows("batches").await, 1);
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let world = World::new().await;
    let body = json!({"template": {"template_name": "service_followup"}, "recipients": [{"phone": GUEST}]});
    let accepted = world.post(SEND, body.clone()).await.ok(202);
    let id = accepted["batch_id"].as_str().unwrap();
    let other = hotel(&world.app, "Other", "2").await;
    let theirs = world.app.issue_token(other, Role::Admin, "test").await.unwrap();
    let paths = [
        (Method::GET, ""),
        (Method::GET, "/recipients"),
        (Method::GET, "/recipients?format=csv"),
        (Method::GET, "/refusals"),
        (Method::POST, "/pause"),
        (Method::POST, "/resume"),
        (Method::POST, "/cancel"),
        (Method::POST, "/retry-failed"),
    ];
    for (method, path) in paths {
        let ask = |id: &str| world.request(method.clone(), &format!("/batches/{id}{path}"));
        ask(id).token(theirs.expose()).send().await.error(404, "NOT_FOUND");
        ask("batch_123").token(&world.staff).send().await.error(404, "NOT_FOUND");
        ask(id).send().await.error(401, "UNAUTHENTICATED");
        if method == Method::POST {
            ask(id).token(&world.partner).send().await.error(403, "FORBIDDEN");
        }
    }
    let list = world.request(Method::GET, "/batches").token(theirs.expose()).send().await.ok(200);
    assert_eq!(list["data"], json!([]));
    for path in [SEND, "/batches/upload"] {
        let ask = world.request(Method::POST, path).token(&world.partner).json(body.clone());
        ask.send().await.error(403, "FORBIDDEN");
    }
}
