//! A file that was uploaded.

use bellhop_domain::media::MediaKind;
use bellhop_domain::{MediaId, PropertyId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "media")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MediaId,
    pub property_id: PropertyId,
    pub kind: MediaKind,
    pub mime: String,
    pub filename: Option<String>,
    /// In bytes.
    pub size: i64,
    /// Hexadecimal; `None` until the file is in whole.
    pub sha256: Option<String>,
    /// Where the media store has it; empty once a removed file's bytes are gone.
    pub storage_key: String,
    /// The file is not kept any more; its bytes are gone, or about to be.
    pub removed_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
