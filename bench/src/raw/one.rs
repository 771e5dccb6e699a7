//! A message, its conversation and its event in one commit, from as many clients as ask Bellhop; one
//! connection each on PostgreSQL, the one writer on SQLite.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bellhop_e2e::services::Pair;
use chrono::Utc;
use sea_orm::sqlx::postgres::{PgPool, PgPoolOptions};
use sea_orm::sqlx::{self, Executor, PgConnection, SqliteConnection};
use serde_json::json;
use uuid::Uuid;

use super::Figures;
use crate::cpu::Watch;
use crate::load::{CLIENTS, Load, drive};
use crate::system::System;

struct Lane {
    id: Uuid,
    property_id: Uuid,
    connection_id: Uuid,
    guest_id: Uuid,
}

type Ids = (Uuid, Uuid, Uuid, Uuid);

impl Lane {
    fn all(rows: Vec<Ids>) -> Arc<Vec<Self>> {
        let lane =
            |(id, property_id, connection_id, guest_id)| Self { id, property_id, connection_id, guest_id };
        Arc::new(rows.into_iter().map(lane).collect())
    }
}

const LANES: &str = "SELECT id, property_id, connection_id, guest_id FROM conversations";
const PLACE: &str = "UPDATE conversations SET next_seq = next_seq + 1, last_activity_at = $2, status = 'active' \
     WHERE id = $1 RETURNING next_seq - 1";
const MESSAGE: &str = "INSERT INTO messages (id, property_id, conversation_id, connection_id, guest_id, seq, \
     direction, status, content, wamid, attempt, due_at, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, 'inbound', 'received', $7, $8, 0, $9, $9)";
const EVENT: &str = "INSERT INTO events (id, property_id, event, data, created_at) \
     VALUES ($1, $2, 'message.received', $3, $4)";

/// The same statements for both drivers, which have no common type that takes them.
macro_rules! commit_on {
    ($name:ident, $connection:ty, $begin:literal) => {
        async fn $name(on: &mut $connection, lane: &Lane) -> sqlx::Result<()> {
            let (now, id) = (Utc::now(), Uuid::now_v7());
            on.execute($begin).await?;
            let place = sqlx::query_scalar(PLACE).bind(lane.id).bind(now);
            let place: i64 = place.fetch_one(&mut *on).await?;
            let message = sqlx::query(MESSAGE).bind(id).bind(lane.property_id).bind(lane.id);
            let message = message.bind(lane.connection_id).bind(lane.guest_id).bind(place);
            let message = message.bind(json!({"type": "text", "text": "Is the pool open until nine?"}));
            message.bind(format!("wamid.{id}")).bind(now).execute(&mut *on).await?;
            let data = json!({"message_id": id, "conversation_id": lane.id, "guest_id": lane.guest_id});
            let event = sqlx::query(EVENT).bind(Uuid::now_v7()).bind(lane.property_id).bind(data);
            event.bind(now).execute(&mut *on).await?;
            on.execute("COMMIT").await?;
            Ok(())
        }
    };
}

commit_on!(commit_on_postgres, PgConnection, "BEGIN");
commit_on!(commit_on_sqlite, SqliteConnection, "BEGIN IMMEDIATE");

/// Into the conversations that Bellhop made on this system; it does not run any more.
pub async fn run(system: &System, time: Duration) -> Result<(Figures, Load)> {
    let database = (system.pair == Pair::Services).then(|| system.home.scratch().name.clone());
    let watch = Watch { own: Vec::new(), database };
    match system.pair {
        Pair::Embedded => on_sqlite(system, time, &watch).await,
        Pair::Services => on_postgres(system, time, &watch).await,
    }
}

fn lane_of(lanes: &[Lane], client: usize, n: usize) -> &Lane {
    &lanes[(client + n * CLIENTS) % lanes.len()]
}

async fn on_sqlite(system: &System, time: Duration, watch: &Watch) -> Result<(Figures, Load)> {
    // Opened by Bellhop's own code: the same pragmas.
    let database = system.database().await?;
    let pool = database.get_sqlite_connection_pool();
    let lanes = sqlx::query_as(LANES).fetch_all(pool).await?;
    let clients = pool.clone();
    let measured = measure(lanes, (time, watch), move |lanes, client, n| {
        let pool = clients.clone();
        async move { Ok(commit_on_sqlite(&mut *pool.acquire().await?, lane_of(&lanes, client, n)).await?) }
    });
    let measured = measured.await?;
    pool.close().await;
    Ok(measured)
}

async fn on_postgres(system: &System, time: Duration, watch: &Watch) -> Result<(Figures, Load)> {
    let pool = connect(&system.database_url(), CLIENTS).await?;
    let lanes = sqlx::query_as(LANES).fetch_all(&pool).await?;
    let clients = pool.clone();
    let measured = measure(lanes, (time, watch), move |lanes, client, n| {
        let pool = clients.clone();
        async move { Ok(commit_on_postgres(&mut *pool.acquire().await?, lane_of(&lanes, client, n)).await?) }
    });
    let measured = measured.await?;
    pool.close().await;
    Ok(measured)
}

/// The caller's pool stays until this is done: connections that end take their counters along.
async fn measure<F, A>(
    rows: Vec<Ids>,
    (time, watch): (Duration, &Watch),
    commit: F,
) -> Result<(Figures, Load)>
where
    F: Fn(Arc<Vec<Lane>>, usize, usize) -> A + Clone + Send + 'static,
    A: Future<Output = Result<()>> + Send,
{
    let lanes = Lane::all(rows);
    ensure!(!lanes.is_empty(), "there are conversations");
    let before = watch.now()?;
    let load = drive(time, move |client, n| commit(Arc::clone(&lanes), client, n)).await?;
    let figures = Figures::of(&load, watch.now()?.since(&before));
    Ok((figures, load))
}

/// So many connections, all open, with durable commits.
pub async fn connect(url: &str, connections: usize) -> Result<PgPool> {
    let connections = u32::try_from(connections)?;
    let options = PgPoolOptions::new().max_connections(connections).min_connections(connections);
    // A round trip before each use would be measured too.
    let options = options.test_before_acquire(false).after_connect(|connection, _| {
        Box::pin(async move {
            connection.execute("SET synchronous_commit = on").await?;
            Ok(())
        })
    });
    options.connect(url).await.context("PostgreSQL lets us in")
}
