//! A guest's change of a message, as it came.

use bellhop_domain::inbound::RevisionKind;
use bellhop_domain::{ConnectionId, Content, PropertyId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "message_revisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: ConnectionId,
    /// Of the change itself.
    #[sea_orm(primary_key, auto_increment = false)]
    pub wamid: String,
    pub property_id: PropertyId,
    /// The wamid of the message that is changed; it may come later.
    pub original: String,
    pub change: RevisionKind,
    /// Of an edit: what the message says then.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub content: Option<Content>,
    /// When the guest did it, by the provider's clock.
    pub at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
