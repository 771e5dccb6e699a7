//! Who looks after a conversation, and what was sent in an attempt.

use sea_orm_migration::prelude::*;

use crate::columns::{add, id_null, index, json_null};

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0018_assignees"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Staff are never deleted, so it names somebody for good.
        manager.alter_table(add("conversations", id_null("assignee"))).await?;
        manager.alter_table(add("delivery_attempts", json_null("request"))).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// A conversation is in one of them. Not one of both kinds: PostgreSQL reads an index in its order for a value,
/// not for "is null".
fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        index(
            "conversations_assignee",
            "conversations",
            &["property_id", "assignee", "last_activity_at", "id"],
        )
        .and_where(Expr::cust("assignee IS NOT NULL"))
        .take(),
        index("conversations_unassigned", "conversations", &["property_id", "last_activity_at", "id"])
            .and_where(Expr::cust("assignee IS NULL"))
            .take(),
    ]
}
