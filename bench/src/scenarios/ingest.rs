//! Inbound texts, as WhatsApp posts them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bellhop_e2e::services::Pair;

use super::{Asked, Size};
use crate::callback::{Callback, GUESTS};
use crate::load::{CLIENTS, drive};
use crate::raw;
use crate::system::System;

const TEXT: &str = "Is the pool open until nine?";

pub async fn run(size: Size) -> Result<()> {
    let time = Duration::from_secs(size.of(10) as u64);
    let runs = [one(Pair::Embedded, time).await?, one(Pair::Services, time).await?];
    super::print("ingest: signed inbound texts by POST webhook, 16 clients", &runs);
    Ok(())
}

async fn one(pair: Pair, time: Duration) -> Result<Asked> {
    let mut system = System::on(pair, 1).await?;
    let callback = Arc::new(Callback::of(&system)?);
    // Guests and conversations are made by a first message each, which is not counted.
    meet_all(&callback).await?;
    let before = system.watch().now()?;
    let load = drive(time, move |client, n| {
        let callback = Arc::clone(&callback);
        async move { callback.say(client + n * CLIENTS, &format!("{client}-{n}"), TEXT).await }
    })
    .await?;
    let cpu = system.watch().now()?.since(&before);
    system.stop().await?;
    let raw = raw::one::run(&system, time).await?;
    Ok(Asked { pair, load, cpu, raw })
}

/// Each guest's first message.
pub async fn meet_all(callback: &Callback) -> Result<()> {
    for n in (0..GUESTS).step_by(CLIENTS) {
        let first =
            (n..n + CLIENTS).map(|n| async move { callback.say(n, &format!("first-{n}"), TEXT).await });
        futures_util::future::try_join_all(first).await?;
    }
    Ok(())
}
