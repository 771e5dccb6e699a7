//! A guest: a set of dated identifiers, and what is known about the person.

use bellhop_domain::profile::Profile;
use bellhop_domain::stay::{Stay, StayStatus};
use bellhop_domain::{GuestId, PropertyId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "guests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: GuestId,
    pub property_id: PropertyId,
    /// The name that the guest gave to WhatsApp. Shown where nobody else knows one.
    pub name: Option<String>,
    /// What staff set.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub staff: Option<Profile>,
    /// What was imported.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub import: Option<Profile>,
    // From here to `stay_lapses_at`: what is shown, derived from the two above and from the guest's stays
    // in the transaction of every change.
    pub told_name: Option<String>,
    pub language: Option<String>,
    pub tier: Option<String>,
    pub notes: Option<String>,
    /// The current stay.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub stay: Option<Stay>,
    pub room: Option<String>,
    pub stay_status: Option<StayStatus>,
    /// When a reservation that nobody speaks of any more stops to be the current stay.
    pub stay_lapses_at: Option<DateTime<Utc>>,
    /// The guest that this one turned out to be.
    pub merged_into: Option<GuestId>,
    /// Since then nothing is known of them.
    pub erased_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
