//! A line of a batch that made no message.

use bellhop_domain::BatchId;
use bellhop_domain::batch::RefusalKind;
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "batch_refusals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub batch_id: BatchId,
    /// Counted from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub line: i32,
    pub kind: RefusalKind,
    pub field: String,
    pub reason: String,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
