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
    /// The property's own names for the positions of a positional template, in their order.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub parameter_names: Option<Json>,
    /// Counts the changes of category, format and components; all are kept.
    pub version: i32,
    /// Before the provider filed it elsewhere.
    pub previous_category: Option<String>,
    /// A submission that is on its way to the provider until then; real time.
    pub submitting_until: Option<DateTime<Utc>>,
    /// When the status became what it is, in whole seconds, by the domain's time or the provider's.
    pub status_at: Option<DateTime<Utc>>,
    pub synced_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
