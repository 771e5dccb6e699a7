//! What a front desk and its manager look at, in a hotel with a year of messages behind it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bellhop_e2e::Api;
use bellhop_e2e::services::Pair;
use sea_orm::prelude::Uuid;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use super::Size;
use crate::history;
use crate::load::Load;
use crate::system::System;
use crate::table::{Table, number};
use crate::until::until;

/// Days added up, a year of them; a round comes every minute.
const ADDED_UP: Duration = Duration::from_secs(30 * 60);
/// PostgreSQL's processes tell what they read when they have nothing to do.
const SETTLED: Duration = Duration::from_millis(1_500);

pub async fn run(size: Size) -> Result<()> {
    let sizes = if size.quick { [10_000, 50_000, 200_000] } else { [10_000, 1_000_000, 5_000_000] };
    let requests = size.of(400);
    for pair in [Pair::Services, Pair::Embedded] {
        let title = match pair {
            Pair::Embedded => "reading: SQLite, bellhop, one client",
            Pair::Services => "reading: PostgreSQL, api + worker, one client",
        };
        let columns = ["", "messages", "p50 ms", "p99 ms", "of the least", "rows read"];
        let mut table = Table::new(title, &columns);
        let mut least = Least::default();
        let system = System::on(pair, 1).await?;
        system.silence(0).await;
        let mut there = 0;
        for messages in sizes {
            eprintln!("{title}: writing {messages} messages and adding the days up");
            grow(&system, there, messages).await?;
            there = messages;
            eprintln!("{title}: asking");
            look(&system, (messages, requests), &mut least, &mut table).await?;
        }
        table.print();
    }
    Ok(())
}

/// Makes it so many messages, and waits until every day is added up.
async fn grow(system: &System, from: usize, to: usize) -> Result<()> {
    let db = system.database().await?;
    history::write(&db, system.pair, (from, to)).await?;
    // They came behind the back of whoever adds up.
    for sql in ["DELETE FROM analytics_numbers", "DELETE FROM analytics_days"] {
        db.execute_unprepared(sql).await?;
    }
    if system.pair == Pair::Services {
        db.execute_unprepared("VACUUM ANALYZE").await?;
    }
    db.close().await?;
    let year = year();
    until("days to be added up", ADDED_UP, async || {
        let answer = system.staff.ask(reqwest::Method::GET, &year, None, &[]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok((answer.body["days_pending"] == 0).then_some(()))
    })
    .await?;
    if system.pair == Pair::Services {
        // As it does by itself within a minute of such growth.
        let db = system.database().await?;
        db.execute_unprepared("ANALYZE analytics_days, analytics_numbers").await?;
        db.close().await?;
    }
    Ok(())
}

/// A year by its days.
fn year() -> String {
    let today = chrono::Utc::now().date_naive();
    let from = today - chrono::Days::new(365);
    format!("/analytics/summary?group_by=day&from={from}&to={today}")
}

/// The p50 of each question with the fewest messages.
type Least = HashMap<&'static str, f64>;

/// Each question on its own, one after the other.
async fn look(
    system: &System,
    (messages, requests): (usize, usize),
    least: &mut Least,
    table: &mut Table,
) -> Result<()> {
    let db = system.database().await?;
    let conversations = messages / history::LONG;
    // Far apart, so that none is there because the one before was.
    let some = |n: usize| (n * 7_919 + 13) % conversations;
    let all = [
        ("conversation list", (|_| "/conversations?limit=50".to_owned()) as fn(String) -> String),
        ("history page", |id| format!("/conversations/{id}?limit=50")),
        ("analytics, a year by day", |_| year()),
        ("analytics, a year by template", |_| year().replace("group_by=day", "group_by=template")),
        ("analytics, templates of a year", |_| year().replace("summary?group_by=day&", "templates?")),
        ("the hotel itself", |_| "/property".to_owned()),
    ];
    for (name, path) in all {
        let ids: Vec<String> = (0..requests).map(|n| path(conversation_id(some(n)))).collect();
        let before = rows_read(&db).await?;
        let load = ask(&system.staff, &ids).await?;
        let read = match (before, rows_read(&db).await?) {
            (Some(before), Some(after)) => number((after - before) as f64 / requests as f64, 0),
            _ => "-".to_owned(),
        };
        table.row(row(least, (name, messages), &load, read));
    }
    let load = one_row(&db, requests, messages).await?;
    table.row(row(least, ("raw: one row by its key", messages), &load, "1".to_owned()));
    Ok(db.close().await?)
}

fn row(least: &mut Least, (name, messages): (&'static str, usize), load: &Load, read: String) -> Vec<String> {
    let [p50, p99] = [0.5, 0.99].map(|share| load.percentile(share));
    let times = p50 / *least.entry(name).or_insert(p50);
    vec![name.to_owned(), messages.to_string(), number(p50, 2), number(p99, 2), number(times, 2), read]
}

/// As the API writes it.
fn conversation_id(n: usize) -> String {
    let id = Uuid::from_u128((0x3000_0000_0000_7000_8000 << 48) | n as u128);
    bellhop_domain::ConversationId::from(id).to_string()
}

async fn ask(api: &Api, paths: &[String]) -> Result<Load> {
    let began = Instant::now();
    let mut latencies = Vec::with_capacity(paths.len());
    for path in paths {
        let asked = Instant::now();
        let answer = api.ask(reqwest::Method::GET, path, None, &[]).await;
        latencies.push(asked.elapsed());
        ensure!(answer.status == 200, "{path}: {}", answer.body);
    }
    Ok(Load::of(began.elapsed(), latencies))
}

/// The fastest question that the database answers.
async fn one_row(db: &DatabaseConnection, requests: usize, messages: usize) -> Result<Load> {
    let began = Instant::now();
    let mut latencies = Vec::with_capacity(requests);
    for n in 0..requests {
        let id = Uuid::from_u128((0x4000_0000_0000_7000_8000 << 48) | ((n * 7_919) % messages) as u128);
        let sql = "SELECT status FROM messages WHERE id = $1";
        let asked = Instant::now();
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [id.into()]);
        let row = db.query_one_raw(statement).await?;
        latencies.push(asked.elapsed());
        row.context("a message")?.try_get::<String>("", "status")?;
    }
    Ok(Load::of(began.elapsed(), latencies))
}

/// Rows that PostgreSQL has fetched so far; SQLite does not count them.
async fn rows_read(db: &DatabaseConnection) -> Result<Option<i64>> {
    if db.get_database_backend() != sea_orm::DbBackend::Postgres {
        return Ok(None);
    }
    tokio::time::sleep(SETTLED).await;
    let sql = "SELECT SUM(COALESCE(seq_tup_read, 0) + COALESCE(idx_tup_fetch, 0))::bigint AS read \
               FROM pg_stat_user_tables";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    Ok(Some(row.context("a row")?.try_get("", "read")?))
}
