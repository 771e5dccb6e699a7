//! What a restart keeps.

mod common;

use std::{io::Write, path::Path};

use common::{Receiver, Sim};
use serde_json::{Value, json};

const ADA: &str = "972541234567";

fn journal(dir: &Path) -> std::path::PathBuf {
    dir.join("simulator-1.jsonl")
}

/// What matters of a simulator, for comparing it with itself after a restart.
async fn picture(sim: &Sim) -> Value {
    let mut chat = sim.get(&format!("guests/{ADA}/chat")).await;
    chat["now"].take();
    json!({
        "guests": sim.get("guests").await,
        "chat": chat,
        "ledger": sim.ledger("").await,
        "number": sim.get(&sim.number_path()).await,
        "templates": sim.get("templates").await,
        "webhooks": sim.get("webhooks").await,
    })
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    sim.be_quick().await;
    let receiver = Receiver::start().await;
    sim.register(&receiver).await;
    sim.control("PUT", &sim.number_path(), json!({"throughput": 20, "pair_limit": false})).await;
    sim.control("PUT", "templates", json!({"name": "hello_world", "language": "en_US", "status": "PAUSED"}))
        .await;
    sim.control("POST", "clock", json!({"advance_seconds": 3_600})).await;
    sim.open_guest(ADA).await;
    sim.guest(json!({"name": "Noa", "hidden_number": true})).await;
    sim.text(ADA, "forgotten by the ledger").await;
    sim.control("DELETE", "messages", Value::Null).await;
    sim.text(ADA, "kept").await;
    let last = sim.writes(ADA, "and an answer").await;
    let read = json!({"messaging_product": "whatsapp", "status": "read", "message_id": last});
    assert_eq!(sim.send(read).await.0, 200);
    receiver.wait_for_updates(8).await;
    sim.idle().await;
    let before = picture(&sim).await;
    assert_eq!((&before["ledger"]["count"], &before["number"]["throughput"]), (&json!(1), &json!(20)));
    sim.stop().await;

    for _ in 0..2 {
        let sim = Sim::open(Some(dir.path())).await;
        assert_eq!(picture(&sim).await, before);
        assert_eq!(sim.clock.offset_ms(), 3_600_000);
        sim.text(ADA, "the window is still open").await;
        sim.control("DELETE", "messages", Value::Null).await;
        sim.stop().await;
        // What this round added must not be in the next one's comparison.
        let text = std::fs::read_to_string(journal(dir.path())).unwrap();
        let until = text.find("the window is still open").unwrap();
        let start = text[..until].rfind('\n').unwrap() + 1;
        std::fs::write(journal(dir.path()), &text[..start]).unwrap();
    }
}

#[tokio::test]
async fn a_torn_line_costs_that_line_only() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    sim.open_guest(ADA).await;
    let id = sim.text(ADA, "whole").await;
    sim.stop().await;
    let mut file = std::fs::OpenOptions::new().append(true).open(journal(dir.path())).unwrap();
    file.write_all(b"[\"sent\",{\"id\":\"wamid.torn\",\"gue").unwrap();
    drop(file);
    let sim = Sim::open(Some(dir.path())).await;
    assert_eq!(sim.ledger("").await["data"][0]["id"], id);
    let second = sim.text(ADA, "after").await;
    sim.stop().await;
    let sim = Sim::open(Some(dir.path())).await;
    let ledger = sim.ledger("").await;
    assert_eq!((&ledger["count"], &ledger["data"][1]["id"]), (&json!(2), &json!(second)));
}

#[tokio::test]
async fn an_answered_send_is_in_the_file_already() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    sim.open_guest(ADA).await;
    for n in 0..20 {
        let id = sim.text(ADA, &n.to_string()).await;
        assert!(std::fs::read_to_string(journal(dir.path())).unwrap().contains(&id));
    }
    let text = std::fs::read_to_string(journal(dir.path())).unwrap();
    assert!(!text.contains(&sim.account.access_token) && !text.contains(&sim.account.app_secret));
}

#[tokio::test]
async fn undelivered_webhooks_are_delivered_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let sim = Sim::open(Some(dir.path())).await;
    sim.register(&receiver).await;
    sim.control("PUT", "faults", json!({"webhooks": {"silent": true}})).await;
    sim.open_guest(ADA).await;
    let id = sim.text(ADA, "x").await;
    assert_eq!(sim.get("webhooks").await["pending"], 4);
    sim.stop().await;
    let sim = Sim::open(Some(dir.path())).await;
    receiver.wait_for_updates(4).await;
    assert_eq!(receiver.statuses(&id), ["sent", "delivered", "read"]);
    sim.idle().await;
    sim.stop().await;
    let sim = Sim::open(Some(dir.path())).await;
    assert_eq!(sim.get("webhooks").await["pending"], 0, "told is told");
}

#[tokio::test]
async fn merged_guests_stay_merged() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    sim.open_guest(ADA).await;
    sim.guest(json!({"bsuid": "IL.77", "hidden_number": true})).await;
    sim.writes("IL.77", "hi").await;
    sim.guest(json!({"phone": ADA, "bsuid": "IL.77"})).await;
    sim.writes(ADA, "one of us").await;
    let before = picture(&sim).await;
    assert_eq!(before["chat"]["data"].as_array().unwrap().len(), 3);
    sim.stop().await;
    for _ in 0..2 {
        let sim = Sim::open(Some(dir.path())).await;
        assert_eq!(picture(&sim).await, before);
        sim.stop().await;
    }
}
