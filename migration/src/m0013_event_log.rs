//! The event log: how far it is numbered, what is not numbered yet, and which windows were told of.

use chrono::Utc;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::columns::{add, big, id, index, table, text_null, time_null};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0013_event_log"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let logs = table("event_logs", 1, vec![id("property_id"), big("last_number")]);
        manager.create_table(of_property(logs)).await?;
        manager.create_index(unnumbered()).await?;
        let connection = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            // Numbering writes each row once more, so each event leaves a dead row and a dead entry of the
            // partial index behind. By default they would wait until a fifth of the whole log is dead.
            connection.execute_unprepared(TIDY).await?;
        }
        for column in [time_null("window_closing_for"), time_null("window_closed_for")] {
            manager.alter_table(add("conversations", column)).await?;
        }
        // Nobody wants to be told of windows that ended before anybody told.
        let ended = Query::update()
            .table(Alias::new("conversations"))
            .value(Alias::new("window_closing_for"), Expr::col(Alias::new("window_expires_at")))
            .value(Alias::new("window_closed_for"), Expr::col(Alias::new("window_expires_at")))
            .and_where(Expr::col(Alias::new("window_expires_at")).lte(Utc::now()))
            .to_owned();
        manager.execute(ended).await?;
        // Spelled out on both databases, as the query spells it: their planners compare the words.
        connection.execute_unprepared(WINDOWS).await?;
        for column in [time_null("progress_due_at"), text_null("progress")] {
            manager.alter_table(add("batches", column)).await?;
        }
        Ok(())
    }
}

const TIDY: &str = "ALTER TABLE events SET (autovacuum_vacuum_scale_factor = 0.01, \
    autovacuum_vacuum_threshold = 10000, vacuum_index_cleanup = on)";

const WINDOWS: &str = "CREATE INDEX conversations_window_untold ON conversations (window_expires_at) \
    WHERE window_expires_at IS NOT NULL \
    AND (window_closed_for IS NULL OR window_closed_for <> window_expires_at)";

/// Almost always empty.
fn unnumbered() -> IndexCreateStatement {
    index("events_unnumbered", "events", &["property_id", "serial"])
        .and_where(Expr::col(Alias::new("number")).is_null())
        .take()
}
