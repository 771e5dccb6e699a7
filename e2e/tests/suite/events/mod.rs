//! The event log and the live feed.

mod log;
mod resume;
mod schemas;
mod wakes;
mod windows;

use std::time::Duration;

use bellhop_e2e::{Hotel, eventually};
use bellhop_infra::settings::Settings;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement, TransactionTrait, Value,
};

/// A connection to a hotel's database, beside Bellhop: an event is written by many, and only its row counts.
pub(crate) async fn database(settings: &Settings, connections: u32) -> DatabaseConnection {
    let mut options = ConnectOptions::new(settings.database_url.expose());
    options.max_connections(connections).acquire_timeout(Duration::from_secs(60)).sqlx_logging(false);
    Database::connect(options).await.unwrap()
}

/// The property's id, as the database has it.
pub(crate) async fn property(database: &DatabaseConnection) -> Value {
    let row = Statement::from_string(database.get_database_backend(), "SELECT id FROM properties");
    let id: sea_orm::prelude::Uuid =
        database.query_one_raw(row).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    id.into()
}

/// Writes events as a transaction of Bellhop does; `data` names writer and number. Commits after `before_commit`.
pub(crate) async fn write(
    database: &DatabaseConnection,
    property: &Value,
    (writer, numbers): (usize, std::ops::Range<usize>),
    before_commit: Duration,
) {
    let tx = begin(database).await;
    for number in numbers {
        insert(&tx, property, (writer, number)).await;
    }
    tokio::time::sleep(before_commit).await;
    tx.commit().await.unwrap();
}

pub(crate) async fn begin(database: &DatabaseConnection) -> sea_orm::DatabaseTransaction {
    let options = sea_orm::TransactionOptions {
        sqlite_transaction_mode: Some(sea_orm::SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    database.begin_with_options(options).await.unwrap()
}

pub(crate) async fn insert(tx: &impl ConnectionTrait, property: &Value, (writer, number): (usize, usize)) {
    let data = serde_json::json!({"writer": writer, "number": number, "filler": "x".repeat(200)});
    let sql = "INSERT INTO events (id, property_id, event, data, created_at) VALUES ($1, $2, $3, $4, $5)";
    let values = [
        sea_orm::prelude::Uuid::now_v7().into(),
        property.clone(),
        "guest_updated".into(),
        data.into(),
        chrono::Utc::now().into(),
    ];
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await.unwrap();
}

/// Writer and number of an event of [`write`]; `None` for Bellhop's own.
pub(crate) fn written(event: &serde_json::Value) -> Option<(usize, usize)> {
    let number = |name: &str| usize::try_from(event["data"][name].as_u64()?).ok();
    Some((number("writer")?, number("number")?))
}

/// The latest sequence.
pub(crate) async fn latest(hotel: &Hotel) -> i64 {
    let refused = hotel.staff.get("/events?after=9000000000000").await.expect(400);
    refused["error"]["details"]["latest_sequence"].as_i64().expect("a number")
}

/// Waits until everything is numbered; the latest sequence.
pub(crate) async fn until_numbered(hotel: &Hotel, database: &DatabaseConnection) -> i64 {
    eventually("everything to be numbered", || async {
        let count = "SELECT count(*) FROM events WHERE number IS NULL";
        let count = Statement::from_string(database.get_database_backend(), count);
        let waiting: i64 = database.query_one_raw(count).await.unwrap().unwrap().try_get_by_index(0).unwrap();
        (waiting == 0).then_some(())
    })
    .await;
    latest(hotel).await
}
