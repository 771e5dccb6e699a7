//! Bare posts of a body as long as a delivery's, unsigned and written down nowhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

/// Requests that Bellhop has under way for one partner, and for all.
const SHARE: usize = 8;
const ROOM: usize = 512;
/// An inbound text's, in bytes.
const BODY: usize = 700;

pub async fn run(base: &str, partners: usize, count: usize) -> Result<()> {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
    let (body, next) = ("x".repeat(BODY), Arc::new(AtomicUsize::new(0)));
    let mut clients = JoinSet::new();
    for client in 0..(partners * SHARE).min(ROOM) {
        let (http, body, next) = (http.clone(), body.clone(), Arc::clone(&next));
        let url = format!("{base}/{}", client % partners);
        clients.spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < count {
                let request = http.post(&url).header("content-type", "application/json");
                let answer = request.body(body.clone()).send().await?;
                ensure!(answer.status() == 204, "{}", answer.status());
            }
            Ok(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(())
}
