//! How long after a guest's message its partners have it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use bellhop_e2e::services::Pair;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Size;
use super::deliveries::{PATIENCE, configured, of, say};
use super::ingest::meet_all;
use crate::callback::Callback;
use crate::load::Load;
use crate::raw;
use crate::sink::Sink;
use crate::system::System;
use crate::table::{Table, number};
use crate::until::until;

/// Guests' messages that come at an even pace.
#[derive(Clone, Copy)]
struct Stream {
    partners: usize,
    /// One of them takes requests and never answers.
    one_hangs: bool,
    /// Messages a second.
    pace: usize,
}

const STREAMS: [Stream; 5] = [
    Stream { partners: 1, one_hangs: false, pace: 200 },
    Stream { partners: 2, one_hangs: true, pace: 200 },
    Stream { partners: 10, one_hangs: false, pace: 200 },
    Stream { partners: 100, one_hangs: false, pace: 20 },
    Stream { partners: 100, one_hangs: true, pace: 20 },
];

/// How long bare commits are measured.
const RAW: Duration = Duration::from_secs(2);

pub async fn run(size: Size) -> Result<()> {
    for pair in [Pair::Embedded, Pair::Services] {
        streams(pair, size).await?;
    }
    Ok(())
}

async fn streams(pair: Pair, size: Size) -> Result<()> {
    let title = format!("first byte: from the guest's message to the partner's; {}", of(pair));
    let columns = ["partners", "messages /s", "deliveries", "p50 ms", "p99 ms", "worst ms", "raw p50", "p99"];
    let mut table = Table::new(&title, &columns);
    for stream in STREAMS {
        let (load, raw) = first_bytes(pair, stream, Duration::from_secs(size.of(20) as u64)).await?;
        let hang = if stream.one_hangs { ", one of which hangs" } else { "" };
        let mut row = vec![format!("{}{hang}", stream.partners), stream.pace.to_string()];
        row.push(load.count().to_string());
        row.extend([0.5, 0.99, 1.0].map(|share| number(load.percentile(share), 1)));
        row.extend([0.5, 0.99].map(|share| number(raw.percentile(share), 1)));
        table.row(row);
    }
    table.print();
    Ok(())
}

/// And what a bare commit takes in the same minute, with 16 clients at it.
async fn first_bytes(pair: Pair, stream: Stream, time: Duration) -> Result<(Load, Load)> {
    let mut system = System::on(pair, 1).await?;
    let (sink, callback) = (Sink::open().await?, Arc::new(Callback::of(&system)?));
    meet_all(&callback).await?;
    configured(&system.admin, &sink, stream.partners, stream.one_hangs).await?;
    let heard_by = stream.partners - usize::from(stream.one_hangs);
    // Connections are made, and the one that hangs is known to.
    let warm = stream.pace * 2;
    let warm_up = say_evenly(&callback, 0..warm, stream.pace).await?;
    ensure!(warm_up.len() == warm, "all was said");
    let count = stream.pace * usize::try_from(time.as_secs())?;
    let said = say_evenly(&callback, warm..warm + count, stream.pace).await?;
    let all = (warm + count) * heard_by;
    until("the deliveries", PATIENCE, async || Ok((sink.count() >= all).then_some(()))).await?;
    system.stop().await?;
    let arrivals = sink.take();
    let waits = arrivals.iter().filter_map(|arrival| {
        let said = said.get(arrival.number?.checked_sub(warm)?)?;
        Some(arrival.at.duration_since(*said))
    });
    let load = Load::of(time, waits.collect());
    ensure!(load.count() == count * heard_by, "{} of {} deliveries came", load.count(), count * heard_by);
    let (_, raw) = raw::one::run(&system, RAW).await?;
    Ok((load, raw))
}

/// Says each in its time, whether or not those before it were answered, and tells when.
async fn say_evenly(callback: &Arc<Callback>, numbers: Range<usize>, pace: usize) -> Result<Vec<Instant>> {
    let mut beat = tokio::time::interval(Duration::from_secs(1) / u32::try_from(pace)?);
    let (mut said, mut saying) = (Vec::with_capacity(numbers.len()), JoinSet::new());
    for n in numbers {
        beat.tick().await;
        said.push(Instant::now());
        let callback = Arc::clone(callback);
        saying.spawn(async move { say(&callback, n).await });
    }
    while let Some(ended) = saying.join_next().await {
        ended??;
    }
    Ok(said)
}
