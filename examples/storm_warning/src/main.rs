//! Tells 10,000 guests about a storm, and compares the result with what WhatsApp has.

mod bellhop;
mod table;

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::bellhop::Bellhop;

/// How long the last ticks and doubts may take after the last message has left.
const AFTERMATH: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let handoff = arguments.next().unwrap_or_else(|| "data/standalone.json".to_owned());
    let recipients: usize =
        arguments.next().map_or(Ok(10_000), |n| n.parse()).context("recipients: a number")?;
    let pace: u32 =
        arguments.next().map_or(Ok(500), |n| n.parse()).context("messages per second: a number")?;
    let bellhop = Bellhop::read(&handoff)?;
    bellhop.open_throttle().await?;

    let guests: Vec<String> = (0..recipients).map(guest).collect();
    let batch = bellhop.hand_in(&storm(&guests, pace)).await?;
    println!("{batch}: {recipients} guests at {pace} a second");
    let began = Instant::now();
    let done = follow(&bellhop, &batch, began).await?;
    let took = began.elapsed();
    let settled = settle(&bellhop, &batch, done).await?;
    let sends = bellhop.ledger(&guests).await?;
    let fits = table::print(&settled, recipients, &sends, took);
    anyhow::ensure!(fits, "Bellhop's table and WhatsApp's ledger differ");
    Ok(())
}

fn guest(n: usize) -> String {
    format!("+97255{n:07}")
}

fn storm(guests: &[String], pace: u32) -> Value {
    let parameters = json!({"guest_name": "guest", "service_type": "the storm tonight: stay indoors"});
    json!({
        "name": "Storm warning",
        "template": {"template_name": "service_followup", "language": "en", "parameters": parameters},
        "recipients": guests.iter().map(|phone| json!({"phone": phone})).collect::<Vec<_>>(),
        "rate_limit": {"messages_per_second": pace},
    })
}

/// Shows the progress until the batch is completed.
async fn follow(bellhop: &Bellhop, batch: &str, began: Instant) -> Result<Value> {
    loop {
        // An API process that is away for a moment is no reason to stop looking.
        if let Some(seen) = bellhop.batch(batch).await? {
            bar(&seen, began.elapsed());
            if ["completed", "cancelled", "stopped"].iter().any(|end| seen["status"] == *end) {
                println!();
                return Ok(seen);
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn bar(batch: &Value, elapsed: Duration) {
    const WIDTH: usize = 40;
    let count = |state: &str| batch["counts"][state].as_u64().unwrap_or(0);
    let open = count("queued") + count("sending");
    let all: u64 =
        ["queued", "sending", "in_doubt", "sent", "delivered", "read", "failed", "expired", "cancelled"]
            .iter()
            .map(|state| count(state))
            .sum();
    let gone = all.saturating_sub(open);
    let filled = usize::try_from(gone).unwrap_or(0) * WIDTH / usize::try_from(all.max(1)).unwrap_or(1);
    print!(
        "\r[{}{}] {gone}/{all}  read {}  in doubt {}  failed {}  {:.0} s  ",
        "#".repeat(filled),
        " ".repeat(WIDTH - filled),
        count("read"),
        count("in_doubt"),
        count("failed"),
        elapsed.as_secs_f64(),
    );
    std::io::stdout().flush().ok();
}

/// Waits for the last ticks, and for the echoes that settle what is in doubt.
async fn settle(bellhop: &Bellhop, batch: &str, mut seen: Value) -> Result<Value> {
    let deadline = Instant::now() + AFTERMATH;
    while Instant::now() < deadline {
        if let Some(now) = bellhop.batch(batch).await? {
            seen = now;
        }
        let count = |state: &str| seen["counts"][state].as_u64().unwrap_or(0);
        if count("sent") + count("delivered") + count("in_doubt") == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(seen)
}
