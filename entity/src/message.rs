//! A message in either direction, with the state of its way out.

use bellhop_domain::conversation::Direction;
use bellhop_domain::inbound::{Origin, Said};
use bellhop_domain::{
    BatchId, ConnectionId, Content, ConversationId, GuestId, MessageId, MessageStatus, PropertyId,
};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MessageId,
    pub property_id: PropertyId,
    pub conversation_id: ConversationId,
    pub connection_id: ConnectionId,
    pub guest_id: GuestId,
    /// The place in the conversation: messages leave in this order. `None` while it is scheduled or
    /// waits in a batch; it takes its place when it leaves.
    pub seq: Option<i64>,
    pub direction: Direction,
    pub status: MessageStatus,
    #[sea_orm(column_type = "JsonBinary")]
    pub content: Content,
    /// The provider's id.
    pub wamid: Option<String>,
    /// The wamid of the message that this one answers.
    pub reply_to: Option<String>,
    pub staff_member_id: Option<String>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub metadata: Option<Json>,
    /// How many times it went, or may have gone, on the wire.
    pub attempt: i32,
    /// Not tried before this (real time).
    pub due_at: DateTime<Utc>,
    pub lease_token: Option<Uuid>,
    pub lease_until: Option<DateTime<Utc>>,
    pub sent_at: Option<DateTime<Utc>>,
    pub delivered_at: Option<DateTime<Utc>>,
    pub read_at: Option<DateTime<Utc>>,
    pub failed_at: Option<DateTime<Utc>>,
    /// The last refusal, also of a message that will be tried again.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub failure: Option<Json>,
    /// Real time.
    pub in_doubt_since: Option<DateTime<Utc>>,
    /// The connection's `webhook_alive_ms` when the doubt began.
    pub in_doubt_mark_ms: Option<i64>,
    /// Two attempts of it are proven to have reached the provider.
    pub sent_twice: bool,
    /// When it is to leave, if that was not at once.
    pub send_at: Option<DateTime<Utc>>,
    pub batch_id: Option<BatchId>,
    /// Counted from 1, as it was handed in.
    pub batch_line: Option<i32>,
    /// The part of the batch that sends it; `None` once somebody decided about it on its own.
    pub batch_chunk: Option<i32>,
    /// The recipient, unique in the batch.
    pub batch_key: Option<String>,
    /// What leaves instead if the window has closed by then.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub fallback: Option<Content>,
    /// The content is the fallback: the window had closed.
    pub fell_back: bool,
    /// The message that the provider dropped because its window had closed; this one went out instead.
    pub fallback_for: Option<MessageId>,
    /// Where an inbound message comes from, if not simply from the guest.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub origin: Option<Origin>,
    /// When the guest changed it last; what it said before stands in `revisions`.
    pub edited_at: Option<DateTime<Utc>>,
    /// When the guest deleted it for everyone.
    pub revoked_at: Option<DateTime<Utc>>,
    /// What it said before, oldest first.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub revisions: Option<Said>,
    /// Whether it costs, and by which tariff: `domain::pricing`.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub pricing: Option<Json>,
    /// Raises no events, and its way ends at `sent`.
    pub quiet: bool,
    /// When what it said was taken away: of `content` the kind is left, and the template.
    pub erased_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
