//! One identifier of a guest, from when it was first seen until it was another's.

use bellhop_domain::guest::IdentifierKind;
use bellhop_domain::{GuestId, PropertyId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "guest_identifiers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub property_id: PropertyId,
    pub guest_id: GuestId,
    pub kind: IdentifierKind,
    pub value: String,
    /// Unique per property and kind among those that have not ended.
    pub match_key: String,
    pub first_seen_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    /// When the guest left it for another, by the provider's clock; `None` while it is present, and where it
    /// only turned out to be somebody else's.
    pub left_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
