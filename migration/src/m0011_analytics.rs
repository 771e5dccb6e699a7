//! What messages cost, and days added up.

use sea_orm_migration::prelude::*;

use crate::columns::{add, date, flag, id, index, integer, json_null, table, text, time, word};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0011_analytics"
    }
}

/// Messages by the time for which they count. Written as the queries write it.
const COUNTED: &str =
    "CREATE INDEX messages_counted ON messages (property_id, (COALESCE(send_at, created_at)), id)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(add("messages", json_null("pricing"))).await?;
        // Of a status that came before its message's wamid was known.
        manager.alter_table(add("message_statuses", json_null("pricing"))).await?;
        for table in [days(), numbers(), marks()] {
            manager.create_table(table).await?;
        }
        manager.get_connection().execute_unprepared(COUNTED).await?;
        for index in [
            // Few of all: those by which guests answered a certain message.
            index("messages_replies", "messages", &["connection_id", "reply_to"])
                .and_where(Expr::cust("reply_to IS NOT NULL"))
                .take(),
            index("events_counted", "events", &["property_id", "created_at"])
                .and_where(Expr::cust("event IN ('window_opened', 'conversation_resolved')"))
                .take(),
            index("analytics_marks_property", "analytics_marks", &["property_id", "hour"]),
        ] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// The days that are added up, each with its time: a property may change its time zone.
fn days() -> TableCreateStatement {
    of_property(table(
        "analytics_days",
        2,
        vec![
            id("property_id"),
            date("day"),
            time("begins_at"),
            time("ends_at"),
            flag("closed"),
            integer("version"),
            time("computed_at"),
        ],
    ))
}

fn numbers() -> TableCreateStatement {
    of_property(table(
        "analytics_numbers",
        5,
        vec![id("property_id"), word("facet"), date("day"), text("name"), text("language"), text("numbers")],
    ))
}

/// Hours in which a message changed after its day was added up.
fn marks() -> TableCreateStatement {
    of_property(table("analytics_marks", 1, vec![id("id"), id("property_id"), time("hour")]))
}
