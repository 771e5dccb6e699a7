//! A guest's erasure: what is still to be done, and that it was.

use bellhop_domain::privacy::ErasureStep;
use bellhop_domain::{GuestId, PropertyId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "erasures")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub guest_id: GuestId,
    pub property_id: PropertyId,
    /// What is overwritten next.
    pub step: ErasureStep,
    /// The last id that this step has dealt with, of messages or of raw webhooks.
    pub done_to: Option<Uuid>,
    /// The same of events, by their numbers.
    pub events_to: Option<i64>,
    /// A JSON list, sealed by the cipher: what raw webhooks are looked through for. Empty once they were.
    pub identifiers: Vec<u8>,
    pub requested_at: DateTime<Utc>,
    pub completed_at: Option<DateTime<Utc>>,
    pub lease_token: Option<Uuid>,
    /// Real time.
    pub lease_until: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
