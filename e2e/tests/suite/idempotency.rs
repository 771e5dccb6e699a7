//! The same request twice is one message, before and after a crash.

use bellhop_e2e::{Answer, Api, BellhopProcess, Home, Hotel, Phones, text_to};
use reqwest::Method;
use serde_json::{Value, json};

const PHONE: &str = "+1234567890";

async fn send(api: &Api, body: &Value, key: &str) -> Answer {
    api.ask(Method::POST, "/messages/send", Some(body), &[("Idempotency-Key", key)]).await
}

#[tokio::test]
async fn a_repeat_answers_with_the_same_message_and_its_present_status() {
    let hotel = Hotel::open().await;
    let body = text_to(PHONE, "once");
    let first = send(&hotel.staff, &body, "key-1").await.expect(202);
    hotel.staff.until(first["message_id"].as_str().unwrap(), &["read"]).await;
    let again = send(&hotel.staff, &body, "\"key-1\"").await.expect(202);
    assert_eq!(again["message_id"], first["message_id"]);
    assert_eq!(again["conversation_id"], first["conversation_id"]);
    assert_eq!(again["status"], "read");
    // Even when the request would be refused by now.
    hotel.phones.advance_clock(23 * 3600).await;
    let later = send(&hotel.staff, &body, "key-1").await.expect(202);
    assert_eq!(later["message_id"], first["message_id"]);
    // Another body is another request; another token has its own keys; so has another path.
    assert_eq!(
        send(&hotel.staff, &text_to(PHONE, "twice"), "key-1").await.refused(422),
        "IDEMPOTENCY_KEY_REUSED"
    );
    let others = send(&hotel.admin, &body, "key-1").await.expect(202);
    assert_ne!(others["message_id"], first["message_id"]);
    let template = json!({"guest_phone": PHONE, "template_name": "hello_world", "language": "en_US"});
    let other_path = hotel
        .staff
        .ask(Method::POST, "/templates/send", Some(&template), &[("Idempotency-Key", "key-1")])
        .await
        .expect(202);
    assert_ne!(other_path["message_id"], first["message_id"]);
    hotel.phones.until_ledger(PHONE, 3).await;
    assert_eq!(hotel.phones.ledger_of(PHONE).await.len(), 3);
    hotel.close().await;
}

#[tokio::test]
async fn the_same_key_at_the_same_time_makes_one_message() {
    let hotel = Hotel::open().await;
    let body = text_to(PHONE, "together");
    let all = (0..8).map(|_| send(&hotel.staff, &body, "key-2"));
    let ids: Vec<Value> = futures_util::future::join_all(all)
        .await
        .into_iter()
        .map(|answer| answer.expect(202)["message_id"].clone())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    hotel.staff.until(ids[0].as_str().unwrap(), &["sent", "delivered", "read"]).await;
    assert_eq!(hotel.phones.ledger_of(PHONE).await.len(), 1);
    hotel.close().await;
}

#[tokio::test]
async fn the_same_key_after_a_crash_makes_nothing_new() {
    let phones = Phones::start(1).await;
    let home = Home::make().await;
    let first = BellhopProcess::start(&home, &phones.url, &[]).await;
    first.api.conversation_of(PHONE).await;
    let body = text_to(PHONE, "once");
    let sent = send(&first.api, &body, "key-3").await.expect(202);
    first.kill().await;
    let second = BellhopProcess::start(&home, &phones.url, &[("BELLHOP_SEND_LEASE_SECONDS", "2")]).await;
    let again = send(&second.api, &body, "key-3").await.expect(202);
    assert_eq!(again["message_id"], sent["message_id"]);
    second.api.until(sent["message_id"].as_str().unwrap(), &["sent", "delivered", "read"]).await;
    assert_eq!(phones.ledger_of(PHONE).await.len(), 1);
    // Killed between the acceptance by WhatsApp and the storing of its answer.
    phones.faults(json!({"latency_ms": 3000})).await;
    let body = text_to(PHONE, "in between");
    let sent = send(&second.api, &body, "key-4").await.expect(202);
    phones.until_ledger(PHONE, 2).await;
    second.kill().await;
    phones.no_faults().await;
    let third = BellhopProcess::start(&home, &phones.url, &[("BELLHOP_SEND_LEASE_SECONDS", "2")]).await;
    let again = send(&third.api, &body, "key-4").await.expect(202);
    assert_eq!(again["message_id"], sent["message_id"]);
    third.api.until(sent["message_id"].as_str().unwrap(), &["sent", "delivered", "read"]).await;
    assert_eq!(phones.ledger_of(PHONE).await.len(), 2);
    third.kill().await;
}
