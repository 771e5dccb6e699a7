//! News that cross each other, on one engine or the other.

use std::sync::Arc;
use std::time::Duration;

use bellhop_e2e::services::{self, Scratch};
use bellhop_e2e::{Hotel, eventually};
use sea_orm::{ConnectionTrait, Database, TransactionTrait};
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
    hotel.staff.post(&format!("/messages/{one}/in-doubt"), &json!({"action": "resend"})).await.expect(200);
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

/// A hotel on a PostgreSQL database of its own, where two transactions can really cross.
async fn on_postgres() -> Option<(Arc<Hotel>, Scratch)> {
    let scratch = Scratch::make(services::find().await?).await;
    let hotel = Hotel::with(&[("BELLHOP_DATABASE_URL", &scratch.database_url)]).await;
    Some((Arc::new(hotel), scratch))
}

async fn close(hotel: Arc<Hotel>, scratch: Scratch) {
    Arc::into_inner(hotel).expect("nobody else holds it").close().await;
    scratch.remove().await;
}

#[tokio::test]
async fn a_merge_that_crosses_a_message_and_a_send_loses_neither() {
    let Some((hotel, scratch)) = on_postgres().await else {
        println!("left out: PostgreSQL, RabbitMQ and Redis do not all answer at their usual local ports");
        return;
    };
    hotel.guest(PHONE, "Ana").await;
    let hook = inbound(&Inbound { bsuid: Some("US.777"), wamid: "wamid.B1", text: "b1", ..Inbound::of(1) });
    assert_eq!(deliver(&hotel, &hook, Some(&secret())).await, 200);
    let all = hotel.staff.get("/conversations").await.expect(200);
    let hidden =
        all["data"].as_array().unwrap().iter().find(|c| c["guest"]["bsuid"] == "US.777").unwrap().clone();
    let hidden = hidden["conversation_id"].as_str().unwrap().to_owned();

    // Held back by a lock, merge, message and send pile up in this order, then go at once.
    let database = Database::connect(&scratch.database_url).await.unwrap();
    let hold = database.begin().await.unwrap();
    hold.execute_unprepared("SELECT id FROM conversations FOR UPDATE").await.unwrap();
    let hook = |of: Inbound<'static>| {
        let hotel = Arc::clone(&hotel);
        tokio::spawn(async move { deliver(&hotel, &inbound(&of), Some(&secret())).await })
    };
    let (number, bsuid) = (Some("14155552671"), Some("US.777"));
    let merge = hook(Inbound { wa_id: number, bsuid, wamid: "wamid.M1", text: "both", account: 1 });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let late = hook(Inbound { wa_id: None, bsuid, wamid: "wamid.B2", text: "b2", account: 1 });
    let body = json!({"conversation_id": hidden, "message_type": "text", "content": {"text": "answer"}});
    let staff = hotel.staff.clone();
    let send = tokio::spawn(async move { staff.post("/messages/send", &body).await.expect(202) });
    tokio::time::sleep(Duration::from_millis(300)).await;
    hold.commit().await.unwrap();
    assert_eq!((merge.await.unwrap(), late.await.unwrap()), (200, 200));
    hotel.staff.until(&id(&send.await.unwrap()), &["sent", "delivered", "read"]).await;

    let detail = hotel.staff.get(&format!("/conversations/{hidden}?limit=100")).await.expect(200);
    let messages = detail["messages"].as_array().unwrap();
    let texts: Vec<&str> = messages.iter().filter_map(|m| m["content"]["text"].as_str()).collect();
    for text in ["Hello", "b1", "both", "b2", "answer"] {
        assert_eq!(texts.iter().filter(|t| **t == text).count(), 1, "{text} in {texts:?}");
    }
    database.close().await.unwrap();
    close(hotel, scratch).await;
}

#[tokio::test]
async fn a_status_without_echo_that_crosses_its_answer_is_not_lost() {
    let Some((hotel, scratch)) = on_postgres().await else {
        println!("left out: PostgreSQL, RabbitMQ and Redis do not all answer at their usual local ports");
        return;
    };
    hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"latency_ms": 300, "webhooks": {"silent": true}})).await;
    let sent = id(&hotel.staff.text(PHONE, "x").await.expect(202));
    hotel.staff.until(&sent, &["sending"]).await;
    // The answer cannot be stored while its row is held, the status not while this table is.
    let database = Database::connect(&scratch.database_url).await.unwrap();
    let answer = database.begin().await.unwrap();
    answer.execute_unprepared("SELECT id FROM messages WHERE status = 'sending' FOR UPDATE").await.unwrap();
    let ledger = hotel.phones.until_ledger(PHONE, 1).await;
    let wamid = ledger[0]["id"].as_str().unwrap().to_owned();
    let status_row = database.begin().await.unwrap();
    status_row.execute_unprepared("LOCK TABLE webhook_changes IN EXCLUSIVE MODE").await.unwrap();
    let late = Arc::clone(&hotel);
    let hook =
        tokio::spawn(
            async move { deliver(&late, &status(&wamid, "delivered", None), Some(&secret())).await },
        );
    tokio::time::sleep(Duration::from_millis(600)).await;
    answer.commit().await.unwrap();
    hotel.staff.until(&sent, &["sent"]).await;
    status_row.commit().await.unwrap();
    assert_eq!(hook.await.unwrap(), 200);
    hotel.staff.until(&sent, &["delivered"]).await;
    database.close().await.unwrap();
    close(hotel, scratch).await;
}
