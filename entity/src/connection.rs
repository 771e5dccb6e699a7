//! One business number at one provider.

use bellhop_domain::connection::ConnectionStatus;
use bellhop_domain::{ConnectionId, PropertyId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "connections")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ConnectionId,
    pub property_id: PropertyId,
    pub waba_id: String,
    #[sea_orm(unique)]
    pub phone_number_id: String,
    pub display_phone_number: String,
    pub base_url: String,
    pub api_version: String,
    /// Sealed by the cipher, as are the two below. All are empty once the number is taken away.
    pub access_token: Vec<u8>,
    /// Empty until somebody gives it.
    pub app_secret: Vec<u8>,
    pub verify_token: Vec<u8>,
    /// Messages per second, as the provider last said.
    pub throughput: Option<i32>,
    /// Counts instead of what the provider says; for measurements.
    pub throughput_override: Option<i32>,
    pub quality_rating: Option<String>,
    /// When a webhook last got through, on real time.
    pub webhook_seen_at: Option<DateTime<Utc>>,
    /// How long webhooks were getting through, all in all: what the in-doubt horizon counts.
    pub webhook_alive_ms: i64,
    pub created_at: DateTime<Utc>,
    pub status: ConnectionStatus,
    /// New conversations of the property begin here. Of several, the first counts.
    pub is_default: bool,
    /// Somebody else registers the callback at the provider.
    pub callback_elsewhere: bool,
    /// Counts access tokens: the refusal of an earlier one says nothing about the present one.
    pub token_version: i32,
    /// The name that guests see.
    pub verified_name: Option<String>,
    /// The provider's latest refusal that is about more than one message.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub last_error: Option<Json>,
    pub last_error_at: Option<DateTime<Utc>>,
    /// When the provider last took a message, give or take a second.
    pub last_sent_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
    pub removed_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
