//! One language of one template, as the provider last told it.

use bellhop_domain::template::ParameterFormat;
use bellhop_domain::{ConnectionId, PropertyId, TemplateId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "templates")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TemplateId,
    pub property_id: PropertyId,
    pub connection_id: ConnectionId,
    pub provider_id: String,
    pub name: String,
    pub language: String,
    pub category: String,
    pub status: String,
    pub parameter_format: ParameterFormat,
    #[sea_orm(column_type = "JsonBinary")]
    pub components: Json,
    pub quality: Option<String>,
    pub rejection_reason: Option<String>,
    /// The property's own category, such as `guest_services`.
    pub label: Option<String>,
    pub synced_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
