//! Many messages that were handed in together.

use sea_orm_migration::prelude::*;

use crate::columns::{
    flag, id, id_null, index, integer, integer_null, json_null, refers, table, text, text_null, time,
    time_null, word,
};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0005_batches"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [batches(), batch_chunks(), batch_refusals()] {
            manager.create_table(table).await?;
        }
        for index in [
            index("batches_property", "batches", &["property_id", "id"]),
            // Few at any time, of the many that were.
            index("batches_open", "batches", &["connection_id"])
                .and_where(Expr::cust("finished_at IS NULL"))
                .take(),
            index("batch_chunks_publish", "batch_chunks", &["publish_at"])
                .and_where(Expr::cust("publish_at IS NOT NULL"))
                .take(),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn batches() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        id("connection_id"),
        id("token_id"),
        text_null("name"),
        word("status"),
        integer_null("messages_per_second"),
        integer("chunk_size"),
        integer_null("max_attempts"),
        integer_null("retry_delay_ms"),
        flag("quiet"),
        word("in_doubt_policy"),
        json_null("fallback"),
        integer("accepted"),
        integer("rejected"),
        integer("duplicate"),
        integer("opted_out"),
        text_null("stopped_reason"),
        time_null("send_at"),
        id_null("receiver"),
        time_null("receiving_until"),
        time("created_at"),
        time_null("started_at"),
        time_null("finished_at"),
    ];
    let mut batches = of_property(table("batches", 1, columns));
    refers(&mut batches, "connection_id", "connections");
    batches
}

/// A part of a batch that still has something to send: its outbox row, its lease.
fn batch_chunks() -> TableCreateStatement {
    let columns = vec![
        id("batch_id"),
        integer("number"),
        time_null("publish_at"),
        id_null("lease_token"),
        time_null("lease_until"),
    ];
    let mut chunks = table("batch_chunks", 2, columns);
    refers(&mut chunks, "batch_id", "batches");
    chunks
}

/// A line that made no message.
fn batch_refusals() -> TableCreateStatement {
    let columns = vec![
        id("batch_id"),
        integer("line"),
        word("kind"),
        text("field"),
        text("reason"),
        time("created_at"),
    ];
    let mut refusals = table("batch_refusals", 2, columns);
    refers(&mut refusals, "batch_id", "batches");
    refusals
}
