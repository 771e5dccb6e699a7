//! Single texts while a large batch takes all that the number may send.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::Size;
use crate::guests;
use crate::ledger;
use crate::load::Load;
use crate::recipients::{command, upload};
use crate::system::System;
use crate::table::{Table, number};

/// What WhatsApp gives a number of the usual kind.
const THROUGHPUT: u32 = 80;
/// Between two texts: a busy front desk, and no beat that the batch could fall in with.
const GAPS: [u64; 5] = [83, 127, 101, 59, 149];

pub async fn run(size: Size) -> Result<()> {
    let system = System::split(1).await?;
    let texts = size.of(200);
    guests::write(&system, texts).await?;
    system.limits(Some(THROUGHPUT), None).await?;
    let batch = upload(&system.staff, 0..size.of(40_000), None).await?;
    ledger::until_count(&system.phones, THROUGHPUT as usize, Duration::from_secs(30)).await?;
    let mut asked = HashMap::new();
    for n in 0..texts {
        tokio::time::sleep(Duration::from_millis(GAPS[n % GAPS.len()])).await;
        let phone = guests::resident(n);
        asked.insert(phone.trim_start_matches('+').to_owned(), SystemTime::now());
        let answer = system.staff.text(&phone, "Your taxi is here.").await;
        ensure!(answer.status == 202, "{}", answer.body);
    }
    let running = ledger::acceptances(&system.phones, "template").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let accepted = ledger::acceptances(&system.phones, "text").await?;
    command(&system.staff, &batch, "cancel").await?;
    ensure!(accepted.len() == texts, "{} of {texts} texts were handed over", accepted.len());
    let mut waits = Vec::with_capacity(texts);
    for (at, to) in &accepted {
        let asked = asked.get(to).context("somebody who was written to")?.duration_since(UNIX_EPOCH)?;
        // Acceptances are whole milliseconds, cut off.
        waits.push(Duration::from_millis(u64::try_from(*at)? + 1).saturating_sub(asked));
    }
    print(&Load::of(Duration::ZERO, waits), &running.iter().map(|(at, _)| *at).collect::<Vec<_>>());
    Ok(())
}

fn print(load: &Load, batch: &[i64]) {
    let title = "front desk: from the request until WhatsApp has it, a batch running at the number's 80/s";
    let mut table = Table::new(title, &["", "texts", "p50 ms", "p99 ms", "worst ms", "batch /s meanwhile"]);
    table.row(vec![
        "single texts".to_owned(),
        load.count().to_string(),
        number(load.percentile(0.5), 1),
        number(load.percentile(0.99), 1),
        number(load.percentile(1.0), 1),
        number(ledger::mean_rate(batch), 1),
    ]);
    table.print();
}
