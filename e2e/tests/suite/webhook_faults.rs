//! The provider's webhooks in every bad order.

use bellhop_e2e::{Hotel, eventually};
use serde_json::{Value, json};

const PHONE: &str = "+14155552671";

async fn inbound_texts(hotel: &Hotel, conversation: &str) -> Vec<String> {
    let detail = hotel.staff.get(&format!("/conversations/{conversation}?limit=100")).await.expect(200);
    let messages = detail["messages"].as_array().cloned().unwrap_or_default();
    let inbound = messages.iter().filter(|m| m["direction"] == "inbound");
    inbound.map(|m| m["content"]["text"].as_str().unwrap_or_default().to_owned()).collect()
}

fn id(sent: &Value) -> &str {
    sent["message_id"].as_str().expect("an id")
}

#[tokio::test]
async fn duplicates_change_nothing() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"webhooks": {"duplicate": 3}})).await;
    hotel.phones.writes(PHONE, "once").await;
    let sent = hotel.staff.text(PHONE, "hi").await.expect(202);
    let read = hotel.staff.until(id(&sent), &["read"]).await;
    hotel.phones.writes(PHONE, "last").await;
    eventually("the last text", || async {
        let texts = inbound_texts(&hotel, &conversation).await;
        texts.contains(&"last".to_owned()).then_some(())
    })
    .await;
    assert_eq!(inbound_texts(&hotel, &conversation).await, ["Hello", "once", "last"]);
    let again = hotel.staff.get(&format!("/messages/{}", id(&sent))).await.expect(200);
    assert_eq!(again, read);
    hotel.close().await;
}

#[tokio::test]
async fn read_before_sent_ends_as_read() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    hotel
        .phones
        .faults(
            json!({"webhooks": {"reorder": true}, "status_delay_ms": {"sent": 0, "delivered": 0, "read": 0}}),
        )
        .await;
    let mut sent = Vec::new();
    for n in 0..6 {
        sent.push(hotel.staff.text(PHONE, &format!("text {n}")).await.expect(202));
    }
    for message in &sent {
        // All three times: what comes late still fills in what it tells, and moves nothing back.
        eventually("all three times", || async {
            let message = hotel.staff.get(&format!("/messages/{}", id(message))).await.expect(200);
            let all = ["sent_at", "delivered_at", "read_at"].iter().all(|time| message[*time].is_string());
            (message["status"] == "read" && all).then_some(())
        })
        .await;
    }
    hotel.close().await;
}

#[tokio::test]
async fn a_status_may_come_before_the_answer_of_its_send() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    hotel
        .phones
        .faults(json!({"latency_ms": 1500, "status_delay_ms": {"sent": 0, "delivered": 0, "read": 0}}))
        .await;
    let sent = hotel.staff.text(PHONE, "slow").await.expect(202);
    let early = hotel.staff.until(id(&sent), &["sent", "delivered", "read"]).await;
    assert!(early["wamid"].is_string(), "the status brought it");
    // The answer comes later and takes nothing back.
    tokio::time::sleep(std::time::Duration::from_millis(1700)).await;
    let late = hotel.staff.until(id(&sent), &["read"]).await;
    assert_eq!(late["wamid"], early["wamid"]);
    assert_eq!(late["sent_twice"], false);
    assert_eq!(hotel.phones.ledger_of(PHONE).await.len(), 1);
    hotel.close().await;
}

#[tokio::test]
async fn a_batch_over_several_entries_is_applied_whole() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"webhooks": {"batch": true, "delay_ms": 100}})).await;
    for n in 0..5 {
        hotel.phones.writes(PHONE, &format!("line {n}")).await;
    }
    let sent = hotel.staff.text(PHONE, "hi").await.expect(202);
    hotel.staff.until(id(&sent), &["read"]).await;
    eventually("five lines", || async {
        (inbound_texts(&hotel, &conversation).await.len() == 6).then_some(())
    })
    .await;
    assert_eq!(
        inbound_texts(&hotel, &conversation).await,
        ["Hello", "line 0", "line 1", "line 2", "line 3", "line 4"]
    );
    hotel.close().await;
}

#[tokio::test]
async fn what_comes_after_the_windows_end_opens_none() {
    let hotel = Hotel::open().await;
    hotel.phones.guest(json!({"phone": PHONE, "name": "Ana"})).await;
    let yesterday =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() - 86_500;
    let path = format!("/guests/{}/messages", &PHONE[1..]);
    let body = json!({"type": "text", "text": {"body": "late"}, "timestamp": yesterday.to_string()});
    hotel.phones.post(&path, &body).await;
    let conversation = hotel.staff.conversation_of(PHONE).await;
    let window = hotel
        .staff
        .get(&format!("/conversations/{}/window-status", conversation["conversation_id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(window["within_window"], false);
    assert_eq!(hotel.staff.text(PHONE, "hello?").await.refused(403), "MESSAGE_WINDOW_EXPIRED");
    hotel.close().await;
}

#[tokio::test]
async fn a_webhook_delayed_past_the_windows_end_opens_none() {
    let hotel = Hotel::open().await;
    hotel.phones.guest(json!({"phone": PHONE, "name": "Ana"})).await;
    hotel.phones.faults(json!({"webhooks": {"delay_ms": 1500}})).await;
    hotel.phones.writes(PHONE, "on its way").await;
    hotel.phones.advance_clock(25 * 3600).await;
    let conversation = hotel.staff.conversation_of(PHONE).await;
    let path = format!("/conversations/{}/window-status", conversation["conversation_id"].as_str().unwrap());
    assert_eq!(hotel.staff.get(&path).await.expect(200)["within_window"], false);
    hotel.close().await;
}

#[tokio::test]
async fn a_text_that_waited_past_the_windows_end_expires() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    // Refused for now, again and again: the text waits while the window closes.
    hotel.phones.faults(json!({"send_error": {"code": 131016}})).await;
    let sent = hotel.staff.text(PHONE, "too late").await.expect(202);
    eventually("the first refusal", || async {
        let message = hotel.staff.get(&format!("/messages/{}", id(&sent))).await.expect(200);
        (message["status"] == "queued" && message["failure"]["code"] == 131_016).then_some(())
    })
    .await;
    hotel.phones.advance_clock(25 * 3600).await;
    hotel.phones.no_faults().await;
    let expired = hotel.staff.until(id(&sent), &["expired", "sent", "failed"]).await;
    assert_eq!(expired["status"], "expired");
    assert!(hotel.phones.ledger_of(PHONE).await.is_empty());
    hotel.close().await;
}

#[tokio::test]
async fn silence_leaves_the_message_sent_and_its_end_brings_the_rest() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"webhooks": {"silent": true}})).await;
    let sent = hotel.staff.text(PHONE, "hello").await.expect(202);
    hotel.staff.until(id(&sent), &["sent"]).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let message = hotel.staff.get(&format!("/messages/{}", id(&sent))).await.expect(200);
    assert_eq!(message["status"], "sent", "the answer alone proves no more");
    hotel.phones.no_faults().await;
    hotel.staff.until(id(&sent), &["read"]).await;
    hotel.close().await;
}

#[tokio::test]
async fn read_without_delivered_is_legal() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"webhooks": {"skip_delivered": true}})).await;
    let sent = hotel.staff.text(PHONE, "hello").await.expect(202);
    let read = hotel.staff.until(id(&sent), &["read"]).await;
    assert!(read.get("delivered_at").is_none_or(Value::is_null), "{read}");
    hotel.close().await;
}
