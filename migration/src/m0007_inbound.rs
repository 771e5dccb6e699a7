//! Everything that guests send, and what they do to it afterwards.

use sea_orm_migration::prelude::*;

use crate::columns::{add, id, index, json_null, table, text, time, time_null, word};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0007_inbound"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            // From where it came, if not simply from the guest.
            json_null("origin"),
            time_null("edited_at"),
            time_null("revoked_at"),
            // What it said before, oldest first.
            json_null("revisions"),
        ] {
            manager.alter_table(add("messages", column)).await?;
        }
        // When the guest left it for another, by the provider's clock.
        manager.alter_table(add("guest_identifiers", time_null("left_at"))).await?;
        manager.create_table(message_revisions()).await?;
        for index in [
            index("message_revisions_original", "message_revisions", &["connection_id", "original"]),
            // For what came in the same moment as its message.
            index("message_revisions_recent", "message_revisions", &["created_at"]),
            // Few: what comes late finds its guest among those who left.
            index("guest_identifiers_left", "guest_identifiers", &["match_key"])
                .and_where(Expr::cust("left_at IS NOT NULL"))
                .take(),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// Edits and revokes as they came: also before the message that they change.
fn message_revisions() -> TableCreateStatement {
    let columns = vec![
        id("connection_id"),
        text("wamid"),
        id("property_id"),
        // The wamid of the message that is changed.
        text("original"),
        word("change"),
        json_null("content"),
        time("at"),
        time("created_at"),
    ];
    of_property(table("message_revisions", 2, columns))
}
