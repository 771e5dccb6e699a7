//! People who sign in, and tokens for programs.

use std::time::{Duration, Instant};

use bellhop_api::Options;
use bellhop_domain::Secret;
use bellhop_service::auth::SignIn;
use bellhop_service::staff::{AdminMade, FirstAdmin};
use chrono::TimeDelta;
use futures_util::future::join_all;
use poem::http::Method;
use serde_json::{Value, json};

use crate::support::{Answered, World, hotel};

pub const PASSWORD: &str = "correct horse battery";

/// Adds a person and signs them in. Returns the session's token.
pub async fn add(world: &World, email: &str, role: &str) -> String {
    let person = json!({"name": "Dana Levi", "email": email, "role": role, "password": PASSWORD});
    admin(world, Method::POST, "/staff", person).await.ok(201);
    sign_in(world, json!({"email": email, "password": PASSWORD})).await.ok(201)["token"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The id of a person.
pub async fn find(world: &World, email: &str) -> String {
    let list = world.request(Method::GET, "/staff").token(&world.admin).send().await.ok(200);
    let people = list["data"].as_array().unwrap();
    let person = people.iter().find(|person| person["email"] == email).unwrap();
    person["staff_member_id"].as_str().unwrap().to_owned()
}

/// Makes an API token.
pub async fn token(world: &World, mut about: Value) -> String {
    about["name"] = "test".into();
    let made = admin(world, Method::POST, "/tokens", about).await.ok(201);
    made["token"].as_str().unwrap().to_owned()
}

/// As an admin.
pub async fn admin(world: &World, method: Method, path: &str, body: Value) -> Answered {
    world.request(method, path).token(&world.admin).json(body).send().await
}

async fn sign_in(world: &World, body: Value) -> Answered {
    world.request(Method::POST, "/sessions").json(body).send().await
}

pub async fn get(world: &World, token: &str, path: &str) -> Answered {
    world.request(Method::GET, path).token(token).send().await
}

#[tokio::test]
async fn a_person_signs_in_works_and_signs_out() {
    let world = World::new().await;
    let session = add(&world, "Dana@Hotel.example", "staff").await;
    assert!(session.starts_with("bhs_"));
    let me = get(&world, &session, "/me").await.ok(200);
    assert_eq!((&me["role"], &me["staff_member"]["email"]), (&json!("staff"), &json!("Dana@Hotel.example")));
    assert!(me["rights"].as_array().unwrap().contains(&"send_messages".into()));
    assert!(!me["rights"].as_array().unwrap().contains(&"manage_people".into()));
    assert!(me["token"].is_null() && me["session_expires_at"].is_string());
    // Whatever the case of the address.
    sign_in(&world, json!({"email": " dana@hotel.EXAMPLE", "password": PASSWORD})).await.ok(201);
    let out = world.request(Method::DELETE, "/sessions/current").token(&session).send().await;
    assert_eq!((out.status.as_u16(), &*out.text), (204, ""));
    get(&world, &session, "/me").await.error(401, "UNAUTHENTICATED");
    assert_eq!(world.rows("sessions").await, 1, "only that one ended");
    // The database holds neither token nor password.
    let rows =
        world.select("SELECT token_hash AS text FROM sessions UNION SELECT password_hash FROM staff").await;
    let stored: Vec<String> = rows.iter().map(|row| row.try_get("", "text").unwrap()).collect();
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().all(|text| !text.contains(&session) && !text.contains(PASSWORD)));
    assert!(stored.iter().any(|text| text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")));
    // A day later the sweep has nothing of it any more.
    world.clock.advance(TimeDelta::hours(13));
    world.app.clean_up().await.unwrap();
    assert_eq!(world.rows("sessions").await, 0);
}

#[tokio::test]
async fn who_has_no_account_and_who_is_wrong_look_the_same() {
    let world = World::new().await;
    add(&world, "dana@hotel.example", "staff").await;
    let nobody = json!({"name": "No Password", "email": "new@hotel.example", "role": "staff"});
    admin(&world, Method::POST, "/staff", nobody).await.ok(201);
    add(&world, "gone@hotel.example", "staff").await;
    let gone = find(&world, "gone@hotel.example").await;
    admin(&world, Method::PATCH, &format!("/staff/{gone}"), json!({"disabled": true})).await.ok(200);
    let other = hotel(&world.app, "Seaside", "2").await;
    let wrong = [
        json!({"email": "dana@hotel.example", "password": "incorrect horse battery"}),
        json!({"email": "nobody@hotel.example", "password": PASSWORD}),
        json!({"email": "new@hotel.example", "password": PASSWORD}),
        json!({"email": "gone@hotel.example", "password": PASSWORD}),
        json!({"email": "dana@hotel.example", "password": PASSWORD, "property_id": other}),
        json!({"email": "not an address", "password": ""}),
    ];
    let world = &world;
    let tries = wrong.map(|body| async move {
        let began = Instant::now();
        let answer = sign_in(world, body).await;
        (answer, began.elapsed())
    });
    let mut told = Vec::new();
    for (answer, took) in join_all(tries).await {
        let mut error = answer.error(401, "SIGN_IN_REFUSED");
        error["request_id"] = Value::Null;
        told.push(error);
        assert!(took >= Duration::from_secs(1), "{took:?}");
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
    assert_eq!(sign_in(world, json!({"email": "a@b.example"})).await.wrong_fields(), ["password"]);
    let bad = json!({"email": "dana@hotel.example", "password": PASSWORD, "property_id": "x"});
    assert_eq!(sign_in(world, bad).await.wrong_fields(), ["property_id"]);
}

#[tokio::test]
async fn who_guesses_must_wait() {
    let world = World::with(Options { trusted_proxies: 1, ..Options::default() }).await;
    add(&world, "dana@hotel.example", "staff").await;
    let from = async |address: &str, email: &str, password: &str| {
        let ask = world.request(Method::POST, "/sessions").header("x-forwarded-for", address);
        ask.json(json!({"email": email, "password": password})).send().await
    };
    // A few at a time, so that none has to wait long for its turn at the hash.
    let guess = async |tries: Vec<(String, String)>| {
        let mut answers = Vec::new();
        for some in tries.chunks(5) {
            let some = some.iter().map(|(at, email)| from(at, email, "incorrect horse battery"));
            answers.extend(join_all(some).await.iter().map(|answer| answer.status.as_u16()));
        }
        answers
    };
    let count = |answers: &[u16], status| answers.iter().filter(|answer| **answer == status).count();
    let everywhere = |email: &str| (0..15).map(|i| (format!("192.0.2.{i}"), email.to_owned())).collect();
    // One account from everywhere: at most ten, and the right password comes too late.
    let answers = guess(everywhere("dana@hotel.example")).await;
    assert_eq!((count(&answers, 401), count(&answers, 429)), (10, 5), "{answers:?}");
    let late = from("198.51.100.1", "DANA@hotel.example", PASSWORD).await;
    late.error(429, "RATE_LIMIT_EXCEEDED");
    let wait: u64 = late.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // It is the address that is typed which waits, whether or not there is an account.
    let answers = guess(everywhere("nobody@hotel.example")).await;
    assert_eq!((count(&answers, 401), count(&answers, 429)), (10, 5), "{answers:?}");
    // One address with many accounts: thirty, and one more each ten seconds.
    let many = (0..40).map(|i| ("203.0.113.5".to_owned(), format!("a{i}@hotel.example"))).collect();
    let answers = guess(many).await;
    assert!((30..=36).contains(&count(&answers, 401)), "{answers:?}");
    assert_eq!(count(&answers, 401) + count(&answers, 429), 40, "{answers:?}");
    // Others go on.
    add(&world, "noa@hotel.example", "staff").await;
}

#[tokio::test]
async fn strangers_are_counted_by_their_address_before_anything_is_looked_up() {
    let world = World::with(Options { trusted_proxies: 1, ..Options::default() }).await;
    let from = async |address: &str, token: &str| {
        let ask = world.request(Method::GET, "/property").token(token).header("x-forwarded-for", address);
        ask.send().await
    };
    // What the caller itself puts before the proxy's word changes nothing.
    let mut refused = 0;
    let limited = loop {
        let answer = from(&format!("10.0.0.{}, 192.0.2.1", refused % 250), "bhk_wrong").await;
        match answer.status.as_u16() {
            401 => refused += 1,
            _ => break answer,
        }
        assert!(refused < 5_000, "nobody is ever stopped");
    };
    assert!(refused >= 1_000, "{refused}");
    limited.error(429, "RATE_LIMIT_EXCEEDED");
    assert!(limited.header("retry-after").is_some());
    from("192.0.2.2", &world.staff).await.ok(200);
    // WhatsApp and the probes are no strangers.
    let webhook = world.request(Method::POST, "/webhook").header("x-forwarded-for", "192.0.2.1").body("{}");
    webhook.send().await.error(401, "INVALID_SIGNATURE");
    let probe = world.request(Method::GET, "~/readyz").header("x-forwarded-for", "192.0.2.1").send().await;
    assert_eq!(probe.status, 200);
}

#[tokio::test]
async fn a_change_of_what_matters_ends_sessions_at_once() {
    let world = World::new().await;
    let email = "dana@hotel.example";
    let session = add(&world, email, "staff").await;
    let person = format!("/staff/{}", find(&world, email).await);
    let again = async |password: &str| {
        let answer = sign_in(&world, json!({"email": email, "password": password})).await.ok(201);
        answer["token"].as_str().unwrap().to_owned()
    };
    let lives = async |session: &str| get(&world, session, "/me").await.status == 200;
    // A name is nothing that matters.
    let change = json!({"name": "Dana Cohen", "departments": ["spa"], "languages": ["he", "en"]});
    let changed = admin(&world, Method::PATCH, &person, change).await.ok(200);
    assert_eq!((&changed["name"], &changed["languages"]), (&json!("Dana Cohen"), &json!(["he", "en"])));
    assert!(lives(&session).await);
    admin(&world, Method::PATCH, &person, json!({"role": "admin"})).await.ok(200);
    assert!(!lives(&session).await);
    let session = again(PASSWORD).await;
    assert_eq!(get(&world, &session, "/me").await.ok(200)["role"], "admin");
    let path = format!("{person}/password");
    let set = admin(&world, Method::PUT, &path, json!({"password": "another long one"})).await;
    assert_eq!(set.status, 204);
    assert!(!lives(&session).await);
    let session = again("another long one").await;
    admin(&world, Method::PATCH, &person, json!({"disabled": true})).await.ok(200);
    assert!(!lives(&session).await);
    let back = admin(&world, Method::PATCH, &person, json!({"disabled": false})).await.ok(200);
    assert_eq!((&back["disabled"], &back["disabled_at"]), (&json!(false), &Value::Null));
    assert!(!lives(&session).await, "what has ended stays so");
    assert!(lives(&again("another long one").await).await);
}

#[tokio::test]
async fn people_change_their_own_password_and_nothing_else() {
    let world = World::new().await;
    let session = add(&world, "dana@hotel.example", "admin").await;
    let change = async |token: &str, current: &str, new: &str| {
        let body = json!({"current_password": current, "password": new});
        world.request(Method::PUT, "/me/password").token(token).json(body).send().await
    };
    assert_eq!(
        change(&session, "not my password", "a new long one").await.wrong_fields(),
        ["current_password"]
    );
    assert_eq!(change(&session, PASSWORD, "short").await.wrong_fields(), ["password"]);
    let fresh = change(&session, PASSWORD, "a new long one").await.ok(200);
    get(&world, &session, "/me").await.error(401, "UNAUTHENTICATED");
    let session = fresh["token"].as_str().unwrap().to_owned();
    get(&world, &session, "/me").await.ok(200);
    // An admin stays one: nobody takes their own rights away.
    let own = format!("/staff/{}", find(&world, "dana@hotel.example").await);
    for taken in [json!({"role": "staff"}), json!({"disabled": true})] {
        let ask = world.request(Method::PATCH, &own).token(&session).json(taken);
        ask.send().await.error(403, "FORBIDDEN");
    }
    world.request(Method::PATCH, &own).token(&session).json(json!({"name": "D"})).send().await.ok(200);
}

#[tokio::test]
async fn people_write_in_their_own_name() {
    let world = World::new().await;
    let conversation = world.guest_writes("hi").await;
    let session = add(&world, "dana@hotel.example", "staff").await;
    let own = find(&world, "dana@hotel.example").await;
    let send = async |token: &str, named: Option<&str>| {
        let body = json!({"conversation_id": conversation, "message_type": "text", "content": {"text": "a"},
            "staff_member_id": named});
        world.request(Method::POST, "/messages/send").token(token).json(body).send().await
    };
    let author = async |sent: Answered| {
        let id = sent.ok(202)["message_id"].as_str().unwrap().to_owned();
        world.get(&format!("/messages/{id}")).await.ok(200)["staff_member_id"].clone()
    };
    assert_eq!(author(send(&session, None).await).await, json!(own));
    assert_eq!(author(send(&session, Some(&own)).await).await, json!(own));
    let error = send(&session, Some("staff_456")).await.error(403, "FORBIDDEN");
    assert!(error["message"].as_str().unwrap().contains("staff_member_id"), "{error}");
    // A program speaks for whomever it says, as the guides have it.
    assert_eq!(author(send(&world.staff, Some("staff_456")).await).await, "staff_456");
    assert_eq!(author(send(&world.staff, None).await).await, Value::Null);
    let guest = world.guest(crate::support::GUEST).await["guest_id"].as_str().unwrap().to_owned();
    let consent = async |named: Option<&str>| {
        let body = json!({"kind": "marketing", "state": "opted_in", "staff_member_id": named});
        let path = format!("/guests/{guest}/consent");
        world.request(Method::PUT, &path).token(&session).json(body).send().await
    };
    consent(Some("staff_456")).await.error(403, "FORBIDDEN");
    assert_eq!(consent(None).await.ok(200)["history"][0]["staff_member_id"], json!(own));
}

#[tokio::test]
async fn a_key_is_the_persons_from_one_session_to_the_next() {
    let world = World::new().await;
    let conversation = world.guest_writes("hi").await;
    let first = add(&world, "dana@hotel.example", "staff").await;
    let body = json!({"email": "dana@hotel.example", "password": PASSWORD});
    let second = sign_in(&world, body).await.ok(201)["token"].as_str().unwrap().to_owned();
    let send = async |token: &str| {
        let body = json!({"conversation_id": conversation, "message_type": "text", "content": {"text": "a"}});
        let ask = world.request(Method::POST, "/messages/send").token(token).header("idempotency-key", "k");
        ask.json(body).send().await.ok(202)["message_id"].clone()
    };
    let message = send(&first).await;
    assert_eq!(send(&second).await, message);
    assert_ne!(send(&world.staff).await, message, "a program has keys of its own");
}

#[tokio::test]
async fn an_address_is_one_persons_of_a_hotel() {
    let world = World::new().await;
    let person = |email: &str| json!({"name": "Dana", "email": email, "role": "staff"});
    let ask = || {
        let ask = world.request(Method::POST, "/staff").token(&world.admin).header("idempotency-key", "p");
        ask.json(person("dana@hotel.example"))
    };
    let made = ask().send().await;
    let location = made.header("location").unwrap().to_owned();
    let id = made.ok(201)["staff_member_id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("staff_") && location.ends_with(&format!("/staff/{id}")));
    assert_eq!(ask().send().await.ok(201)["staff_member_id"], json!(id), "a repeat makes nobody new");
    let taken = admin(&world, Method::POST, "/staff", person("DANA@hotel.example")).await;
    assert_eq!(taken.error(409, "EMAIL_TAKEN")["details"]["staff_member_id"], json!(id));
    admin(&world, Method::POST, "/staff", person("noa@hotel.example")).await.ok(201);
    let noa = format!("/staff/{}", find(&world, "noa@hotel.example").await);
    let wants = json!({"email": "Dana@hotel.example"});
    admin(&world, Method::PATCH, &noa, wants).await.error(409, "EMAIL_TAKEN");
    admin(&world, Method::PATCH, &noa, json!({"email": "Noa@hotel.example"})).await.ok(200);
    let wrong = json!({"name": " ", "email": "x", "role": "staff", "languages": [""]});
    let mut fields = admin(&world, Method::POST, "/staff", wrong).await.wrong_fields();
    fields.sort();
    assert_eq!(fields, ["email", "languages", "name"]);
    let partner = json!({"name": "P", "email": "p@hotel.example", "role": "partner"});
    assert_eq!(admin(&world, Method::POST, "/staff", partner).await.wrong_fields(), ["role"]);
    let short = json!({"name": "P", "email": "p@hotel.example", "role": "staff", "password": "short"});
    assert_eq!(admin(&world, Method::POST, "/staff", short).await.wrong_fields(), ["password"]);
    assert_eq!(world.rows("staff").await, 2);
}

#[tokio::test]
async fn who_works_at_two_hotels_says_where() {
    let world = World::new().await;
    let first = get(&world, &world.admin, "/property").await.ok(200)["property_id"].clone();
    let other = hotel(&world.app, "Seaside", "2").await;
    add(&world, "dana@hotel.example", "staff").await;
    let made = async |password: &str| {
        let (name, email) = ("Dana".to_owned(), "dana@hotel.example".to_owned());
        let admin = FirstAdmin { name, email, password: Secret::new(password) };
        world.app.ensure_admin(other, admin).await.unwrap()
    };
    assert!(matches!(made("the sea the sea").await, AdminMade::New(_)));
    let body = |password: &str| json!({"email": "dana@hotel.example", "password": password});
    // Where the passwords differ, they say it.
    assert_eq!(sign_in(&world, body(PASSWORD)).await.ok(201)["property_id"], first);
    assert_eq!(sign_in(&world, body("the sea the sea")).await.ok(201)["property_id"], json!(other));
    assert!(matches!(made(PASSWORD).await, AdminMade::Restored(_)));
    let which = sign_in(&world, body(PASSWORD)).await;
    assert_eq!(which.wrong_fields(), ["property_id"]);
    assert_eq!(which.json()["error"]["details"]["properties"].as_array().unwrap().len(), 2);
    let mut named = body(PASSWORD);
    named["property_id"] = json!(other);
    let there = sign_in(&world, named).await.ok(201);
    assert_eq!((&there["property_id"], &there["staff_member"]["role"]), (&json!(other), &json!("admin")));
}

#[tokio::test]
async fn a_session_does_not_begin_on_a_password_that_was_just_changed() {
    let world = World::new().await;
    let email = "dana@hotel.example";
    add(&world, email, "staff").await;
    let path = format!("/staff/{}/password", find(&world, email).await);
    let set = admin(&world, Method::PUT, &path, json!({"password": "another long one"}));
    let tries = (0..6).map(|_| sign_in(&world, json!({"email": email, "password": PASSWORD})));
    let (set, tries) = tokio::join!(set, join_all(tries));
    assert_eq!(set.status, 204);
    // Whoever came before is signed out again, whoever comes after is refused: nobody is in.
    for token in
        tries.iter().filter(|answer| answer.status == 201).map(|answer| answer.json()["token"].clone())
    {
        get(&world, token.as_str().unwrap(), "/me").await.error(401, "UNAUTHENTICATED");
    }
    let wish = SignIn { email: email.into(), password: Secret::new(PASSWORD), property_id: None, from: None };
    assert!(world.app.sign_in(wish).await.is_err());
}
