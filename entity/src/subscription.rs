//! A partner's webhook: where events are delivered to, and how far that is.

use bellhop_domain::subscription::{SubscriptionStatus, Verification};
use bellhop_domain::{EventId, PropertyId, SubscriptionId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "subscriptions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SubscriptionId,
    pub property_id: PropertyId,
    /// The token, or the person, that made it: a partner's token sees its own only.
    pub created_by: Uuid,
    pub url: String,
    /// Names of events.
    #[sea_orm(column_type = "JsonBinary")]
    pub events: Json,
    pub verification: Verification,
    pub status: SubscriptionStatus,
    /// Whether a conversation's events keep their order.
    pub ordered: bool,
    /// Both or neither; in milliseconds.
    pub max_retries: Option<i32>,
    pub retry_delay_ms: Option<i32>,
    /// Sealed by the cipher, as are the two below. All are empty once it is removed.
    pub secret: Vec<u8>,
    /// Empty when there is none.
    pub former_secret: Vec<u8>,
    pub verify_token: Vec<u8>,
    /// The domain's time.
    pub former_secret_until: Option<DateTime<Utc>>,
    /// It begins behind this event.
    pub begins_after: EventId,
    /// The number of the last event that was made into a delivery; `None` until that of `begins_after` is known.
    pub cursor: Option<i64>,
    /// What is delivered once more: the events after this number…
    pub replay_after: Option<i64>,
    /// …up to this one.
    pub replay_to: Option<i64>,
    /// Counts what was asked for again: whoever delivers reads the rows anew.
    pub asked_again: i32,
    /// Since when nothing got through, by the domain's time; `None` when the last attempt did.
    pub failing_since: Option<DateTime<Utc>>,
    /// Failed attempts since then.
    pub failures: i32,
    /// When something last got through, give or take a second.
    pub delivered_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub removed_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
