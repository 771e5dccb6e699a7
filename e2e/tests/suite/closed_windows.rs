//! The 24-hour window: what goes out instead, once, and what is said where nothing does.

use bellhop_e2e::{Hotel, eventually};
use serde_json::{Value, json};

const PHONE: &str = "+14155552671";
const DAY: i64 = 24 * 3600;

fn fallback() -> Value {
    json!({"template_name": "service_followup", "language": "en",
        "parameters": {"guest_name": "Ana", "service_type": "late checkout"}})
}

fn text(words: &str) -> Value {
    json!({"guest_phone": PHONE, "message_type": "text", "content": {"text": words},
        "fallback_template": fallback()})
}

fn id(sent: &Value) -> &str {
    sent["message_id"].as_str().expect("an id")
}

const LEFT: [&str; 3] = ["sent", "delivered", "read"];

#[tokio::test]
async fn closed_at_acceptance_the_template_goes_out_and_says_so() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    let open = hotel.staff.post("/messages/send", &text("one")).await.expect(202);
    assert_eq!(open["fell_back"], false);
    hotel.staff.until(id(&open), &LEFT).await;
    hotel.phones.advance_clock(DAY).await;
    let closed = hotel.staff.post("/messages/send", &text("two")).await.expect(202);
    assert_eq!((&closed["fell_back"], &closed["language"]), (&json!(true), &json!("en")));
    let message = hotel.staff.until(id(&closed), &LEFT).await;
    assert_eq!((&message["message_type"], &message["fell_back"]), (&json!("template"), &json!(true)));
    let kinds: Vec<Value> =
        hotel.phones.ledger_of(PHONE).await.iter().map(|send| send["type"].clone()).collect();
    assert_eq!(kinds, ["text", "template"]);
    // A fallback that cannot be sent is refused although the window is open.
    hotel.phones.writes(PHONE, "I am back").await;
    let mut wrong = text("three");
    wrong["fallback_template"]["parameters"] = json!({});
    assert_eq!(hotel.staff.post("/messages/send", &wrong).await.refused(400), "INVALID_TEMPLATE_PARAMETERS");
    hotel.close().await;
}

#[tokio::test]
async fn closed_between_acceptance_and_dispatch_the_template_leaves() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    // Refused for now, and due again only when the window has closed.
    hotel.phones.faults(json!({"send_error": {"code": 131_016}})).await;
    let with = hotel.staff.post("/messages/send", &text("with")).await.expect(202);
    let without = hotel.staff.text(PHONE, "without").await.expect(202);
    eventually("the first refusal", || async {
        let message = hotel.staff.get(&format!("/messages/{}", id(&with))).await.expect(200);
        (message["attempts"].as_i64() >= Some(1)).then_some(())
    })
    .await;
    hotel.phones.advance_clock(DAY).await;
    hotel.phones.no_faults().await;
    let message = hotel.staff.until(id(&with), &LEFT).await;
    assert_eq!((&message["message_type"], &message["fell_back"]), (&json!("template"), &json!(true)));
    let expired = hotel.staff.until(id(&without), &["expired"]).await;
    let reason = &expired["failure_reason"];
    assert_eq!(reason["code"], "MESSAGE_WINDOW_EXPIRED");
    assert_eq!(reason["suggested_templates"][0], "service_followup", "{reason}");
    let ledger = hotel.phones.ledger_of(PHONE).await;
    assert_eq!(ledger.len(), 1, "{ledger:?}");
    hotel.close().await;
}

#[tokio::test]
async fn a_refusal_for_the_window_puts_the_template_into_the_same_message() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"send_error": {"code": 131_047, "times": 1}})).await;
    let with = hotel.staff.post("/messages/send", &text("with")).await.expect(202);
    let message = hotel.staff.until(id(&with), &LEFT).await;
    assert_eq!((&message["attempts"], &message["fell_back"]), (&json!(2), &json!(true)));
    assert_eq!(hotel.phones.ledger_of(PHONE).await.len(), 1);

    hotel.phones.faults(json!({"send_error": {"code": 131_047, "times": 1}})).await;
    let without = hotel.staff.text(PHONE, "without").await.expect(202);
    let failed = hotel.staff.until(id(&without), &["failed"]).await;
    assert_eq!(failed["failure_reason"]["code"], "MESSAGE_WINDOW_EXPIRED");
    assert!(failed["failure_reason"]["suggested_templates"].is_array());
    assert_eq!(failed["failure"]["code"], 131_047);
    hotel.close().await;
}

#[tokio::test]
async fn a_message_that_was_dropped_stays_failed_and_the_template_follows_once() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest(PHONE, "Ana").await;
    let faults = json!({"fail_status": {"code": 131_047, "times": 1}, "webhooks": {"duplicate": 2}});
    hotel.phones.faults(faults).await;
    let sent = hotel.staff.post("/messages/send", &text("dropped")).await.expect(202);
    let failed = hotel.staff.until(id(&sent), &["failed"]).await;
    assert_eq!((&failed["fell_back"], &failed["content"]["text"]), (&json!(false), &json!("dropped")));
    let ledger = hotel.phones.until_ledger(PHONE, 2).await;
    assert_eq!(ledger[1]["type"], "template");
    let path = format!("/conversations/{conversation}");
    let instead = eventually("the template's message to be sent", || async {
        let detail = hotel.staff.get(&path).await.expect(200);
        let all = detail["messages"].as_array().unwrap().clone();
        all.into_iter()
            .find(|message| message["fallback_for"] == sent["message_id"] && message["wamid"].is_string())
    })
    .await;
    assert_eq!((&instead["message_type"], &instead["fell_back"]), (&json!("template"), &json!(true)));
    // Told three times, and once more: still one. Nor does anybody send it again by mistake.
    hotel.staff.until(id(&instead), &["read"]).await;
    let retry = format!("/messages/{}/retry", id(&sent));
    let refused = hotel.staff.post(&retry, &json!({})).await.expect(409);
    assert_eq!(refused["error"]["details"]["fallback_message_id"], instead["message_id"]);
    assert_eq!(hotel.phones.ledger_of(PHONE).await.len(), 2);
    hotel.close().await;
}

#[tokio::test]
async fn windows_near_their_end_are_listed() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    let phones = |list: Value| -> Vec<Value> {
        list["data"].as_array().unwrap().iter().map(|row| row["guest_phone"].clone()).collect()
    };
    let of = |window: &str| {
        let path = format!("/conversations?window={window}");
        let staff = hotel.staff.clone();
        async move { phones(staff.get(&path).await.expect(200)) }
    };
    assert!(of("open").await.contains(&json!(PHONE)) && of("closing").await.is_empty());
    hotel.phones.advance_clock(DAY - 3600).await;
    assert!(of("closing").await.contains(&json!(PHONE)) && of("open").await.contains(&json!(PHONE)));
    hotel.phones.advance_clock(3600).await;
    assert!(of("closed").await.contains(&json!(PHONE)) && of("open").await.is_empty());
    assert_eq!(hotel.staff.get("/conversations?window=ajar").await.refused(400), "VALIDATION_FAILED");
    hotel.close().await;
}
