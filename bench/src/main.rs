//! The load generator: what Bellhop does in a second, what that costs, and how exact its pace is, beside
//! the raw limits of what it runs on. `make bench`; docs/OPERATIONS.md has the figures.

mod callback;
mod cpu;
mod guests;
mod history;
mod ledger;
mod load;
mod raw;
mod recipients;
mod report;
mod scenarios;
mod sink;
mod system;
mod table;
mod until;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bellhop_e2e::services::Services;
use scenarios::Size;
use tokio::signal::unix::{SignalKind, signal};

const ALL: [&str; 9] =
    ["batch", "pacing", "front_desk", "single", "ingest", "deliveries", "first_byte", "memory", "reading"];
/// Longer than any scenario takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// The same, with millions of messages to write first.
const LIMIT_OF_READING: Duration = Duration::from_secs(120 * 60);

fn main() -> Result<()> {
    let (flags, mut wanted): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|word| word.starts_with('-'));
    if flags.iter().any(|flag| flag != "--quick") || wanted.iter().any(|name| !ALL.contains(&name.as_str())) {
        bail!("usage: bench [--quick] [{}]…", ALL.join(" | "));
    }
    if wanted.is_empty() {
        wanted = ALL.map(str::to_owned).to_vec();
    }
    // They were built together.
    let own = std::env::current_exe()?;
    bellhop_e2e::use_programs_in(own.parent().context("a folder with the programs")?);
    let size = Size { quick: !flags.is_empty() };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        // Whoever is dropped here ends its processes and removes its database, queues and keys.
        tokio::select! {
            ended = all(&wanted, size) => ended,
            _ = interrupt.recv() => bail!("interrupted"),
            _ = terminate.recv() => bail!("interrupted"),
        }
    })
}

async fn all(wanted: &[String], size: Size) -> Result<()> {
    println!("{}", report::machine(&Services::at_hand().await).await?);
    for name in wanted {
        let limit = if name == "reading" { LIMIT_OF_READING } else { LIMIT };
        tokio::time::timeout(limit, one(name, size))
            .await
            .with_context(|| format!("{name} takes too long"))??;
    }
    Ok(())
}

async fn one(name: &str, size: Size) -> Result<()> {
    match name {
        "batch" => scenarios::batch::run(size).await,
        "pacing" => scenarios::pacing::run(size).await,
        "front_desk" => scenarios::front_desk::run(size).await,
        "single" => scenarios::single::run(size).await,
        "ingest" => scenarios::ingest::run(size).await,
        "deliveries" => scenarios::deliveries::run(size).await,
        "first_byte" => scenarios::first_byte::run(size).await,
        "memory" => scenarios::memory::run(size).await,
        "reading" => scenarios::reading::run(size).await,
        other => bail!("there is no scenario {other}"),
    }
}
