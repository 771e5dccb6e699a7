//! The event log. Written with the change, numbered later by the sequencer.

use bellhop_domain::event::EventType;
use bellhop_domain::{EventId, PropertyId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    /// Made by the database at insertion.
    #[sea_orm(primary_key)]
    pub serial: i64,
    #[sea_orm(unique)]
    pub id: EventId,
    pub property_id: PropertyId,
    pub event: EventType,
    #[sea_orm(column_type = "JsonBinary")]
    pub data: Json,
    pub created_at: DateTime<Utc>,
    /// Gap-free per property; readers see numbered rows only.
    pub number: Option<i64>,
    /// When what `data` said about a person was taken away.
    pub erased_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
