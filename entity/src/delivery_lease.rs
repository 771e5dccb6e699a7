//! Which process delivers a property's events.

use bellhop_domain::PropertyId;
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery_leases")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub property_id: PropertyId,
    pub token: Uuid,
    /// Real time.
    pub until: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
