//! Partners' webhooks: subscriptions, and what was delivered to them.

use sea_orm_migration::prelude::*;

use crate::columns::{
    big, big_null, bytes, flag, id, id_null, index, integer, integer_null, json, refers, table, text,
    text_null, time, time_null, unique, word,
};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0015_subscriptions"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [subscriptions(), deliveries(), delivery_attempts(), delivery_leases()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn subscriptions() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        // The token that made it: a partner's sees its own only.
        id("created_by"),
        text("url"),
        json("events"),
        word("verification"),
        word("status"),
        flag("ordered"),
        integer_null("max_retries"),
        integer_null("retry_delay_ms"),
        // Sealed, as the two below; empty when there is none.
        bytes("secret"),
        bytes("former_secret"),
        bytes("verify_token"),
        time_null("former_secret_until"),
        // It begins behind this event, whose number is made after the commit.
        id("begins_after"),
        // The last event's number that was made into a delivery.
        big_null("cursor"),
        // What is delivered once more: after the first number, to the second.
        big_null("replay_after"),
        big_null("replay_to"),
        // Counts what was asked for again: whoever delivers reads the rows anew.
        integer("asked_again"),
        time_null("failing_since"),
        integer("failures"),
        time_null("delivered_at"),
        time("created_at"),
        time("updated_at"),
        time_null("removed_at"),
    ];
    of_property(table("subscriptions", 1, columns))
}

fn deliveries() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("subscription_id"),
        id("property_id"),
        id("event_id"),
        word("event"),
        // The event's.
        big("number"),
        id_null("conversation_id"),
        word("status"),
        integer("attempts"),
        // In a row, since somebody last asked for it.
        integer("failures"),
        time("due_at"),
        // So long it holds back what comes after it in its conversation.
        time_null("holds_until"),
        integer_null("last_status"),
        text_null("last_error"),
        time("created_at"),
        time_null("ended_at"),
    ];
    let mut deliveries = of_property(table("deliveries", 1, columns));
    refers(&mut deliveries, "subscription_id", "subscriptions");
    deliveries
}

fn delivery_attempts() -> TableCreateStatement {
    let columns = vec![
        id("delivery_id"),
        integer("number"),
        text("url"),
        big("timestamp"),
        integer_null("status"),
        text_null("error"),
        text("answer"),
        integer("took_ms"),
        time("created_at"),
    ];
    let mut attempts = table("delivery_attempts", 2, columns);
    refers(&mut attempts, "delivery_id", "deliveries");
    attempts
}

/// Which process delivers a property's events.
fn delivery_leases() -> TableCreateStatement {
    of_property(table("delivery_leases", 1, vec![id("property_id"), id("token"), time("until")]))
}

fn indexes() -> Vec<IndexCreateStatement> {
    let pending = |name, columns: &[&'static str]| {
        index(name, "deliveries", columns).and_where(Expr::cust("status = 'pending'")).take()
    };
    vec![
        index("subscriptions_property", "subscriptions", &["property_id", "id"]),
        unique("deliveries_event", "deliveries", &["subscription_id", "event_id"]),
        index("deliveries_list", "deliveries", &["subscription_id", "id"]),
        index("deliveries_failed", "deliveries", &["subscription_id", "id"])
            .and_where(Expr::cust("status = 'failed'"))
            .take(),
        pending("deliveries_due", &["subscription_id", "due_at", "number"]),
        pending("deliveries_lane", &["subscription_id", "conversation_id", "number"]),
    ]
}
