//! How far a property's retention of messages is.

use bellhop_domain::{MessageId, PropertyId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "retention_marks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub property_id: PropertyId,
    /// Of the last message that was looked at, the time for which it counts, and its id.
    pub messages_at: DateTime<Utc>,
    pub message_id: MessageId,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
