//! Numbers that admins connect: where each stands, and the check value of the encryption key.

use sea_orm_migration::prelude::*;

use crate::columns::{add, bytes, flag, integer, integer_default, json_null, table, text_null, time_null};

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0012_connections"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [
            status(),
            // New conversations of the property begin here.
            flag("is_default"),
            // Somebody else registers the callback.
            flag("callback_elsewhere"),
            // Counts access tokens: the refusal of an earlier one says nothing about the present one.
            integer_default("token_version", 1),
            text_null("verified_name"),
            // The provider's latest refusal that is about more than one message.
            json_null("last_error"),
            time_null("last_error_at"),
            time_null("last_sent_at"),
            time_null("updated_at"),
            time_null("removed_at"),
        ] {
            manager.alter_table(add("connections", column)).await?;
        }
        manager.create_table(key_checks()).await
    }
}

/// What is there already is in use.
fn status() -> ColumnDef {
    ColumnDef::new(Alias::new("status")).string_len(32).not_null().default("active").take()
}

/// One row: a known text under the key in use, so that a wrong key is noticed at start.
fn key_checks() -> TableCreateStatement {
    let next = ColumnDef::new(Alias::new("next_sealed")).blob().null().take();
    table("key_checks", 1, vec![integer("id"), bytes("sealed"), next])
}
