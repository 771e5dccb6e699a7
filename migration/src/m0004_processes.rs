//! The processes that send, so that each knows how many share a number's pace.

use sea_orm_migration::prelude::*;

use crate::columns::{id, table, time, word};

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0004_processes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A handful of rows: no index pays.
        manager
            .create_table(table(
                "processes",
                1,
                vec![id("id"), word("role"), time("started_at"), time("seen_at")],
            ))
            .await
    }
}
