//! A status of the provider, once per connection, wamid and status.

use bellhop_domain::inbound::DeliveryStatus;
use bellhop_domain::{ConnectionId, MessageId, PropertyId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "message_statuses")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: ConnectionId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub wamid: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub status: DeliveryStatus,
    pub property_id: PropertyId,
    /// Unknown while the answer of the send is not stored yet.
    pub message_id: Option<MessageId>,
    pub attempt: Option<i32>,
    pub timestamp: DateTime<Utc>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub error: Option<Json>,
    /// Kept while it is parked; then it stands with the message.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub pricing: Option<Json>,
    pub received_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
