//! A hotel: the tenant. Every row that belongs to one names it.

use bellhop_domain::PropertyId;
use bellhop_domain::settings::InDoubtPolicy;
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "properties")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PropertyId,
    pub name: String,
    /// IANA name, such as `Asia/Jerusalem`.
    pub time_zone: String,
    /// ISO 3166-1 alpha-2; national phone numbers are read in it.
    pub default_country: Option<String>,
    pub default_language: String,
    /// What becomes of a message in doubt after the horizon.
    pub in_doubt_policy: InDoubtPolicy,
    /// Marketing goes only to guests who have agreed to it.
    pub require_opt_in: bool,
    /// How long words and files are kept; for good where absent.
    pub messages_days: Option<i32>,
    pub media_days: Option<i32>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
