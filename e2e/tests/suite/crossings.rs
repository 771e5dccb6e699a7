//! Transactions that really cross each other, which takes PostgreSQL: SQLite has one writer.

use std::sync::Arc;
use std::time::Duration;

use bellhop_e2e::{Home, Hotel, services};
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

#[tokio::test]
async fn a_merge_that_crosses_a_message_and_a_send_loses_neither() {
    let Some(services) = services::unless_embedded().await else { return };
    let hotel = Arc::new(Hotel::at(Home::on_services(services).await, &[]).await);
    // Known by number only: another user id would be another person.
    hotel.phones.guest(json!({"phone": PHONE, "bsuid": null})).await;
    hotel.guest(PHONE, "Ana").await;
    let hook = inbound(&Inbound { bsuid: Some("US.777"), wamid: "wamid.B1", text: "b1", ..Inbound::of(1) });
    assert_eq!(deliver(&hotel, &hook, Some(&secret())).await, 200);
    let all = hotel.staff.get("/conversations").await.expect(200);
    let hidden =
        all["data"].as_array().unwrap().iter().find(|c| c["guest"]["bsuid"] == "US.777").unwrap().clone();
    let hidden = hidden["conversation_id"].as_str().unwrap().to_owned();

    // Held back by a lock, merge, message and send pile up in this order, then go at once.
    let database = Database::connect(hotel.home.scratch().database_url()).await.unwrap();
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
    Arc::into_inner(hotel).expect("nobody else holds it").close().await;
}

#[tokio::test]
async fn a_status_without_echo_that_crosses_its_answer_is_not_lost() {
    let Some(services) = services::unless_embedded().await else { return };
    let hotel = Arc::new(Hotel::at(Home::on_services(services).await, &[]).await);
    hotel.guest(PHONE, "Ana").await;
    hotel.phones.faults(json!({"latency_ms": 300, "webhooks": {"silent": true}})).await;
    let sent = id(&hotel.staff.text(PHONE, "x").await.expect(202));
    hotel.staff.until(&sent, &["sending"]).await;
    // The answer cannot be stored while its row is held, the status not while this table is.
    let database = Database::connect(hotel.home.scratch().database_url()).await.unwrap();
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
    Arc::into_inner(hotel).expect("nobody else holds it").close().await;
}
