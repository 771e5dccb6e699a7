//! A reservation, as the PMS told it last.

use bellhop_domain::stay::{Date, StayStatus};
use bellhop_domain::{PropertyId, StayId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "stays")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: StayId,
    pub property_id: PropertyId,
    /// Which PMS; with `reservation_id` the stay's name.
    pub source: String,
    pub reservation_id: String,
    /// The PMS's own count of its changes: an older one changes nothing.
    pub version: i64,
    pub status: StayStatus,
    pub room: Option<String>,
    /// Days in the property's time zone.
    pub arrival: Date,
    pub departure: Date,
    pub booking_reference: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
