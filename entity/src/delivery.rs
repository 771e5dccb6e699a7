//! One event on its way to one subscription.

use bellhop_domain::delivery::DeliveryStatus;
use bellhop_domain::event::EventType;
use bellhop_domain::{ConversationId, DeliveryId, EventId, PropertyId, SubscriptionId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DeliveryId,
    pub subscription_id: SubscriptionId,
    pub property_id: PropertyId,
    /// Also the `webhook-id`: the same in every attempt, after every death.
    pub event_id: EventId,
    pub event: EventType,
    /// The event's.
    pub number: i64,
    pub conversation_id: Option<ConversationId>,
    pub status: DeliveryStatus,
    pub attempts: i32,
    /// Failed ones in a row, since somebody last asked for it.
    pub failures: i32,
    /// When it is tried next, on real time.
    pub due_at: DateTime<Utc>,
    /// So long it holds back what comes after it in its conversation, on real time.
    pub holds_until: Option<DateTime<Utc>>,
    /// Of the last attempt: what the receiver answered, or why there was no answer.
    pub last_status: Option<i32>,
    pub last_error: Option<String>,
    pub created_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
