//! Batches with a pace of their own: how exactly WhatsApp sees it.

use std::time::Duration;

use anyhow::{Context, Result};

use super::Size;
use crate::ledger;
use crate::recipients::{settled, upload};
use crate::system::System;
use crate::table::{Table, number};

const PATIENCE: Duration = Duration::from_secs(120);

pub async fn run(size: Size) -> Result<()> {
    let columns =
        ["pace /s", "messages", "workers", "latency ms", "most in 1 s", "over", "mean /s", "of the pace"];
    let mut table = Table::new("pacing: at the simulator, statuses silenced", &columns);
    let mut system = System::split(0).await?;
    system.unlimited().await?;
    let mut next = 0;
    for workers in 1..=2 {
        system.add_worker().await;
        for latency in [0, 100] {
            system.silence(latency).await;
            for (pace, count) in [(100_u32, size.of(2_000)), (1_000, size.of(10_000))] {
                let batch = upload(&system.staff, next..next + count, Some(pace)).await?;
                settled(&system.staff, &batch, "sent", PATIENCE).await?;
                next += count;
                let accepted = ledger::acceptances(&system.phones, "template").await?;
                let first = accepted.len().checked_sub(count).context("all are in the ledger")?;
                let times: Vec<i64> = accepted[first..].iter().map(|(at, _)| *at).collect();
                let (most, mean) = (ledger::most_in_a_second(&times), ledger::mean_rate(&times));
                table.row(vec![
                    pace.to_string(),
                    count.to_string(),
                    workers.to_string(),
                    latency.to_string(),
                    most.to_string(),
                    format!("{:+.1} %", 100.0 * (most as f64 / f64::from(pace) - 1.0)),
                    number(mean, 1),
                    format!("{:.1} %", 100.0 * mean / f64::from(pace)),
                ]);
            }
        }
    }
    table.print();
    Ok(())
}
