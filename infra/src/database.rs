//! Connections to the database, with the durability that the promises need.

use std::str::FromStr;
use std::time::Duration;

use bellhop_domain::Secret;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{self, ConnectOptions, Executor};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector, SqlxSqliteConnector};

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// SQLite: other processes (a backup, a shell) may hold the file for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 10;

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("BELLHOP_DATABASE_URL must start with sqlite:, postgres:// or postgresql://")]
    Scheme,
    #[error("SQLite in memory cannot be used: readers have connections of their own and would see nothing")]
    InMemory,
    #[error("the folder {folder} of the database cannot be made")]
    Folder { folder: String, source: std::io::Error },
    #[error("the database that BELLHOP_DATABASE_URL names cannot be opened")]
    Open(#[from] sqlx::Error),
}

/// The writing and the reading connection.
///
/// SQLite has ONE writing connection, whose transactions the caller begins with `BEGIN IMMEDIATE`,
/// and a pool of readers that cannot write. In PostgreSQL both are the same pool.
///
/// # Errors
/// When the URL names no database that Bellhop knows, or it cannot be opened in 10 s.
pub async fn connect(url: &Secret) -> Result<(DatabaseConnection, DatabaseConnection), DatabaseError> {
    let writer = connect_writer(url).await?;
    let reader = match Engine::of(url)? {
        Engine::Sqlite(options) => sqlite_readers(options).await?,
        Engine::Postgres(_) => writer.clone(),
    };
    Ok((writer, reader))
}

/// The writing connection alone, for a migration.
///
/// # Errors
/// As [`connect`].
pub async fn connect_writer(url: &Secret) -> Result<DatabaseConnection, DatabaseError> {
    match Engine::of(url)? {
        Engine::Sqlite(options) => sqlite_writer(options).await,
        Engine::Postgres(options) => postgres(options).await,
    }
}

enum Engine {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

impl Engine {
    fn of(url: &Secret) -> Result<Self, DatabaseError> {
        let url = url.expose();
        if url.starts_with("sqlite:") {
            if url.contains(":memory:") || url.contains("mode=memory") {
                return Err(DatabaseError::InMemory);
            }
            let options = SqliteConnectOptions::from_str(url)?;
            Ok(Self::Sqlite(
                options.foreign_keys(true).busy_timeout(BUSY_TIMEOUT).disable_statement_logging(),
            ))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Postgres(PgConnectOptions::from_str(url)?.disable_statement_logging()))
        } else {
            Err(DatabaseError::Scheme)
        }
    }
}

async fn sqlite_writer(options: SqliteConnectOptions) -> Result<DatabaseConnection, DatabaseError> {
    if let Some(folder) = options.get_filename().parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|source| DatabaseError::Folder { folder: folder.display().to_string(), source })?;
    }
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL would lose the last commits with the power, and 202 was said for them.
        .synchronous(SqliteSynchronous::Full);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        // Nothing is gained by opening it again, and a transaction would wait for it.
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(writer))
}

/// Only after the writer, which makes the file.
async fn sqlite_readers(options: SqliteConnectOptions) -> Result<DatabaseConnection, DatabaseError> {
    let readers = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options.read_only(true))
        .await?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(readers))
}

async fn postgres(options: PgConnectOptions) -> Result<DatabaseConnection, DatabaseError> {
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A role or a database may have it off by default. Not as a start parameter: poolers refuse
        // those.
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute("SET synchronous_commit = on").await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::{ConnectionTrait, Statement};

    async fn text(database: &DatabaseConnection, sql: &str) -> String {
        let statement = Statement::from_string(database.get_database_backend(), sql);
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index::<String>(0)
            .or_else(|_| row.try_get_by_index::<i64>(0).map(|n| n.to_string()))
            .unwrap()
    }

    async fn open(dir: &tempfile::TempDir) -> (DatabaseConnection, DatabaseConnection) {
        connect(&Secret::new(format!("sqlite://{}/new.db", dir.path().display()))).await.unwrap()
    }

    #[tokio::test]
    async fn sqlite_commits_durably_and_readers_cannot_write() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, reader) = open(&dir).await;
        assert_eq!(text(&writer, "PRAGMA journal_mode").await, "wal");
        assert_eq!(text(&writer, "PRAGMA synchronous").await, "2", "FULL");
        assert_eq!(text(&writer, "PRAGMA foreign_keys").await, "1");
        for database in [&writer, &reader] {
            assert_eq!(text(database, "PRAGMA busy_timeout").await, "5000");
        }
        writer.execute_unprepared("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)").await.unwrap();
        assert_eq!(text(&reader, "SELECT count(*) FROM t").await, "1");
        let error = reader.execute_unprepared("INSERT INTO t VALUES (2)").await.unwrap_err();
        assert!(error.to_string().contains("readonly"), "{error}");
        assert_eq!(text(&reader, "SELECT count(*) FROM t").await, "1");
    }

    #[tokio::test]
    async fn readers_do_not_wait_for_a_writer() {
        let dir = tempfile::tempdir().unwrap();
        let (writer, reader) = open(&dir).await;
        writer.execute_unprepared("CREATE TABLE t (a INTEGER)").await.unwrap();
        writer.execute_unprepared("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)").await.unwrap();
        assert_eq!(text(&reader, "SELECT count(*) FROM t").await, "0");
        writer.execute_unprepared("COMMIT").await.unwrap();
        assert_eq!(text(&reader, "SELECT count(*) FROM t").await, "1");
    }

    #[tokio::test]
    async fn postgres_commits_durably() {
        let url = "postgres://postgres@127.0.0.1:5432/postgres";
        if let Err(error) = PgConnectOptions::from_str(url).unwrap().connect().await {
            crate::without::left_out(&format!("PostgreSQL does not let us in at {url} ({error})"));
            return;
        }
        let (writer, reader) = connect(&Secret::new(url)).await.unwrap();
        for database in [&writer, &reader] {
            assert_eq!(text(database, "SHOW synchronous_commit").await, "on");
            assert_eq!(text(database, "SHOW timezone").await, "UTC");
        }
    }

    #[tokio::test]
    async fn other_urls_are_refused_without_showing_them() {
        for url in ["", "mysql://u:hidden@h/db", "file.db", "sqlite::memory:", "sqlite://x?mode=memory"] {
            let error = connect(&Secret::new(url)).await.unwrap_err().to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}
