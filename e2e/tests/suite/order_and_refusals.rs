//! Refusals for now, refusals for good, doubts, and the order within a conversation.

use bellhop_e2e::{Hotel, eventually};
use serde_json::{Value, json};

const PHONE: &str = "+14155552671";

fn id(sent: &Value) -> &str {
    sent["message_id"].as_str().expect("an id")
}

async fn texts_on_the_phone(hotel: &Hotel) -> Vec<String> {
    let ledger = hotel.phones.ledger_of(PHONE).await;
    ledger
        .iter()
        .map(|send| send["payload"]["text"]["body"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn three_messages_keep_their_order_when_the_first_is_refused_for_now() {
    for code in [130_429, 131_056, 131_016, 2] {
        let hotel = Hotel::open().await;
        hotel.guest(PHONE, "Ana").await;
        hotel.phones.faults(json!({"send_error": {"code": code, "times": 1}})).await;
        let mut sent = Vec::new();
        for text in ["one", "two", "three"] {
            sent.push(hotel.staff.text(PHONE, text).await.expect(202));
        }
        let ledger = hotel.phones.until_ledger(PHONE, 3).await;
        assert_eq!(ledger.len(), 3);
        assert_eq!(texts_on_the_phone(&hotel).await, ["one", "two", "three"], "after {code}");
        for message in &sent {
            hotel.staff.until(id(message), &["sent", "delivered", "read"]).await;
        }
        let first = hotel.staff.get(&format!("/messages/{}", id(&sent[0]))).await.expect(200);
        assert_eq!(first["attempts"], 2);
        hotel.close().await;
    }
}

#[tokio::test]
async fn what_never_succeeds_fails_and_does_not_hold_the_rest() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"send_error": {"code": 131_026, "times": 1}})).await;
    let first = hotel.staff.text(PHONE, "one").await.expect(202);
    let second = hotel.staff.text(PHONE, "two").await.expect(202);
    let failed = hotel.staff.until(id(&first), &["failed"]).await;
    assert_eq!(failed["failure"]["code"], 131_026);
    let status = hotel.staff.get(&format!("/messages/{}/status", id(&first))).await.expect(200);
    assert!(status["failure_reason"]["details"].as_str().unwrap().contains("131026"), "{status}");
    assert_eq!(status["sent_at"], Value::Null);
    hotel.staff.until(id(&second), &["sent", "delivered", "read"]).await;
    assert_eq!(texts_on_the_phone(&hotel).await, ["two"]);
    hotel.close().await;
}

#[tokio::test]
async fn an_unanswered_attempt_is_in_doubt_until_its_echo() {
    let hotel = Hotel::with(&[("BELLHOP_SEND_LEASE_SECONDS", "2")]).await;
    hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"never_answer": {"times": 1}, "webhooks": {"silent": true}})).await;
    let first = hotel.staff.text(PHONE, "perhaps").await.expect(202);
    let second = hotel.staff.text(PHONE, "surely").await.expect(202);
    let doubt = hotel.staff.until(id(&first), &["in_doubt"]).await;
    assert!(doubt["in_doubt_since"].is_string());
    // A doubt does not hold back what comes after it.
    hotel.staff.until(id(&second), &["sent"]).await;
    // The echo settles it; nothing was sent again.
    hotel.phones.no_faults().await;
    let settled = hotel.staff.until(id(&first), &["delivered", "read"]).await;
    assert!(settled.get("in_doubt_since").is_none_or(Value::is_null));
    assert_eq!(texts_on_the_phone(&hotel).await, ["perhaps", "surely"]);
    hotel.close().await;
}

#[tokio::test]
async fn a_connection_closed_after_acceptance_is_a_doubt_not_a_retry() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"close_after_accept": {"times": 1}, "webhooks": {"silent": true}})).await;
    let sent = hotel.staff.text(PHONE, "perhaps").await.expect(202);
    hotel.staff.until(id(&sent), &["in_doubt"]).await;
    hotel.phones.no_faults().await;
    hotel.staff.until(id(&sent), &["read"]).await;
    assert_eq!(hotel.phones.ledger_of(PHONE).await.len(), 1);
    hotel.close().await;
}

#[tokio::test]
async fn staff_decide_a_doubt_and_a_double_is_reported() {
    let hotel = Hotel::with(&[("BELLHOP_SEND_LEASE_SECONDS", "2")]).await;
    hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"close_after_accept": {"times": 1}, "webhooks": {"silent": true}})).await;
    let sent = hotel.staff.text(PHONE, "perhaps").await.expect(202);
    let path = format!("/messages/{}/resolve-doubt", id(&sent));
    hotel.staff.until(id(&sent), &["in_doubt"]).await;
    hotel.staff.post(&path, &json!({"action": "resend"})).await.expect(200);
    hotel.staff.until(id(&sent), &["sent"]).await;
    assert_eq!(
        hotel.staff.post(&path, &json!({"action": "resend"})).await.refused(409),
        "MESSAGE_NOT_IN_DOUBT"
    );
    hotel.phones.no_faults().await;
    eventually("the double to be reported", || async {
        let message = hotel.staff.get(&format!("/messages/{}", id(&sent))).await.expect(200);
        (message["sent_twice"] == true).then_some(())
    })
    .await;
    assert_eq!(hotel.phones.ledger_of(PHONE).await.len(), 2);
    hotel.close().await;
}

#[tokio::test]
async fn a_doubt_that_is_given_up_says_so() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"close_after_accept": {"times": 1}, "webhooks": {"silent": true}})).await;
    let sent = hotel.staff.text(PHONE, "perhaps").await.expect(202);
    hotel.staff.until(id(&sent), &["in_doubt"]).await;
    let path = format!("/messages/{}/resolve-doubt", id(&sent));
    let given_up = hotel.staff.post(&path, &json!({"action": "mark_failed"})).await.expect(200);
    assert_eq!(given_up["status"], "failed");
    assert!(given_up["failure_reason"]["code"] == "MESSAGE_GIVEN_UP", "{given_up}");
    // The echo proves that it went out all the same.
    hotel.phones.no_faults().await;
    hotel.staff.until(id(&sent), &["delivered", "read"]).await;
    hotel.close().await;
}

#[tokio::test]
async fn the_resend_policy_counts_only_time_with_webhooks() {
    let hotel =
        Hotel::with(&[("BELLHOP_SEND_LEASE_SECONDS", "2"), ("BELLHOP_IN_DOUBT_HORIZON_SECONDS", "2")]).await;
    hotel.guest(PHONE, "Ana").await;
    hotel
        .admin
        .ask(reqwest::Method::PATCH, "/property", Some(&json!({"in_doubt_policy": "resend"})), &[])
        .await
        .expect(200);
    // An attempt that never reached anybody's phone: the simulator forgets it by a cleared ledger,
    // and says nothing of it while it is silent.
    hotel.phones.faults(json!({"close_after_accept": {"times": 1}, "webhooks": {"silent": true}})).await;
    let sent = hotel.staff.text(PHONE, "perhaps").await.expect(202);
    hotel.staff.until(id(&sent), &["in_doubt"]).await;
    // Silence proves nothing: well past the horizon nothing is sent again.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    let still = hotel.staff.get(&format!("/messages/{}", id(&sent))).await.expect(200);
    assert_eq!(still["status"], "in_doubt");
    assert_eq!(hotel.phones.ledger_of(PHONE).await.len(), 1);
    hotel.close().await;
}

#[tokio::test]
async fn wait_preference_answers_with_what_is_known() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    let body = bellhop_e2e::text_to(PHONE, "hi");
    let answer =
        hotel.staff.ask(reqwest::Method::POST, "/messages/send", Some(&body), &[("Prefer", "wait=5")]).await;
    assert_eq!(answer.headers["preference-applied"], "wait=5");
    let sent = answer.expect(202);
    assert!(["sent", "delivered", "read"].contains(&sent["status"].as_str().unwrap()), "{sent}");
    hotel.close().await;
}

#[tokio::test]
async fn a_guest_and_a_conversation_that_disagree_are_refused() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest(PHONE, "Ana").await;
    let mut body = bellhop_e2e::text_to("+1234567890", "hi");
    body["conversation_id"] = json!(conversation);
    assert_eq!(hotel.staff.post("/messages/send", &body).await.refused(409), "CONVERSATION_MISMATCH");
    body["guest_phone"] = json!("(415) 555-2671");
    hotel.staff.post("/messages/send", &body).await.expect(202);
    hotel.close().await;
}
