//! The worker's memory with a large batch queued, and while it goes out.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

use super::Size;
use crate::cpu::memory;
use crate::ledger;
use crate::recipients::{command, upload};
use crate::system::System;
use crate::table::{Table, number};

const PATIENCE: Duration = Duration::from_secs(300);

pub async fn run(size: Size) -> Result<()> {
    let count = size.of(100_000);
    let system = System::split(1).await?;
    system.unlimited().await?;
    system.silence(0).await;
    let worker = system.worker()?;
    let (idle, _) = memory(worker)?;
    let batch = upload(&system.staff, 0..count, None).await?;
    command(&system.staff, &batch, "pause").await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (queued, _) = memory(worker)?;
    command(&system.staff, &batch, "resume").await?;
    let deadline = Instant::now() + PATIENCE;
    while system.phones.get("/messages?limit=0").await["count"].as_u64().unwrap_or(0) < count as u64 {
        if Instant::now() > deadline {
            bail!("{count} messages took longer than {PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (after, most) = memory(worker)?;
    let times: Vec<i64> =
        ledger::acceptances(&system.phones, "template").await?.into_iter().map(|(at, _)| at).collect();
    let title = "memory: resident, of the worker, MB";
    let mut table =
        Table::new(title, &["recipients", "idle", "queued", "most while sending", "after", "sent /s"]);
    let mut row = vec![count.to_string()];
    row.extend([idle, queued, most, after].map(|mb| number(mb, 1)));
    row.push(number(ledger::mean_rate(&times), 0));
    table.row(row);
    table.print();
    Ok(())
}
