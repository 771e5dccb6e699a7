//! The event log and the webhooks as they came.

use sea_orm_migration::prelude::*;

use crate::columns::{big_null, id, id_null, index, json, table, text, text_null, time, unique, word};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_record"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(events()).await?;
        manager.create_table(webhook_changes()).await?;
        for index in [
            unique("events_id", "events", &["id"]),
            unique("events_number", "events", &["property_id", "number"]),
            unique("webhook_changes_digest", "webhook_changes", &["digest"]),
            index("webhook_changes_connection", "webhook_changes", &["connection_id", "received_at"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn events() -> TableCreateStatement {
    // The serial is the database's own, so it follows insertions, not clocks or ids.
    let serial =
        ColumnDef::new(Alias::new("serial")).big_integer().not_null().auto_increment().primary_key().take();
    let mut events = Table::create();
    events.table(Alias::new("events")).col(serial);
    for column in
        [id("id"), id("property_id"), word("event"), json("data"), time("created_at"), big_null("number")]
    {
        events.col(column);
    }
    of_property(events)
}

fn webhook_changes() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id_null("property_id"),
        id_null("connection_id"),
        text("field"),
        text("digest"),
        json("body"),
        word("outcome"),
        text_null("error"),
        time("received_at"),
    ];
    table("webhook_changes", 1, columns)
}
