//! Drafts of templates, and their way through the review.

use serde_json::{Value, json};

use super::{Sim, code};

pub fn path(sim: &Sim) -> String {
    format!("{}/message_templates", sim.account.waba_id)
}

/// A draft that is right, with these components.
pub fn draft(name: &str, components: Value) -> Value {
    json!({"name": name, "language": "en", "category": "UTILITY", "components": components})
}

pub fn body(text: &str) -> Value {
    json!({"type": "BODY", "text": text})
}

pub async fn create(sim: &Sim, draft: Value) -> (u16, Value) {
    sim.graph("POST", &path(sim), draft).await
}

pub async fn created(sim: &Sim, draft: Value) -> String {
    let (status, answer) = create(sim, draft).await;
    assert_eq!((status, &answer["status"]), (200, &json!("PENDING")), "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

pub async fn status(sim: &Sim, id: &str) -> String {
    sim.graph("GET", id, Value::Null).await.1["status"].as_str().unwrap().to_owned()
}

/// Waits for the review of this template.
pub async fn decided(sim: &Sim, id: &str) -> String {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let now = status(sim, id).await;
        if now != "PENDING" {
            return now;
        }
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

pub async fn quick() -> Sim {
    let sim = Sim::quick().await;
    assert_eq!(sim.get("review").await, json!({"delay_ms": 1_000}));
    sim.control("PUT", "review", json!({"delay_ms": 20})).await;
    sim
}

/// The subcode of a refusal; 0 when there was none.
pub async fn subcode(sim: &Sim, wanted: Value) -> i64 {
    let (status, answer) = create(sim, wanted.clone()).await;
    if status == 200 {
        let name = wanted["name"].as_str().unwrap();
        let gone = format!("{}?name={name}", path(sim));
        assert_eq!(sim.graph("DELETE", &gone, Value::Null).await.0, 200);
        return 0;
    }
    let error = &answer["error"];
    assert_eq!((status, code(&answer)), (400, 100), "{wanted} -> {answer}");
    assert_eq!((&error["message"], &error["is_transient"]), (&json!("Invalid parameter"), &json!(false)));
    assert!(error["error_user_title"].is_string() && error["error_user_msg"].is_string(), "{answer}");
    error["error_subcode"].as_i64().unwrap()
}
