//! Events to partners, out of a backlog.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bellhop_e2e::Api;
use bellhop_e2e::services::Pair;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Size;
use super::ingest::meet_all;
use crate::callback::Callback;
use crate::cpu::Cpu;
use crate::load::CLIENTS;
use crate::raw;
use crate::report::cpu_table;
use crate::sink::{Arrival, HANGS, MARK, Sink};
use crate::system::System;
use crate::table::{Table, number};
use crate::until::until;

/// Deliveries of a backlog.
const BACKLOG: usize = 20_000;
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Deliveries, all or of one measurement.
struct Delivered {
    name: String,
    count: usize,
    took: Duration,
    cpu: Cpu,
}

pub async fn run(size: Size) -> Result<()> {
    for pair in [Pair::Embedded, Pair::Services] {
        backlogs(pair, size).await?;
    }
    Ok(())
}

pub fn of(pair: Pair) -> &'static str {
    match pair {
        Pair::Embedded => "SQLite, bellhop",
        Pair::Services => "PostgreSQL, api + worker",
    }
}

async fn backlogs(pair: Pair, size: Size) -> Result<()> {
    let title = format!("deliveries: a backlog of inbound texts to partners that answer 204; {}", of(pair));
    let mut table = Table::new(&title, &["", "deliveries", "/s", "of raw", "/s of own CPU"]);
    let mut rows = Vec::new();
    for partners in [1, 10, 100] {
        let (own, raw) = backlog(pair, partners, size.of(BACKLOG)).await?;
        let share = format!("{:.0} %", 100.0 * own.per_second() / raw.per_second());
        for (run, share) in [(&own, share), (&raw, "-".to_owned())] {
            table.row(vec![
                run.name.clone(),
                run.count.to_string(),
                number(run.per_second(), 0),
                share,
                number(run.count as f64 * 1_000.0 / run.own_cpu(), 0),
            ]);
            rows.push((run.name.clone(), run.cpu.clone(), run.count as f64 / 1_000.0));
        }
    }
    table.print();
    cpu_table("per 1,000 deliveries", &rows).print();
    Ok(())
}

impl Delivered {
    fn per_second(&self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }

    /// Of Bellhop's own processes, in milliseconds; of the raw limit, of the process that posts.
    fn own_cpu(&self) -> f64 {
        let own: f64 = ["bellhop", "api", "worker"].iter().filter_map(|name| self.cpu.0.get(name)).sum();
        if own > 0.0 { own } else { self.cpu.0.get("bench").copied().unwrap_or(f64::NAN) }
    }
}

/// The same events wait for each partner, which then all want them at once.
async fn backlog(pair: Pair, partners: usize, deliveries: usize) -> Result<(Delivered, Delivered)> {
    let mut system = System::on(pair, 1).await?;
    let (sink, callback) = (Sink::open().await?, Arc::new(Callback::of(&system)?));
    meet_all(&callback).await?;
    let ids = configured(&system.admin, &sink, partners, false).await?;
    all_are(&system.admin, &ids, "paused").await?;
    let events = deliveries / partners;
    say_all(&callback, events).await?;
    ensure!(sink.take().is_empty(), "a paused webhook got something");
    let before = system.watch().now()?;
    all_are(&system.admin, &ids, "active").await?;
    let count = events * partners;
    until("the deliveries", PATIENCE, async || Ok((sink.count() >= count).then_some(()))).await?;
    let cpu = system.watch().now()?.since(&before);
    let name =
        |what: &str| format!("{partners} {}{what}", if partners == 1 { "partner" } else { "partners" });
    let own = Delivered { name: name(""), count, took: span(&sink.take())?, cpu };
    system.stop().await?;
    let before = system.watch().now()?;
    raw::posts::run(&sink.base, partners, count).await?;
    let cpu = system.watch().now()?.since(&before);
    let raw = Delivered { name: name(", raw"), count, took: span(&sink.take())?, cpu };
    Ok((own, raw))
}

/// From the first to the last.
fn span(arrivals: &[Arrival]) -> Result<Duration> {
    let at = || arrivals.iter().map(|arrival| arrival.at);
    let (first, last) = (at().min().context("arrivals")?, at().max().context("arrivals")?);
    Ok(last - first)
}

/// Lets so many partners ask for guests' messages. One that hangs comes last.
pub async fn configured(admin: &Api, sink: &Sink, partners: usize, one_hangs: bool) -> Result<Vec<String>> {
    let mut ids = Vec::with_capacity(partners);
    for n in 0..partners {
        let path = if one_hangs && n + 1 == partners { HANGS.to_owned() } else { format!("/{n}") };
        let body = json!({
            "webhook_url": format!("{}{path}", sink.base), "events": ["inbound_message"], "verify_token": "bench",
        });
        let answer = admin.post("/webhooks/configure", &body).await;
        ensure!(answer.status == 201, "{}", answer.body);
        ids.push(answer.body["id"].as_str().context("a webhook has an id")?.to_owned());
    }
    Ok(ids)
}

async fn all_are(admin: &Api, ids: &[String], status: &str) -> Result<()> {
    let body: Value = json!({"status": status});
    let changes = ids.iter().map(|id| {
        let path = format!("/webhooks/{id}");
        let body = &body;
        async move { admin.ask(reqwest::Method::PATCH, &path, Some(body), &[]).await }
    });
    for answer in futures_util::future::join_all(changes).await {
        ensure!(answer.status == 200, "{}", answer.body);
    }
    // Every process reads its webhooks again within a second.
    tokio::time::sleep(if status == "paused" { Duration::from_millis(1_200) } else { Duration::ZERO }).await;
    Ok(())
}

async fn say_all(callback: &Arc<Callback>, count: usize) -> Result<()> {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let callback = Arc::clone(callback);
        clients.spawn(async move {
            for n in (client..count).step_by(CLIENTS) {
                say(&callback, n).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(())
}

pub async fn say(callback: &Callback, n: usize) -> Result<()> {
    callback.say(n, &format!("said-{n}"), &format!("{MARK}{n}: is the pool open until nine?")).await
}
