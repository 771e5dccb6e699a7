//! Looking for what should be gone: in every column of every table, and in every file.

use std::path::Path;

use bellhop_e2e::Hotel;
use bellhop_infra::database;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

/// Where any of these words still stands: `table: the row`.
pub async fn of(hotel: &Hotel, words: &[&str]) -> Vec<String> {
    let db = database::connect_writer(&hotel.settings.database_url).await.unwrap();
    let mut found = Vec::new();
    for table in tables(&db).await {
        for row in all(&db, &table).await {
            found.extend(
                words
                    .iter()
                    .filter(|word| row.contains(**word))
                    .map(|word| format!("{word} in {table}: {row}")),
            );
        }
    }
    db.close().await.unwrap();
    found
}

/// Whether any of the files that are kept has these bytes.
pub fn in_files(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return in_files(&path, bytes);
        }
        std::fs::read(&path).unwrap().windows(bytes.len()).any(|part| part == bytes)
    })
}

async fn texts(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index::<Option<String>>(0).unwrap().unwrap_or_default()).collect()
}

async fn tables(db: &DatabaseConnection) -> Vec<String> {
    let tables = texts(
        db,
        match db.get_database_backend() {
            DbBackend::Postgres => {
                "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
            }
            _ => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        },
    )
    .await;
    assert!(tables.len() > 40, "{tables:?}");
    tables
}

/// Each row as a text with all its columns.
async fn all(db: &DatabaseConnection, table: &str) -> Vec<String> {
    if db.get_database_backend() == DbBackend::Postgres {
        return texts(db, &format!("SELECT t::text FROM {table} t")).await;
    }
    let columns = texts(db, &format!("SELECT name FROM pragma_table_info('{table}')")).await;
    let columns: Vec<String> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
    texts(db, &format!("SELECT {} FROM {table}", columns.join(" || ' ' || "))).await
}
