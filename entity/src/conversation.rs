//! All that one guest and one number of the hotel ever said to each other.

use bellhop_domain::conversation::ConversationStatus;
use bellhop_domain::stay::StayStatus;
use bellhop_domain::{ConnectionId, ConversationId, GuestId, PropertyId, StaffId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "conversations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ConversationId,
    pub property_id: PropertyId,
    pub connection_id: ConnectionId,
    pub guest_id: GuestId,
    pub status: ConversationStatus,
    #[sea_orm(column_type = "JsonBinary")]
    pub metadata: Json,
    pub window_expires_at: Option<DateTime<Utc>>,
    /// The end of the window of which it was told last that it is near, and that it is over.
    pub window_closing_for: Option<DateTime<Utc>>,
    pub window_closed_for: Option<DateTime<Utc>>,
    pub last_inbound_at: Option<DateTime<Utc>>,
    pub last_activity_at: DateTime<Utc>,
    /// The place of the next message. Taking one locks the row, so places follow the order of commits.
    pub next_seq: i64,
    pub resolution_notes: Option<String>,
    pub satisfaction_rating: Option<i16>,
    pub follow_up_required: bool,
    pub resolved_at: Option<DateTime<Utc>>,
    /// The conversation that took over the messages when the guests were joined.
    pub merged_into: Option<ConversationId>,
    /// Its guest was erased then: nobody sees it any more.
    pub erased_at: Option<DateTime<Utc>>,
    // The guest's, kept here too, so that a list by one of them in the order of activity is an index.
    pub language: Option<String>,
    pub tier: Option<String>,
    pub room: Option<String>,
    pub stay_status: Option<StayStatus>,
    /// Who looks after it.
    pub assignee: Option<StaffId>,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
