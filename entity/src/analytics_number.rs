//! What a day came to: all of it, one template's part, or one staff member's.

use bellhop_domain::PropertyId;
use bellhop_domain::analytics::GroupBy;
use chrono::NaiveDate;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "analytics_numbers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub property_id: PropertyId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub facet: GroupBy,
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: NaiveDate,
    /// The template's name or the staff member's id; empty for the day.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The template's; else empty.
    #[sea_orm(primary_key, auto_increment = false)]
    pub language: String,
    /// JSON, as text: read whole and by the thousand, and PostgreSQL writes `jsonb` out five times as slowly.
    #[sea_orm(column_type = "Text")]
    pub numbers: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
