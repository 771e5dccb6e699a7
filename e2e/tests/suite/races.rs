//! News that cross each other.

use std::time::Duration;

use bellhop_e2e::{Hotel, eventually};
use serde_json::{Value, json};

use crate::webhook_security::{Inbound, deliver, inbound, status};

const PHONE: &str = "+14155552671";

fn id(sent: &Value) -> String {
    sent["message_id"].as_str().expect("an id").to_owned()
}

fn secret() -> String {
    bellhop_simulator::well_known(1).app_secret
}

async fn message(hotel: &Hotel, id: &str) -> Value {
    hotel.staff.get(&format!("/messages/{id}")).await.expect(200)
}

#[tokio::test]
async fn a_failure_that_overtakes_the_answer_stays_a_failure() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"latency_ms": 1200, "webhooks": {"silent": true}})).await;
    let sent = id(&hotel.staff.text(PHONE, "x").await.expect(202));
    hotel.staff.until(&sent, &["sending"]).await;
    let hook = status("wamid.EARLY", "failed", Some(&format!("{sent}.1")));
    assert_eq!(deliver(&hotel, &hook, Some(&secret())).await, 200);
    assert_eq!(message(&hotel, &sent).await["status"], "failed");
    // The next of the conversation leaves after the answer, which takes nothing back.
    let next = id(&hotel.staff.text(PHONE, "y").await.expect(202));
    hotel.staff.until(&next, &["sent"]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let failed = message(&hotel, &sent).await;
    assert_eq!((&failed["status"], &failed["failure"]["code"]), (&json!("failed"), &json!(131_026)));
    hotel.close().await;
}

#[tokio::test]
async fn a_doubt_that_is_sent_again_waits_for_the_one_on_the_wire() {
    let hotel = Hotel::with(&[("BELLHOP_SEND_LEASE_SECONDS", "5")]).await;
    hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"close_after_accept": {"times": 1}, "webhooks": {"silent": true}})).await;
    let one = id(&hotel.staff.text(PHONE, "one").await.expect(202));
    hotel.staff.until(&one, &["in_doubt"]).await;
    hotel.phones.faults(json!({"latency_ms": 1500, "webhooks": {"silent": true}})).await;
    let two = id(&hotel.staff.text(PHONE, "two").await.expect(202));
    hotel.staff.until(&two, &["sending"]).await;
    hotel
        .staff
        .post(&format!("/messages/{one}/resolve-doubt"), &json!({"action": "resend"}))
        .await
        .expect(200);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(message(&hotel, &two).await["status"], "sending");
    assert_eq!(
        message(&hotel, &one).await["status"],
        "queued",
        "one of a conversation on the wire at a time"
    );
    hotel.staff.until(&one, &["sent"]).await;
    hotel.staff.until(&two, &["sent"]).await;
    hotel.close().await;
}

#[tokio::test]
async fn the_horizon_begins_with_the_doubt_and_ends_in_a_resend() {
    let more = [("BELLHOP_SEND_LEASE_SECONDS", "2"), ("BELLHOP_IN_DOUBT_HORIZON_SECONDS", "3")];
    let hotel = Hotel::with(&more).await;
    hotel.guest(PHONE, "Ana").await;
    let policy = json!({"in_doubt_policy": "resend"});
    hotel.admin.ask(reqwest::Method::PATCH, "/property", Some(&policy), &[]).await.expect(200);
    // Longer than the horizon without news: the next webhook vouches for it, but it lies before.
    tokio::time::sleep(Duration::from_secs(4)).await;
    hotel.phones.faults(json!({"close_after_accept": {"times": 1}, "webhooks": {"silent": true}})).await;
    let sent = id(&hotel.staff.text(PHONE, "perhaps").await.expect(202));
    hotel.staff.until(&sent, &["in_doubt"]).await;
    let doubted = std::time::Instant::now();
    eventually("the resend", || async {
        let other = format!("wamid.OTHER{}", doubted.elapsed().as_millis());
        let hook = status(&other, "sent", None);
        assert_eq!(deliver(&hotel, &hook, Some(&secret())).await, 200);
        tokio::time::sleep(Duration::from_millis(300)).await;
        (message(&hotel, &sent).await["attempts"] == 2).then_some(())
    })
    .await;
    assert!(doubted.elapsed() >= Duration::from_millis(2900), "after {:?}", doubted.elapsed());
    hotel.staff.until(&sent, &["sent"]).await;
    hotel.close().await;
}

#[tokio::test]
async fn patience_belongs_to_one_cause() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"send_error": {"code": 131_016, "times": 2}})).await;
    let sent = id(&hotel.staff.text(PHONE, "x").await.expect(202));
    eventually("two refusals", || async {
        let message = message(&hotel, &sent).await;
        (message["attempts"] == 2 && message["status"] == "queued").then_some(())
    })
    .await;
    // 131000 is given up after three: this is its first.
    hotel.phones.faults(json!({"send_error": {"code": 131_000, "times": 1}})).await;
    let end = hotel.staff.until(&sent, &["failed", "sent", "delivered", "read"]).await;
    assert_ne!(end["status"], "failed", "{end}");
    assert_eq!(end["attempts"], 4);
    hotel.close().await;
}

#[tokio::test]
async fn messages_that_name_no_number_are_nobodys() {
    let hotel = Hotel::open().await;
    let mut hook = inbound(&Inbound { wa_id: Some("14155550000"), ..Inbound::of(1) });
    hook["entry"][0]["changes"][0]["value"].as_object_mut().unwrap().remove("metadata");
    assert_eq!(deliver(&hotel, &hook, Some(&secret())).await, 200);
    assert_eq!(hotel.staff.get("/conversations").await.expect(200)["data"].as_array().map(Vec::len), Some(1));
    hotel.close().await;
}
