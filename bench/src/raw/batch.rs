//! What a batch writes, by groups of 64: two commits a group, from as many connections as a batch has lanes.
//!
//! The rows are those of the batch that has just been sent: each gets its next attempt.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sqlx::{self, Acquire, PgConnection};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Figures;
use super::one::connect;
use crate::cpu::Watch;
use crate::system::System;

const GROUP: usize = 64;
const LANES: usize = 8;

struct Row {
    id: Uuid,
    property_id: Uuid,
    connection_id: Uuid,
    conversation_id: Uuid,
}

type Ids = (Uuid, Uuid, Uuid, Uuid);

impl From<Ids> for Row {
    fn from((id, property_id, connection_id, conversation_id): Ids) -> Self {
        Self { id, property_id, connection_id, conversation_id }
    }
}

const ROWS: &str = "SELECT id, property_id, connection_id, conversation_id FROM messages \
     WHERE batch_id IS NOT NULL ORDER BY batch_id, batch_line LIMIT $1";

pub async fn run(system: &System, count: usize) -> Result<Figures> {
    let pool = connect(&system.database_url(), LANES).await?;
    let rows = sqlx::query_as::<_, Ids>(ROWS).bind(i64::try_from(count)?).fetch_all(&pool).await?;
    let rows: Vec<Row> = rows.into_iter().map(Row::from).collect();
    ensure!(rows.len() == count, "the batch has {count} messages");
    let rows = Arc::new(rows);
    let next = Arc::new(AtomicUsize::new(0));
    let watch = Watch { own: Vec::new(), database: Some(system.home.scratch().name.clone()) };
    let (before, began) = (watch.now()?, Instant::now());
    let mut lanes = JoinSet::new();
    for _ in 0..LANES {
        let (pool, rows, next) = (pool.clone(), Arc::clone(&rows), Arc::clone(&next));
        lanes.spawn(async move {
            let mut connection = pool.acquire().await?;
            while let Some(group) = rows.chunks(GROUP).nth(next.fetch_add(1, Ordering::Relaxed)) {
                begin(&mut connection, group).await?;
                store(&mut connection, group).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane??;
    }
    let per_second = count as f64 / began.elapsed().as_secs_f64();
    Ok(Figures { per_second, operations: count as f64, cpu: watch.now()?.since(&before) })
}

fn ids(group: &[Row]) -> Vec<Uuid> {
    group.iter().map(|row| row.id).collect()
}

/// Onto the wire.
async fn begin(connection: &mut PgConnection, group: &[Row]) -> Result<()> {
    let now: DateTime<Utc> = Utc::now();
    let conversations: Vec<Uuid> = group.iter().map(|row| row.conversation_id).collect();
    let mut tx = connection.begin().await?;
    let places = "UPDATE conversations SET next_seq = next_seq + 1, last_activity_at = $2, status = 'active' \
         WHERE id = ANY($1)";
    sqlx::query(places).bind(conversations).bind(now).execute(&mut *tx).await?;
    let sending = "UPDATE messages SET status = 'sending', attempt = attempt + 1, seq = seq + 1, \
         lease_token = $2, lease_until = $3 WHERE id = ANY($1)";
    let sending = sqlx::query(sending).bind(ids(group)).bind(Uuid::new_v4());
    sending.bind(now + TimeDelta::seconds(20)).execute(&mut *tx).await?;
    let attempts = "INSERT INTO attempts (message_id, number, property_id, connection_id, outcome, started_at) \
         SELECT unnest($1::uuid[]), 2, $2, $3, 'calling', $4";
    let attempts = sqlx::query(attempts).bind(ids(group)).bind(group[0].property_id);
    attempts.bind(group[0].connection_id).bind(now).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

/// The answers.
async fn store(connection: &mut PgConnection, group: &[Row]) -> Result<()> {
    let now: DateTime<Utc> = Utc::now();
    let wamids: Vec<String> = group.iter().map(|row| format!("wamid.RAW{}", row.id)).collect();
    let mut tx = connection.begin().await?;
    let sent = "UPDATE messages SET status = 'sent', wamid = v.wamid, sent_at = $3, lease_token = NULL, \
         lease_until = NULL FROM unnest($1::uuid[], $2::text[]) AS v (id, wamid) WHERE messages.id = v.id";
    sqlx::query(sent).bind(ids(group)).bind(&wamids).bind(now).execute(&mut *tx).await?;
    let ended = "UPDATE attempts SET outcome = 'sent', wamid = v.wamid, ended_at = $3 \
         FROM unnest($1::uuid[], $2::text[]) AS v (id, wamid) WHERE message_id = v.id AND number = 2";
    sqlx::query(ended).bind(ids(group)).bind(&wamids).bind(now).execute(&mut *tx).await?;
    let (events, data): (Vec<Uuid>, Vec<Value>) =
        group.iter().zip(&wamids).map(|(row, wamid)| event(row, wamid)).unzip();
    let told = "INSERT INTO events (id, property_id, event, data, created_at) \
         SELECT v.id, $3, 'message.sent', v.data, $4 FROM unnest($1::uuid[], $2::jsonb[]) AS v (id, data)";
    let told = sqlx::query(told).bind(events).bind(data).bind(group[0].property_id);
    told.bind(now).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

/// As large as Bellhop's own.
fn event(row: &Row, wamid: &str) -> (Uuid, Value) {
    let data = json!({
        "message_id": row.id, "conversation_id": row.conversation_id, "guest_id": row.id,
        "message_type": "template", "status": "sent", "wamid": wamid, "attempt": 2, "failure": null,
        "due_at": null, "sent_twice": false, "staff_member_id": null, "metadata": null, "batch_id": row.id,
    });
    (Uuid::now_v7(), data)
}
