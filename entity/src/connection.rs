//! One business number at one provider.

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
    /// Sealed by the cipher, as are the two below.
    pub access_token: Vec<u8>,
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
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
