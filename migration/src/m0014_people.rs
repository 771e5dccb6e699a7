//! People who sign in, and what API tokens are narrowed to.

use sea_orm_migration::prelude::*;

use crate::columns::{
    add, id, index, json, json_null, refers, table, text, text_null, time, time_null, unique, word,
};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0014_people"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [staff(), sessions()] {
            manager.create_table(table).await?;
        }
        for column in [
            // Without any it has those of its role, as all tokens had.
            json_null("scopes"),
            time_null("expires_at"),
            time_null("last_used_at"),
        ] {
            manager.alter_table(add("api_tokens", column)).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn staff() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        text("name"),
        text("email"),
        // The address as it is compared.
        text("email_key"),
        word("role"),
        json("departments"),
        json("languages"),
        text_null("password_hash"),
        time("created_at"),
        time("updated_at"),
        time_null("disabled_at"),
    ];
    of_property(table("staff", 1, columns))
}

fn sessions() -> TableCreateStatement {
    let columns = vec![id("id"), id("staff_id"), text("token_hash"), time("created_at"), time("expires_at")];
    let mut sessions = table("sessions", 1, columns);
    refers(&mut sessions, "staff_id", "staff");
    sessions
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        // The address first: whoever signs in may not say at which hotel.
        unique("staff_email", "staff", &["email_key", "property_id"]),
        index("staff_property", "staff", &["property_id", "id"]),
        unique("sessions_hash", "sessions", &["token_hash"]),
        index("sessions_staff", "sessions", &["staff_id"]),
        index("sessions_end", "sessions", &["expires_at"]),
        index("api_tokens_property", "api_tokens", &["property_id", "id"]),
    ]
}
