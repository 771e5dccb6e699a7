//! What one language of a template was at some time.

use bellhop_domain::template::{ChangeCause, ParameterFormat};
use bellhop_domain::{PropertyId, TemplateId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "template_versions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub template_id: TemplateId,
    /// Counted from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    pub property_id: PropertyId,
    pub cause: ChangeCause,
    pub category: String,
    pub status: String,
    pub parameter_format: ParameterFormat,
    #[sea_orm(column_type = "JsonBinary")]
    pub components: Json,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
