//! A person who works at the hotel. Never deleted: history names them.

use bellhop_domain::rights::StaffRole;
use bellhop_domain::{PropertyId, StaffId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "staff")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: StaffId,
    pub property_id: PropertyId,
    pub name: String,
    /// As it was given.
    pub email: String,
    /// In small letters; once per property.
    pub email_key: String,
    pub role: StaffRole,
    /// A list of texts, as is the next.
    #[sea_orm(column_type = "JsonBinary")]
    pub departments: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub languages: Json,
    /// Argon2id in the PHC form; `None`: nobody can sign in yet.
    pub password_hash: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub disabled_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
