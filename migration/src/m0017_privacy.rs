//! Erasure and retention.

use sea_orm_migration::prelude::*;

use crate::columns::{
    add, big_default, big_null, bytes, id, id_null, index, integer_null, refers, table, time, time_null, word,
};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0017_privacy"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["guests", "conversations", "messages", "events"] {
            manager.alter_table(add(table, time_null("erased_at"))).await?;
        }
        manager.alter_table(add("media", time_null("removed_at"))).await?;
        for column in ["messages_days", "media_days"] {
            manager.alter_table(add("properties", integer_null(column))).await?;
        }
        manager.alter_table(add("event_logs", big_default("overwritten_to", 0))).await?;
        for table in [erasures(), marks(), left()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// What is known of an erasure, and what of it is still to be done.
fn erasures() -> TableCreateStatement {
    let columns = vec![
        id("guest_id"),
        id("property_id"),
        // What is overwritten next.
        word("step"),
        // How far that step is.
        id_null("done_to"),
        big_null("events_to"),
        // What raw webhooks are looked through for; sealed, and empty once they were.
        bytes("identifiers"),
        time("requested_at"),
        time_null("completed_at"),
        id_null("lease_token"),
        time_null("lease_until"),
    ];
    let mut erasures = of_property(table("erasures", 1, columns));
    refers(&mut erasures, "guest_id", "guests");
    erasures
}

/// How far retention is: everything that counts at an earlier time was overwritten, or waits in `retention_left`.
fn marks() -> TableCreateStatement {
    let columns = vec![id("property_id"), time("messages_at"), id("message_id")];
    of_property(table("retention_marks", 1, columns))
}

/// Messages that were old enough and could not be overwritten yet, because they may still be sent.
fn left() -> TableCreateStatement {
    let mut left = of_property(table("retention_left", 1, vec![id("message_id"), id("property_id")]));
    refers(&mut left, "message_id", "messages");
    left
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        // Few at any time.
        index("erasures_open", "erasures", &["requested_at"])
            .and_where(Expr::cust("completed_at IS NULL"))
            .take(),
        index("retention_left_property", "retention_left", &["property_id", "message_id"]),
        index("media_kept", "media", &["property_id", "created_at", "id"])
            .and_where(Expr::cust("removed_at IS NULL"))
            .take(),
        // Almost always empty.
        index("media_to_delete", "media", &["removed_at"])
            .and_where(Expr::cust("removed_at IS NOT NULL AND storage_key <> ''"))
            .take(),
        index("webhook_changes_applied", "webhook_changes", &["received_at"])
            .and_where(Expr::cust("outcome = 'applied'"))
            .take(),
        index("guests_merged", "guests", &["merged_into"])
            .and_where(Expr::cust("merged_into IS NOT NULL"))
            .take(),
        index("guest_merges_kept", "guest_merges", &["kept_guest_id"]),
    ]
}
