//! Files that guests send: what is still to be fetched.

use sea_orm_migration::prelude::*;

use crate::columns::{id, id_null, index, integer, refers, table, text, text_null, time, time_null, word};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0008_media_in"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(media_fetches()).await?;
        let due = index("media_fetches_due", "media_fetches", &["due_at"])
            .and_where(Expr::cust("status = 'pending'"))
            .take();
        manager.create_index(due).await
    }
}

/// A row for each file that is not here yet. It leaves when the file is.
fn media_fetches() -> TableCreateStatement {
    let columns = vec![
        id("media_id"),
        id("property_id"),
        id("connection_id"),
        id("message_id"),
        text("provider_id"),
        text_null("url"),
        text_null("sha256"),
        word("status"),
        integer("attempts"),
        integer("failures"),
        time("due_at"),
        id_null("lease_token"),
        time_null("lease_until"),
        text_null("error"),
        time("created_at"),
    ];
    let mut fetches = of_property(table("media_fetches", 1, columns));
    refers(&mut fetches, "media_id", "media");
    fetches
}
