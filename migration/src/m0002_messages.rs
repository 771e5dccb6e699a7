//! Conversations, messages and everything that moves them.

use sea_orm_migration::prelude::*;

use crate::columns::{
    big, big_null, flag, id, id_null, index, integer, integer_null, json, json_null, refers, small_null,
    table, text, text_null, time, time_null, unique, word,
};
use crate::m0001_hotel::of_property;

#[derive(Debug)]
pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_messages"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in
            [conversations(), messages(), attempts(), message_statuses(), outbox(), idempotency_keys()]
        {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn conversations() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        id("connection_id"),
        id("guest_id"),
        word("status"),
        json("metadata"),
        time_null("window_expires_at"),
        time_null("last_inbound_at"),
        time("last_activity_at"),
        big("next_seq"),
        text_null("resolution_notes"),
        small_null("satisfaction_rating"),
        flag("follow_up_required"),
        time_null("resolved_at"),
        id_null("merged_into"),
        time("created_at"),
    ];
    let mut conversations = of_property(table("conversations", 1, columns));
    refers(&mut conversations, "connection_id", "connections");
    refers(&mut conversations, "guest_id", "guests");
    conversations
}

fn messages() -> TableCreateStatement {
    let columns = vec![
        id("id"),
        id("property_id"),
        id("conversation_id"),
        id("connection_id"),
        id("guest_id"),
        // None while it waits for its time or in a batch: it takes its place when it leaves.
        big_null("seq"),
        word("direction"),
        word("status"),
        json("content"),
        text_null("wamid"),
        text_null("reply_to"),
        text_null("staff_member_id"),
        json_null("metadata"),
        integer("attempt"),
        time("due_at"),
        id_null("lease_token"),
        time_null("lease_until"),
        time_null("sent_at"),
        time_null("delivered_at"),
        time_null("read_at"),
        time_null("failed_at"),
        json_null("failure"),
        time_null("in_doubt_since"),
        big_null("in_doubt_mark_ms"),
        flag("sent_twice"),
        time_null("send_at"),
        id_null("batch_id"),
        integer_null("batch_line"),
        integer_null("batch_chunk"),
        text_null("batch_key"),
        flag("quiet"),
        time("created_at"),
    ];
    let mut messages = of_property(table("messages", 1, columns));
    refers(&mut messages, "conversation_id", "conversations");
    messages
}

fn attempts() -> TableCreateStatement {
    let columns = vec![
        id("message_id"),
        integer("number"),
        id("property_id"),
        id("connection_id"),
        word("outcome"),
        text_null("wamid"),
        json_null("error"),
        time("started_at"),
        time_null("ended_at"),
    ];
    let mut attempts = table("attempts", 2, columns);
    refers(&mut attempts, "message_id", "messages");
    attempts
}

fn message_statuses() -> TableCreateStatement {
    let columns = vec![
        id("connection_id"),
        text("wamid"),
        word("status"),
        id("property_id"),
        id_null("message_id"),
        integer_null("attempt"),
        time("timestamp"),
        json_null("error"),
        time("received_at"),
    ];
    table("message_statuses", 3, columns)
}

fn outbox() -> TableCreateStatement {
    let columns = vec![id("message_id"), id("property_id"), id("conversation_id"), time("publish_at")];
    let mut outbox = table("outbox", 1, columns);
    refers(&mut outbox, "message_id", "messages");
    outbox
}

fn idempotency_keys() -> TableCreateStatement {
    let columns = vec![
        id("token_id"),
        text("path"),
        text("key"),
        id("property_id"),
        text("body_hash"),
        // The message or the batch; which one, the path says.
        id("made_id"),
        time("created_at"),
    ];
    table("idempotency_keys", 3, columns)
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        unique("conversations_pair", "conversations", &["connection_id", "guest_id"]),
        index("conversations_activity", "conversations", &["property_id", "last_activity_at", "id"]),
        index("conversations_guest", "conversations", &["guest_id"]),
        unique("messages_place", "messages", &["conversation_id", "seq"]),
        unique("messages_wamid", "messages", &["connection_id", "wamid"]),
        index("messages_property", "messages", &["property_id", "id"]),
        // Few at any time; found without touching the many that are settled. Written as the
        // queries write it, or SQLite does not see that the index fits.
        index("messages_lane", "messages", &["conversation_id", "seq"])
            .and_where(Expr::cust("status IN ('queued', 'sending')"))
            .and_where(Expr::cust("seq IS NOT NULL"))
            .take(),
        index("messages_sending", "messages", &["lease_until"])
            .and_where(Expr::cust("status = 'sending'"))
            .take(),
        index("messages_in_doubt", "messages", &["property_id", "id"])
            .and_where(Expr::cust("status = 'in_doubt'"))
            .take(),
        unique("messages_batch_recipient", "messages", &["batch_id", "batch_key"])
            .and_where(Expr::cust("batch_id IS NOT NULL"))
            .take(),
        index("messages_batch_line", "messages", &["batch_id", "batch_line"])
            .and_where(Expr::cust("batch_id IS NOT NULL"))
            .take(),
        index("messages_scheduled", "messages", &["send_at"])
            .and_where(Expr::cust("status = 'scheduled' AND batch_id IS NULL"))
            .take(),
        index("messages_guest", "messages", &["guest_id", "id"]),
        index("messages_staff", "messages", &["conversation_id", "staff_member_id"])
            .and_where(Expr::cust("staff_member_id IS NOT NULL"))
            .take(),
        index("message_statuses_parked", "message_statuses", &["received_at"])
            .and_where(Expr::cust("message_id IS NULL"))
            .take(),
        index("attempts_wamid", "attempts", &["connection_id", "wamid"]),
        index("outbox_publish", "outbox", &["publish_at"]),
        index("idempotency_keys_age", "idempotency_keys", &["created_at"]),
    ]
}
