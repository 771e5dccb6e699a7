//! Single texts to guests with open windows, from clients that wait for nothing but the 202.

use std::time::Duration;

use anyhow::{Result, ensure};
use bellhop_e2e::services::Pair;

use super::{Asked, Size};
use crate::guests;
use crate::ledger;
use crate::load::{CLIENTS, drive};
use crate::raw;
use crate::system::System;

/// A guest may be sent 45 texts at once: enough guests that this limit is never met.
const GUESTS: usize = 1_024;

pub async fn run(size: Size) -> Result<()> {
    let time = Duration::from_secs(size.of(10) as u64);
    let runs = [one(Pair::Embedded, time).await?, one(Pair::Services, time).await?];
    super::print("single: texts by POST messages/send, 16 clients, statuses silenced", &runs);
    Ok(())
}

async fn one(pair: Pair, time: Duration) -> Result<Asked> {
    let mut system = System::on(pair, 1).await?;
    system.unlimited().await?;
    guests::write(&system, GUESTS).await?;
    system.silence(0).await;
    let api = system.staff.clone();
    let before = system.watch().now()?;
    let load = drive(time, move |client, n| {
        let api = api.clone();
        async move {
            let phone = guests::resident((client + n * CLIENTS) % GUESTS);
            let answer = api.text(&phone, "Your taxi is here.").await;
            ensure!(answer.status == 202, "{}", answer.body);
            Ok(())
        }
    })
    .await?;
    ledger::until_count(&system.phones, load.count(), Duration::from_secs(60)).await?;
    // The last answers are being stored.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let cpu = system.watch().now()?.since(&before);
    system.stop().await?;
    let raw = raw::one::run(&system, time).await?;
    Ok(Asked { pair, load, cpu, raw })
}
