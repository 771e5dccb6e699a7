//! The schema: brought up to date by one process at a time, and looked at by all.

use anyhow::{Context, bail};
use bellhop_migration::{Migrator, MigratorTrait, SchemaState, schema_state};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};

use crate::database;
use crate::settings::Settings;

/// The lock that migrating processes queue for: any number that nobody else on this database uses.
const LOCK: i64 = 0x0062_656c_6c68_6f70;

/// Brings the schema up to date. Returns how many migrations were applied.
///
/// Started in several processes at once, one migrates; the others wait and find nothing left to do.
/// All is one transaction: half of it never stands.
///
/// # Errors
/// When the database cannot be opened or a migration fails.
pub async fn migrate(settings: &Settings) -> anyhow::Result<usize> {
    let writer = database::connect_writer(&settings.database_url).await?;
    // SQLite: IMMEDIATE takes the one writer, which is lock enough; a second process waits for it.
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    let tx = writer.begin_with_options(options).await?;
    lock(&tx).await.context("the lock for migrations cannot be taken")?;
    // Only now: who held the lock before us may have done it.
    let state = schema_state(&tx).await?;
    if state.pending > 0 {
        Migrator::up(&tx, None).await.context("a migration failed")?;
    }
    tx.commit().await?;
    writer.close().await?;
    Ok(state.pending)
}

/// PostgreSQL: held until the transaction ends, however it ends, and by that very session, also
/// behind a pooler, which a session's lock would not be.
async fn lock(tx: &DatabaseTransaction) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
    }
    Ok(())
}

/// Refuses a schema that is older than this program, for processes that do not migrate: several
/// start at once, and which of them may change the database is not for chance to decide.
///
/// A newer one is fine: migrations keep the previous release working while it is replaced.
///
/// # Errors
/// When the schema is missing or older, with what to do, or the database cannot be read.
pub async fn check_schema(settings: &Settings) -> anyhow::Result<()> {
    let writer = database::connect_writer(&settings.database_url).await?;
    let state = schema_state(&writer).await.context("the database's schema cannot be read")?;
    writer.close().await?;
    match state {
        SchemaState { applied: 0, .. } => {
            bail!("the database has no schema of Bellhop yet: run `bellhop migrate`")
        }
        SchemaState { pending: 1, .. } => {
            bail!("the schema is 1 migration behind: run `bellhop migrate`")
        }
        SchemaState { pending: n @ 2.., .. } => {
            bail!("the schema is {n} migrations behind: run `bellhop migrate`")
        }
        SchemaState { newer: newer @ 1.., .. } => {
            tracing::info!(
                newer,
                "the schema is newer than this program; it will do until the upgrade is over"
            );
        }
        SchemaState { .. } => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests;
