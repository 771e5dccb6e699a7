//! A guest of a stay, and what the PMS says about the guest in it.

use bellhop_domain::{GuestId, PropertyId, StayId};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "stay_guests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stay_id: StayId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub guest_id: GuestId,
    pub property_id: PropertyId,
    /// Among the stay's guests, from 0. It has gaps where two turned out to be one.
    pub place: i32,
    pub name: Option<String>,
    pub language: Option<String>,
    pub tier: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
