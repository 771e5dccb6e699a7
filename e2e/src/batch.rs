//! Batches, as a program hands them in and follows them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Api, Phones, eventually, ledger};

/// The `n`th guest of a batch; nobody has met any of them.
pub fn guest(n: usize) -> String {
    format!("+97254{n:07}")
}

/// A template for these guests, with more fields laid over it.
pub fn to_guests(guests: impl Iterator<Item = usize>, more: Value) -> Value {
    let recipients: Vec<Value> = guests.map(|n| json!({"phone": guest(n)})).collect();
    let mut body = json!({"template": template(), "recipients": recipients});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

/// One of the demo's templates, filled in.
pub fn template() -> Value {
    json!({"template_name": "service_followup", "language": "en",
           "parameters": {"guest_name": "Dana", "service_type": "Spa"}})
}

/// Hands a batch in until it is accepted, as a program does that got no answer: the same request
/// with the same key.
pub async fn hand_in_surely(api: &Api, body: &Value, key: &str) -> String {
    let headers = [("Idempotency-Key", key)];
    eventually("the batch to be accepted", || async {
        let answer = api.try_ask(Method::POST, "/messages/batch-send", Some(body), &headers).await.ok()?;
        let accepted = answer.status.as_u16() == 202;
        accepted.then(|| answer.body["batch_id"].as_str().expect("an id").to_owned())
    })
    .await
}

/// The batch when none of it is queued or on the wire, at most `patience` from now.
pub async fn until_completed(api: &Api, id: &str, patience: Duration) -> Value {
    let deadline = tokio::time::Instant::now() + patience;
    let mut last = Value::Null;
    loop {
        if let Ok(answer) = api.try_ask(Method::GET, &format!("/batches/{id}"), None, &[]).await {
            if answer.body["status"] == "completed" {
                return answer.body;
            }
            last = answer.body;
        }
        assert!(tokio::time::Instant::now() < deadline, "was never completed: {last}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Every recipient.
pub async fn recipients(api: &Api, id: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/batches/{id}/recipients?limit=100{cursor}")).await.expect(200);
        all.extend(page["data"].as_array().expect("a list").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// Compares a completed batch with the simulator's ledger. Panics unless everybody who was accepted
/// is there, each who left has it once, and nobody twice; the messages in doubt.
pub async fn compare(api: &Api, phones: &Phones, id: &str, recipients: usize) -> Vec<String> {
    let all = self::recipients(api, id).await;
    assert_eq!(all.len(), recipients);
    let text = |recipient: &Value, field: &str| recipient[field].as_str().expect("a text").to_owned();
    let states: Vec<(String, String)> =
        all.iter().map(|recipient| (text(recipient, "message_id"), text(recipient, "status"))).collect();
    ledger::Comparison::of(&states, &phones.ledger().await).expect_exact()
}
