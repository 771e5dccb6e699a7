//! One change of a verified webhook, as it came, with what became of it.

use bellhop_domain::webhook::ChangeOutcome;
use bellhop_domain::{ConnectionId, PropertyId, WebhookChangeId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_changes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WebhookChangeId,
    /// Unknown when the number is nobody's.
    pub property_id: Option<PropertyId>,
    pub connection_id: Option<ConnectionId>,
    pub field: String,
    /// SHA-256 of the change: the provider repeats itself.
    #[sea_orm(unique)]
    pub digest: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub body: Json,
    pub outcome: ChangeOutcome,
    pub error: Option<String>,
    pub received_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
