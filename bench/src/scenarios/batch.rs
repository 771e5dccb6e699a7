//! A batch as fast as it goes, without statuses and with all three.
//!
//! It is handed in while no worker runs, so that what taking in costs the database and what sending costs
//! it can be told apart.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Size;
use crate::cpu::Cpu;
use crate::ledger;
use crate::raw;
use crate::recipients::{hand_in, settled};
use crate::report::cpu_table;
use crate::system::System;
use crate::table::{Table, number};

const PATIENCE: Duration = Duration::from_secs(300);

struct Run {
    name: &'static str,
    count: usize,
    taken_in: Duration,
    all: Duration,
    /// On the wire, by the ledger.
    rate: f64,
    taking: Cpu,
    sending: Cpu,
    raw: raw::Figures,
}

pub async fn run(size: Size) -> Result<()> {
    let count = size.of(20_000);
    let silent = one("statuses silenced", count, true).await?;
    let told = one("sent, delivered, read", count, false).await?;
    print(&[silent, told]);
    let broker = raw::rabbitmq::run(size.of(50_000)).await?;
    broker.print();
    Ok(())
}

async fn one(name: &'static str, count: usize, silent: bool) -> Result<Run> {
    let mut system = System::split(0).await?;
    system.unlimited().await?;
    if silent {
        system.silence(0).await;
    }
    let began = Instant::now();
    let before = system.watch().now()?;
    let first = hand_in(&system.staff, 0..count / 2).await?;
    let second = hand_in(&system.staff, count / 2..count).await?;
    let taken_in = began.elapsed();
    let taken = system.watch().now()?;
    system.add_worker().await;
    ledger::until_count(&system.phones, count, PATIENCE).await?;
    let end = if silent { "sent" } else { "read" };
    for batch in [&first, &second] {
        settled(&system.staff, batch, end, PATIENCE).await?;
    }
    let sent = system.watch().now()?;
    let all = began.elapsed();
    let times: Vec<i64> =
        ledger::acceptances(&system.phones, "template").await?.into_iter().map(|(at, _)| at).collect();
    system.stop().await?;
    Ok(Run {
        name,
        count,
        taken_in,
        all,
        rate: ledger::mean_rate(&times),
        taking: taken.since(&before),
        sending: sent.since(&taken),
        raw: raw::batch::run(&system, count).await?,
    })
}

fn print(runs: &[Run]) {
    let columns = ["", "messages", "taken in /s", "sent /s", "end to end /s", "raw /s", "of raw"];
    let mut table = Table::new("batch: 1 api, 1 worker, 2 batches, no pace", &columns);
    for run in runs {
        let count = run.count as f64;
        let end_to_end = count / run.all.as_secs_f64();
        table.row(vec![
            run.name.to_owned(),
            run.count.to_string(),
            number(count / run.taken_in.as_secs_f64(), 0),
            number(run.rate, 0),
            number(end_to_end, 0),
            number(run.raw.per_second, 0),
            format!("{:.0} %", 100.0 * run.rate / run.raw.per_second),
        ]);
    }
    table.print();
    let mut rows = Vec::new();
    for run in runs {
        let count = run.count as f64;
        rows.push((format!("{}: taking in", run.name), run.taking.clone(), count));
        rows.push((format!("{}: sending", run.name), run.sending.clone(), count));
        rows.push((format!("{}: raw sending", run.name), run.raw.cpu.clone(), count));
    }
    cpu_table("batch, per message", &rows).print();
}
