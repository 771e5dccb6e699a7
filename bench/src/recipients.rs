//! Batches as a hotel hands them in, and what became of them.

use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bellhop_e2e::Api;
use serde_json::{Value, json};

use crate::until::until;

const TEMPLATE: &str = "service_followup";
/// How long taking one batch in may take.
const TAKEN: Duration = Duration::from_secs(300);

/// The `n`th guest, whom nobody has met.
pub fn guest(n: usize) -> String {
    format!("+97254{n:07}")
}

/// A batch that was taken in whole.
pub struct Batch {
    id: String,
    count: usize,
}

/// Hands a batch in as JSON, to go as fast as the number may.
pub async fn hand_in(api: &Api, guests: Range<usize>) -> Result<Batch> {
    let recipients: Vec<Value> = guests.clone().map(|n| json!({"phone": guest(n)})).collect();
    let parameters = json!({"guest_name": "guest", "service_type": "the storm tonight: stay indoors"});
    let body = json!({
        "template": {"template_name": TEMPLATE, "language": "en", "parameters": parameters},
        "recipients": recipients,
    });
    let answer = tokio::time::timeout(TAKEN, api.post("/messages/batch-send", &body)).await?;
    ensure!(answer.status == 202, "{}", answer.body);
    batch_of(&answer.body, guests.len())
}

/// Hands a batch in as a CSV file, at a pace of its own if there is one.
pub async fn upload(api: &Api, guests: Range<usize>, pace: Option<u32>) -> Result<Batch> {
    let count = guests.len();
    let mut file = "phone,guest_name,service_type\n".to_owned();
    for n in guests {
        writeln!(file, "{},guest,the storm tonight: stay indoors", guest(n))?;
    }
    let pace = pace.map_or_else(String::new, |pace| format!("&messages_per_second={pace}"));
    let url = format!("{}/batches/upload?template_name={TEMPLATE}&language=en{pace}", api.base);
    // The file is read as fast as it is stored: the socket may be full for longer than the default of 30 s.
    let client = reqwest::Client::builder().timeout(TAKEN).tcp_user_timeout(None).build()?;
    let request = client.post(url).bearer_auth(&api.token).header("content-type", "text/csv");
    let answer = request.body(file).send().await?;
    let status = answer.status();
    let body: Value = answer.json().await?;
    ensure!(status == 202, "{status}: {body}");
    batch_of(&body, count)
}

fn batch_of(answer: &Value, count: usize) -> Result<Batch> {
    ensure!(answer["accepted"] == count, "not all were accepted: {answer}");
    let id = answer["batch_id"].as_str().context("a batch has an id")?.to_owned();
    Ok(Batch { id, count })
}

/// Waits until a batch is completed and each of its messages is in this state.
pub async fn settled(api: &Api, batch: &Batch, state: &str, patience: Duration) -> Result<()> {
    until(&format!("{} messages of a batch to be {state}", batch.count), patience, async || {
        // Counting is work for the database, which is measured: not often.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let found = api.get(&format!("/batches/{}", batch.id)).await.body;
        let there = found["counts"][state].as_u64();
        Ok((found["status"] == "completed" && there == Some(batch.count as u64)).then_some(()))
    })
    .await
}

/// `pause`, `resume` or `cancel`.
pub async fn command(api: &Api, batch: &Batch, what: &str) -> Result<()> {
    let answer = api.post(&format!("/batches/{}/{what}", batch.id), &json!({})).await;
    ensure!(answer.status == 200, "{what}: {}", answer.body);
    Ok(())
}
