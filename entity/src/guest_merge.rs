//! The record of two guests that became one, complete enough to undo it.

use bellhop_domain::{GuestId, MergeId, PropertyId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "guest_merges")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MergeId,
    pub property_id: PropertyId,
    pub kept_guest_id: GuestId,
    pub merged_guest_id: GuestId,
    /// Ids of what moved: `identifiers`, `conversations`, `folded` with their messages, `consents`, `stays`,
    /// `shared_stays` with what was said in them; and `kept_before`, what the kept guest was.
    #[sea_orm(column_type = "JsonBinary")]
    pub moved: Json,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
