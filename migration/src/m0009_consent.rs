//! What guests agreed to: all that was ever said, and what stands.

use sea_orm_migration::prelude::*;

use crate::columns::{add, flag, id, id_null, index, refers, table, text_null, time, word};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0009_consent"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [consent_changes(), guest_consents()] {
            manager.create_table(table).await?;
        }
        // A guest's history, newest first; the newest of a kind decides.
        let of_guest = index("consent_changes_guest", "consent_changes", &["guest_id", "at", "id"]);
        manager.create_index(of_guest).await?;
        manager.alter_table(add("properties", flag("require_opt_in"))).await
    }
}

fn consent_changes() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        id("guest_id"),
        word("kind"),
        word("state"),
        word("source"),
        // When it was said.
        time("at"),
        time("recorded_at"),
        text_null("evidence"),
        // By which the guest said it, or to which WhatsApp answered so.
        id_null("message_id"),
        text_null("staff_member_id"),
        id_null("token_id"),
    ];
    let mut changes = of_property(table("consent_changes", 1, columns));
    refers(&mut changes, "guest_id", "guests");
    changes
}

/// A row where something was said; none: unknown.
fn guest_consents() -> TableCreateStatement {
    let columns = vec![id("guest_id"), word("kind"), word("state"), word("source"), time("at")];
    let mut consents = table("guest_consents", 2, columns);
    refers(&mut consents, "guest_id", "guests");
    consents
}
