//! Guests who have written, so that their windows are open.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::system::System;
use crate::until::until;

/// A number of the country in which the demo hotel stands; no batch goes there.
pub fn resident(n: usize) -> String {
    format!("+1415555{n:04}")
}

/// Lets so many guests write through the simulator, and waits until Bellhop knows all of it.
pub async fn write(system: &System, count: usize) -> Result<()> {
    let base: Arc<str> = format!("{}/simulator/guests", system.phones.url).into();
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
    let mut writing = JoinSet::new();
    for n in 0..count {
        if writing.len() >= 32
            && let Some(wrote) = writing.join_next().await
        {
            wrote??;
        }
        writing.spawn(write_one(http.clone(), Arc::clone(&base), n));
    }
    while let Some(wrote) = writing.join_next().await {
        wrote??;
    }
    until("the guests' messages", Duration::from_secs(60), async || {
        let pending = system.phones.get("/webhooks").await["pending"].as_u64();
        Ok((pending == Some(0)).then_some(()))
    })
    .await
}

async fn write_one(http: reqwest::Client, guests: Arc<str>, n: usize) -> Result<()> {
    let phone = resident(n);
    let known = json!({"phone": phone, "name": format!("Guest {n}")});
    let text = json!({"type": "text", "text": {"body": "Hello"}});
    let chat = format!("{guests}/{}/messages", phone.trim_start_matches('+'));
    for (url, body) in [(&*guests, &known), (chat.as_str(), &text)] {
        post(&http, url, body).await?;
    }
    Ok(())
}

async fn post(http: &reqwest::Client, url: &str, body: &Value) -> Result<()> {
    let answer = http.post(url).json(body).send().await?;
    let status = answer.status();
    ensure!(status.is_success(), "{url}: {status} {}", answer.text().await?);
    Ok(())
}
