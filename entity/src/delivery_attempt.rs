//! One request to a partner, and its answer.

use bellhop_domain::DeliveryId;
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery_attempts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub delivery_id: DeliveryId,
    /// From 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub url: String,
    /// The `webhook-timestamp`.
    pub timestamp: i64,
    /// What was sent: headers and the body's size. `None` of an earlier release's.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub request: Option<Json>,
    /// `None` when there was no answer.
    pub status: Option<i32>,
    pub error: Option<String>,
    /// The first 4,096 bytes, as far as they are text.
    pub answer: String,
    pub took_ms: i32,
    /// Real time.
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
