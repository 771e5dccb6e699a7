//! The hotel: property, tokens, connections, guests, templates.

use sea_orm_migration::prelude::*;

use crate::columns::{
    big, bytes, id, id_null, index, integer_null, json, refers, table, text, text_null, time, time_null,
    unique, word,
};

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_hotel"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            properties(),
            api_tokens(),
            connections(),
            guests(),
            guest_identifiers(),
            guest_merges(),
            templates(),
        ] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn properties() -> TableCreateStatement {
    table(
        "properties",
        1,
        vec![
            id("id"),
            text("name"),
            text("time_zone"),
            text_null("default_country"),
            text("default_language"),
            word("in_doubt_policy"),
            time("created_at"),
            time("updated_at"),
        ],
    )
}

fn api_tokens() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        word("role"),
        text("name"),
        text("token_hash"),
        time("created_at"),
        time_null("revoked_at"),
    ];
    of_property(table("api_tokens", 1, columns))
}

fn connections() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        text("waba_id"),
        text("phone_number_id"),
        text("display_phone_number"),
        text("base_url"),
        text("api_version"),
        bytes("access_token"),
        bytes("app_secret"),
        bytes("verify_token"),
        integer_null("throughput"),
        // For measurements: as if the provider had said so.
        integer_null("throughput_override"),
        text_null("quality_rating"),
        time_null("webhook_seen_at"),
        big("webhook_alive_ms"),
        time("created_at"),
    ];
    of_property(table("connections", 1, columns))
}

fn guests() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        text_null("name"),
        id_null("merged_into"),
        time("created_at"),
        time("updated_at"),
    ];
    of_property(table("guests", 1, columns))
}

fn guest_identifiers() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        id("guest_id"),
        word("kind"),
        text("value"),
        text("match_key"),
        time("first_seen_at"),
        time_null("ended_at"),
    ];
    let mut identifiers = of_property(table("guest_identifiers", 1, columns));
    refers(&mut identifiers, "guest_id", "guests");
    identifiers
}

fn guest_merges() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        id("kept_guest_id"),
        id("merged_guest_id"),
        json("moved"),
        time("created_at"),
    ];
    of_property(table("guest_merges", 1, columns))
}

fn templates() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        id("connection_id"),
        text("provider_id"),
        text("name"),
        text("language"),
        text("category"),
        text("status"),
        word("parameter_format"),
        json("components"),
        text_null("quality"),
        text_null("rejection_reason"),
        text_null("label"),
        time("synced_at"),
    ];
    let mut templates = of_property(table("templates", 1, columns));
    refers(&mut templates, "connection_id", "connections");
    templates
}

fn indexes() -> Vec<IndexCreateStatement> {
    let present =
        |mut index: IndexCreateStatement| index.and_where(Expr::col(Alias::new("ended_at")).is_null()).take();
    // The key first, and a guest's present ones in an index of their own: a database that has not counted
    // its rows yet would walk the whole property, or all that is present, for each look-up.
    let one_holder =
        unique("guest_identifiers_one_holder", "guest_identifiers", &["match_key", "property_id", "kind"]);
    let of_guest = index("guest_identifiers_present", "guest_identifiers", &["guest_id", "kind"]);
    vec![
        unique("api_tokens_hash", "api_tokens", &["token_hash"]),
        unique("connections_number", "connections", &["phone_number_id"]),
        index("connections_property", "connections", &["property_id"]),
        present(one_holder),
        present(of_guest),
        index("guest_identifiers_guest", "guest_identifiers", &["guest_id"]),
        unique("templates_language", "templates", &["connection_id", "name", "language"]),
        index("templates_property", "templates", &["property_id", "name"]),
    ]
}

pub fn of_property(mut table: TableCreateStatement) -> TableCreateStatement {
    refers(&mut table, "property_id", "properties");
    table
}
