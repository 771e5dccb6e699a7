//! Stays, and what is known about guests.

use sea_orm_migration::prelude::*;

use crate::columns::{
    add, big, day, id, index, integer, json_null, refers, table, text, text_null, time, time_null, unique,
    word, word_null,
};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0010_stays"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [stays(), stay_guests()] {
            manager.create_table(table).await?;
        }
        for column in [
            // Who says what; `name` stays what WhatsApp says, as the release before writes it.
            json_null("staff"),
            json_null("import"),
            // What is shown.
            text_null("told_name"),
            text_null("language"),
            text_null("tier"),
            text_null("notes"),
            json_null("stay"),
            text_null("room"),
            word_null("stay_status"),
            time_null("stay_lapses_at"),
        ] {
            manager.alter_table(add("guests", column)).await?;
        }
        for column in [text_null("language"), text_null("tier"), text_null("room"), word_null("stay_status")]
        {
            manager.alter_table(add("conversations", column)).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn stays() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        text("source"),
        text("reservation_id"),
        big("version"),
        word("status"),
        text_null("room"),
        day("arrival"),
        day("departure"),
        text_null("booking_reference"),
        time("created_at"),
        time("updated_at"),
    ];
    of_property(table("stays", 1, columns))
}

fn stay_guests() -> TableCreateStatement {
    let columns = vec![
        id("stay_id"),
        id("guest_id"),
        id("property_id"),
        integer("place"),
        text_null("name"),
        text_null("language"),
        text_null("tier"),
    ];
    let mut guests = of_property(table("stay_guests", 2, columns));
    refers(&mut guests, "stay_id", "stays");
    refers(&mut guests, "guest_id", "guests");
    guests
}

fn indexes() -> Vec<IndexCreateStatement> {
    // Most rows have none of these facts, and pay for no index of them.
    let known = |name, table, columns: &[&'static str]| {
        let is_known = Expr::col(Alias::new(columns[1])).is_not_null();
        index(name, table, columns).and_where(is_known).take()
    };
    let of_conversations =
        |name, fact| known(name, "conversations", &["property_id", fact, "last_activity_at", "id"]);
    let of_guests = |name, fact| known(name, "guests", &["property_id", fact, "id"]);
    vec![
        unique("stays_name", "stays", &["property_id", "source", "reservation_id"]),
        index("stays_arrival", "stays", &["property_id", "arrival", "id"]),
        index("stays_departure", "stays", &["property_id", "departure"]),
        index("stays_room", "stays", &["property_id", "room", "arrival", "id"]),
        index("stays_status", "stays", &["property_id", "status", "arrival", "id"]),
        index("stay_guests_guest", "stay_guests", &["guest_id"]),
        index("guests_property", "guests", &["property_id", "id"]),
        of_guests("guests_room", "room"),
        of_guests("guests_tier", "tier"),
        of_guests("guests_language", "language"),
        index("guests_lapse", "guests", &["stay_lapses_at"])
            .and_where(Expr::cust("stay_lapses_at IS NOT NULL"))
            .take(),
        of_conversations("conversations_room", "room"),
        of_conversations("conversations_tier", "tier"),
        of_conversations("conversations_language", "language"),
        of_conversations("conversations_stay", "stay_status"),
    ]
}
