//! A day of a property that is added up.

use bellhop_domain::PropertyId;
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "analytics_days")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub property_id: PropertyId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: NaiveDate,
    /// A day begins where the one before it ended, also when the time zone changed in between.
    pub begins_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// Added up again only when it is marked.
    pub closed: bool,
    /// Grows with each addition: an older one never overwrites a newer one.
    pub version: i32,
    pub computed_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
