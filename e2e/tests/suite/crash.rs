//! `kill -9` at random moments: nothing lost, nothing doubled.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bellhop_e2e::{Api, BellhopProcess, Home, Phones, eventually, ledger, text_to};
use reqwest::Method;
use serde_json::json;
use tokio::sync::RwLock;

const CLIENTS: usize = 8;
const EACH: usize = 25;
const KILLS: usize = 5;

/// Sends its share, each until it is accepted, as a front end does that got no answer: the same
/// request with the same key. The ids of what was accepted.
async fn client(number: usize, api: Arc<RwLock<Option<Api>>>) -> Vec<String> {
    let mut accepted = Vec::new();
    for n in 0..EACH {
        let key = format!("{number}-{n}");
        let body = text_to(&guest(number), &format!("message {key}"));
        accepted.push(
            eventually(&format!("message {key} to be accepted"), || async {
                let api = api.read().await.clone()?;
                let headers = [("Idempotency-Key", key.as_str())];
                let answer = api.try_ask(Method::POST, "/messages/send", Some(&body), &headers).await.ok()?;
                let body = answer.expect(202);
                body["message_id"].as_str().map(str::to_owned)
            })
            .await,
        );
    }
    accepted
}

fn guest(number: usize) -> String {
    format!("+1415555{:04}", 1000 + number)
}

#[tokio::test]
async fn killed_at_random_moments_it_loses_and_doubles_nothing() {
    let webhooks = json!({"latency_ms": 30});
    let in_doubt = kill_while_sending(webhooks).await;
    println!("with webhooks: {in_doubt} still in doubt when last looked at");
}

/// Without echoes every doubt stays one until they come, so that none can hide.
#[tokio::test]
async fn killed_while_webhooks_are_silent_it_doubts_no_more_than_was_on_the_wire() {
    let silent = json!({"latency_ms": 30, "webhooks": {"silent": true}});
    let in_doubt = kill_while_sending(silent).await;
    println!("in silence: {in_doubt} in doubt");
}

/// Sends 200 messages while the process is killed again and again. How many were in doubt.
async fn kill_while_sending(faults: serde_json::Value) -> usize {
    let phones = Phones::start(1).await;
    let home = Home::make().await;
    let more = [("BELLHOP_SEND_LEASE_SECONDS", "2"), ("BELLHOP_SWEEP_INTERVAL_MS", "200")];
    let mut process = BellhopProcess::start(&home, &phones.url, &more).await;
    for number in 0..CLIENTS {
        phones.guest(json!({"phone": guest(number)})).await;
        phones.writes(&guest(number), "hello").await;
        process.api.conversation_of(&guest(number)).await;
    }
    phones.faults(faults).await;
    let api = Arc::new(RwLock::new(Some(process.api.clone())));
    let clients: Vec<_> = (0..CLIENTS).map(|n| tokio::spawn(client(n, Arc::clone(&api)))).collect();
    let mut on_the_wire = 0;
    for _ in 0..KILLS {
        tokio::time::sleep(random_moment()).await;
        *api.write().await = None;
        process.kill().await;
        // One message of a conversation at a time, so no more than this can have been under way.
        on_the_wire += CLIENTS;
        process = BellhopProcess::start(&home, &phones.url, &more).await;
        *api.write().await = Some(process.api.clone());
    }
    let mut accepted = Vec::new();
    for client in clients {
        accepted.extend(client.await.unwrap());
    }
    assert_eq!(accepted.iter().collect::<HashSet<_>>().len(), CLIENTS * EACH);

    // Each comes to rest. What reached the simulator did so once.
    let in_doubt = ledger::compare(&process.api, &phones, &accepted).await;
    assert!(in_doubt.len() <= on_the_wire, "{} in doubt, {on_the_wire} on the wire at most", in_doubt.len());
    phones.no_faults().await;
    ledger::settle(&process.api, &phones, &in_doubt).await;
    process.kill().await;
    in_doubt.len()
}

/// Somewhere within the time that the sends take.
fn random_moment() -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Duration::from_millis(100 + u64::from(now.subsec_micros() % 400))
}

#[tokio::test]
async fn what_a_killed_process_held_is_taken_over_or_in_doubt_within_thirty_seconds() {
    let phones = Phones::start(1).await;
    let home = Home::make().await;
    // The default lease.
    let process = BellhopProcess::start(&home, &phones.url, &[]).await;
    process.api.conversation_of("+1234567890").await;
    phones.faults(json!({"never_answer": {"times": 1}, "webhooks": {"silent": true}})).await;
    let sent = process.api.text("+1234567890", "held").await.expect(202);
    let waiting = process.api.text("+1234567890", "behind it").await.expect(202);
    phones.until_ledger("+1234567890", 1).await;
    process.kill().await;
    let killed = std::time::Instant::now();
    let process = BellhopProcess::start(&home, &phones.url, &[]).await;
    process.api.until(sent["message_id"].as_str().unwrap(), &["in_doubt"]).await;
    process.api.until(waiting["message_id"].as_str().unwrap(), &["sent"]).await;
    assert!(killed.elapsed() < Duration::from_secs(30), "took {:?}", killed.elapsed());
    phones.no_faults().await;
    process.api.until(sent["message_id"].as_str().unwrap(), &["delivered", "read"]).await;
    assert_eq!(phones.ledger_of("+1234567890").await.len(), 2);
    process.kill().await;
}
