//! Sends by templates with headers, variables and buttons.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::{Sim, code, details};
use serde_json::{Value, json};

const ADA: &str = "972541234567";

fn named(pairs: &[(&str, &str)]) -> Value {
    let one = |(name, text): &(&str, &str)| json!({"type": "text", "parameter_name": name, "text": text});
    json!({"type": "body", "parameters": pairs.iter().map(one).collect::<Vec<_>>()})
}

fn header(kind: &str, content: Value) -> Value {
    json!({"type": "header", "parameters": [{"type": kind, kind: content}]})
}

fn button(kind: &str, index: Value, parameter: Value) -> Value {
    json!({"type": "button", "sub_type": kind, "index": index, "parameters": [parameter]})
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

async fn send(sim: &Sim, name: &str, components: Vec<Value>) -> (u16, Value) {
    let content = json!({"name": name, "language": {"code": "en"}, "components": components});
    sim.send_as(ADA, "template", content).await
}

/// Each is accepted (0), or refused with this code and a sentence that has these words.
async fn check(sim: &Sim, name: &str, cases: Vec<(Vec<Value>, i64, &str)>) {
    for (components, expected, words) in cases {
        let (status, answer) = send(sim, name, components.clone()).await;
        if expected == 0 {
            assert_eq!(status, 200, "{components:?} -> {answer}");
        } else {
            assert_eq!(code(&answer), expected, "{components:?} -> {answer}");
            assert!(details(&answer).contains(words), "{components:?} -> {answer}");
        }
    }
}

async fn last(sim: &Sim) -> Value {
    let chat = sim.get(&format!("guests/{ADA}/chat")).await;
    chat["data"].as_array().unwrap().last().unwrap().clone()
}

#[tokio::test]
async fn media_headers() {
    let sim = Sim::quick().await;
    let image = sim.upload("image/png", b"png").await;
    let body = || named(&[("guest_name", "Noa"), ("room_number", "205")]);
    let link = json!({"link": "https://grandplaza.example/key.png"});
    let two = json!({"type": "header", "parameters": [{"type": "image", "image": link}, text("x")]});
    check(
        &sim,
        "room_key",
        vec![
            (vec![header("image", json!({"id": image})), body()], 0, ""),
            (vec![header("image", link.clone()), body()], 0, ""),
            (vec![body()], 132_012, "header: Format mismatch, expected IMAGE, received UNKNOWN"),
            (vec![header("video", link.clone()), body()], 132_012, "received VIDEO"),
            (vec![header("text", json!("x")), body()], 132_012, "received TEXT"),
            (vec![two, body()], 132_000, "header"),
            (vec![header("image", json!({"id": "42"})), body()], 131_009, "media attachment ID"),
            (vec![header("image", json!({})), body()], 100, "'id' and 'link'"),
            (vec![header("image", link.clone())], 132_000, "body"),
        ],
    )
    .await;
    let pdf = header("document", json!({"link": "https://a.example/b.pdf", "filename": "bill.pdf"}));
    let suffix = button("url", json!("0"), text("2024-0117"));
    let total = named(&[("guest_name", "Noa"), ("total", "$420")]);
    assert_eq!(send(&sim, "invoice", vec![pdf, total, suffix]).await.0, 200);
    let shown = last(&sim).await["content"].clone();
    assert_eq!(shown["header"]["document"]["filename"], "bill.pdf");
    assert_eq!(shown["buttons"][0]["url"], "https://grandplaza.example/invoices/2024-0117");
    assert_eq!(shown["buttons"][1]["type"], "PHONE_NUMBER");
    let place = |latitude: Value| header("location", json!({"latitude": latitude, "longitude": "34.7"}));
    let guest = || named(&[("guest_name", "Noa")]);
    check(
        &sim,
        "directions",
        vec![
            (vec![place(json!("32.08")), guest()], 0, ""),
            (vec![place(json!(91)), guest()], 131_009, "latitude"),
            (vec![guest()], 132_012, "expected LOCATION, received UNKNOWN"),
        ],
    )
    .await;
    check(&sim, "promo_video", vec![(vec![header("video", json!({"link": "https://a.example/b"}))], 0, "")])
        .await;
    let extra = vec![header("image", link), guest()];
    assert_eq!(code(&send(&sim, "stay_extension", extra).await.1), 132_000);
}

#[tokio::test]
async fn buttons() {
    let sim = Sim::quick().await;
    let body = || named(&[("guest_name", "Noa"), ("checkout_date", "Friday")]);
    let payload = |text: &str| json!({"type": "payload", "payload": text});
    check(
        &sim,
        "stay_extension",
        vec![
            (vec![body()], 0, ""),
            (vec![body(), button("quick_reply", json!("0"), payload("more"))], 0, ""),
            (vec![body(), button("QUICK_REPLY", json!(2), payload("no"))], 0, ""),
            (vec![body(), button("quick_reply", json!(3), payload("x"))], 132_018, "index"),
            (vec![body(), button("url", json!(0), text("x"))], 132_018, "QUICK_REPLY"),
            (vec![body(), button("quick_reply", json!(0), text("x"))], 132_012, "expected PAYLOAD"),
            (vec![body(), button("quick_reply", json!(0), payload(""))], 131_008, "payload"),
            (vec![body(), button("quick_reply", json!(0), payload(&"x".repeat(256)))], 0, ""),
            (vec![body(), button("quick_reply", json!(0), payload(&"x".repeat(257)))], 131_009, "payload"),
            (vec![body(), button("quick_reply", Value::Null, payload("x"))], 131_008, "index"),
        ],
    )
    .await;
    assert_eq!(
        send(&sim, "stay_extension", vec![body(), button("quick_reply", json!(0), payload("more"))]).await.0,
        200
    );
    let shown = last(&sim).await;
    let buttons = &shown["content"]["buttons"];
    assert_eq!(buttons[0], json!({"type": "QUICK_REPLY", "text": "One more night", "payload": "more"}));
    assert_eq!(buttons[1]["payload"], "A few more nights", "its text stands in");
    assert!(shown["content"]["body"].as_str().unwrap().contains("Friday"));
}

#[tokio::test]
async fn links_and_codes() {
    let sim = Sim::quick().await;
    let payload = |text: &str| json!({"type": "payload", "payload": text});
    let pdf = || header("document", json!({"link": "https://a.example/b.pdf"}));
    let total = || named(&[("guest_name", "Noa"), ("total", "$420")]);
    let url = |suffix: &str| button("url", json!(0), text(suffix));
    let call = button("phone_number", json!(1), text("x"));
    check(
        &sim,
        "invoice",
        vec![
            (vec![pdf(), total()], 131_008, "Button at index 0 of type Url requires a parameter"),
            (vec![pdf(), total(), url("")], 131_008, "text"),
            (vec![pdf(), total(), url("a\nb")], 132_018, "new-line"),
            (vec![pdf(), total(), url(&"x".repeat(2_000))], 132_005, "URL"),
            (vec![pdf(), total(), button("url", json!(0), payload("x"))], 132_012, "TEXT"),
            (vec![pdf(), total(), url("a"), url("b")], 132_018, "index 0"),
            (vec![pdf(), total(), url("a"), call], 132_018, "takes no parameter"),
        ],
    )
    .await;
    let offer = || named(&[("guest_name", "Noa"), ("discount", "20%")]);
    let coupon =
        |code: &str| button("copy_code", json!("0"), json!({"type": "coupon_code", "coupon_code": code}));
    check(
        &sim,
        "spa_offer",
        vec![
            (vec![offer(), coupon("SPA20")], 0, ""),
            (vec![offer()], 131_008, "CopyCode requires a parameter"),
            (vec![offer(), coupon("")], 131_008, "coupon_code"),
            (vec![offer(), coupon(&"x".repeat(16))], 131_009, "coupon"),
            (vec![offer(), button("copy_code", json!(0), text("x"))], 132_012, "COUPON_CODE"),
        ],
    )
    .await;
    let plain = vec![button("quick_reply", json!(0), payload("x"))];
    let hello = json!({"name": "hello_world", "language": {"code": "en_US"}, "components": plain});
    assert_eq!(code(&sim.send_as(ADA, "template", hello).await.1), 132_018);
}

#[tokio::test]
async fn values_are_put_in_once_and_measured() {
    let sim = Sim::quick().await;
    let body = |guest: &str| named(&[("guest_name", guest), ("checkout_date", "{{guest_name}}")]);
    assert_eq!(send(&sim, "stay_extension", vec![body("{{checkout_date}}")]).await.0, 200);
    let shown = last(&sim).await;
    let text = shown["text"].as_str().unwrap();
    assert!(text.starts_with("Dear {{checkout_date}}, you leave us on {{guest_name}}."), "{text}");
    check(
        &sim,
        "stay_extension",
        vec![
            (vec![body("a    b")], 0, ""),
            (vec![body("a     b")], 132_018, "spaces"),
            (vec![body("a\tb")], 132_018, "tab"),
            (vec![body("")], 131_008, "text"),
            (vec![body(&"x".repeat(920))], 0, ""),
            (vec![body(&"x".repeat(1_024))], 132_005, "body"),
            (vec![named(&[("guest_name", "Noa")])], 132_000, "(1)"),
            (vec![named(&[("guest_name", "Noa"), ("room", "2")])], 100, "checkout_date"),
        ],
    )
    .await;
}

#[tokio::test]
async fn welcomes_in_three_languages() {
    let sim = Sim::quick().await;
    let values = named(&[
        ("guest_name", "נועה"),
        ("hotel_name", "Grand Plaza"),
        ("room_number", "205"),
        ("checkin_time", "15:00"),
        ("checkout_date", "18.1."),
    ]);
    for (language, word) in [("he", "ברוכים"), ("ar", "أهلًا"), ("en", "welcome")] {
        let content =
            json!({"name": "welcome_checkin", "language": {"code": language}, "components": [values]});
        sim.sent_as(ADA, "template", content).await;
        let text = last(&sim).await["text"].as_str().unwrap().to_owned();
        assert!(text.contains(word) && text.contains("205"), "{text}");
    }
    let unknown = json!({"name": "welcome_checkin", "language": {"code": "fr"}, "components": [values]});
    let (status, answer) = sim.send_as(ADA, "template", unknown).await;
    assert_eq!((status, code(&answer)), (404, 132_001));
    assert!(details(&answer).contains("does not exist in fr"));
}

#[tokio::test]
async fn seeded_ids_stay_what_they_are() {
    let sim = Sim::start().await;
    let seeded = sim.get("templates").await;
    for (id, name) in [
        ("400000000000001", "welcome_checkin"),
        ("400000000000007", "hello_world"),
        ("400000000000008", "room_key"),
    ] {
        let found = seeded["data"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap();
        assert_eq!(found["name"], name);
    }
}
