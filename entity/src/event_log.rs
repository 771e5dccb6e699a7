//! How far each property's events are numbered. Its row is the lease of whoever numbers: locked for the
//! numbering only, never by the changes that events tell of.

use bellhop_domain::PropertyId;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event_logs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub property_id: PropertyId,
    /// 0 before the first event.
    pub last_number: i64,
    /// Up to this number retention has taken away what events said about people.
    pub overwritten_to: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
