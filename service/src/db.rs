//! One way to write, one way to read.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::Notify;

use crate::error::Result;

/// The database. Writing code gets a transaction, reading code the pool.
///
/// On SQLite the writer is a single connection and every transaction begins as IMMEDIATE: a
/// deferred one that turns writer in its middle fails with "database is locked", whatever the
/// busy timeout. Code inside a transaction must not ask the pool for another.
#[derive(Debug, Clone)]
pub struct Database {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    committed: Arc<Notify>,
}

/// A transaction whose commit wakes whoever waits for [one](Database::committed).
pub(crate) struct Transaction {
    inner: DatabaseTransaction,
    committed: Arc<Notify>,
}

impl Database {
    /// On PostgreSQL both may be the same pool.
    pub fn new(writer: DatabaseConnection, reader: DatabaseConnection) -> Self {
        Self { writer, reader, committed: Arc::default() }
    }

    pub(crate) async fn begin(&self) -> Result<Transaction, DbErr> {
        Ok(Transaction { inner: self.begin_unheard().await?, committed: Arc::clone(&self.committed) })
    }

    /// As [`begin`](Self::begin), for the one who waits: its own commits must not wake it again.
    pub(crate) async fn begin_unheard(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        self.writer.begin_with_options(options).await
    }

    /// Waits for a commit of this process; at once when there was one since the last wait. For one task only.
    pub(crate) async fn committed(&self) {
        self.committed.notified().await;
    }

    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Whether the database answers.
    pub(crate) async fn ping(&self) -> Result<(), DbErr> {
        self.reader.ping().await
    }

    /// Lets PostgreSQL count again what has grown a lot since it last did. It does so by itself, but only
    /// once a minute, and what a batch does in its first minute would be planned for empty tables.
    pub(crate) async fn count_again(&self, tables: &[&str]) -> Result<(), DbErr> {
        if self.writer.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        let tx = self.begin().await?;
        // One at a time: every lane that begins asks, in every process.
        let turn = Statement::from_sql_and_values(DbBackend::Postgres, TURN, [tables.join(" ").into()]);
        let turn = tx.query_one_raw(turn).await?;
        if !turn.map_or(Ok(false), |turn| turn.try_get_by_index(0))? {
            return Ok(());
        }
        for table in tx.query_all_raw(Statement::from_string(DbBackend::Postgres, GROWN)).await? {
            let table: String = table.try_get_by_index(0)?;
            if !tables.contains(&table.as_str()) {
                continue;
            }
            // The server's own housekeeping may be at it.
            tx.execute_unprepared(&format!("ANALYZE (SKIP_LOCKED) {table}")).await?;
        }
        tx.commit().await
    }

    /// Closes the pools; what is committed is on disk.
    pub async fn close(self) -> Result<(), DbErr> {
        // The last connection folds SQLite's log back into the file; a reader could not.
        self.reader.close().await?;
        self.writer.close().await
    }
}

impl Transaction {
    pub async fn commit(self) -> Result<(), DbErr> {
        self.inner.commit().await?;
        // Whatever was written: a look into an index that is almost always empty costs less than to carry
        // through every call whether an event was among it.
        self.committed.notify_one();
        Ok(())
    }

    pub async fn rollback(self) -> Result<(), DbErr> {
        self.inner.rollback().await
    }
}

impl Deref for Transaction {
    type Target = DatabaseTransaction;
    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.inner.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.inner.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.inner.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.inner.query_all_raw(statement).await
    }
}

/// Until the transaction ends.
const TURN: &str = "SELECT pg_try_advisory_xact_lock(hashtext('bellhop ANALYZE ' || $1))";

const GROWN: &str = "\
    SELECT relname::text FROM pg_stat_user_tables \
    WHERE schemaname = current_schema() AND n_mod_since_analyze > 500 + n_live_tup / 10";

/// How long background work waits for the database.
const PATIENCE: Duration = Duration::from_secs(15);

/// Gives up on a step that the database does not answer: a connection that stays open and says nothing
/// would hold its task for as long as TCP likes. Whether the step was carried out is not known then;
/// every step here may be repeated.
pub(crate) async fn in_time<T>(step: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(PATIENCE, step).await {
        Ok(done) => done,
        Err(_) => Err(DbErr::Conn(RuntimeErr::Internal("no answer in time".to_owned())).into()),
    }
}

/// Real time, for leases, deadlines and retry delays, in the precision that both databases keep.
pub(crate) fn real_now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}
