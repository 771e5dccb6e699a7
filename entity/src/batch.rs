//! Many messages that were handed in together.

use bellhop_domain::batch::BatchStatus;
use bellhop_domain::settings::InDoubtPolicy;
use bellhop_domain::{BatchId, ConnectionId, Content, PropertyId, TokenId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "batches")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BatchId,
    pub property_id: PropertyId,
    pub connection_id: ConnectionId,
    /// Who handed it in.
    pub token_id: TokenId,
    pub name: Option<String>,
    pub status: BatchStatus,
    /// As fast as the connection where absent.
    pub messages_per_second: Option<i32>,
    /// Recipients that a worker takes at a time.
    pub chunk_size: i32,
    /// Attempts at one recipient; those that the provider refused as too fast do not count.
    pub max_attempts: Option<i32>,
    pub retry_delay_ms: Option<i32>,
    /// Deliveries are not followed and nobody is told of single messages.
    pub quiet: bool,
    pub in_doubt_policy: InDoubtPolicy,
    /// Goes to whom a text no longer may.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub fallback: Option<Content>,
    pub accepted: i32,
    pub rejected: i32,
    pub duplicate: i32,
    pub opted_out: i32,
    pub stopped_reason: Option<String>,
    pub send_at: Option<DateTime<Utc>>,
    /// The request that is still handing it in, and until when it is believed to live (real time).
    pub receiver: Option<Uuid>,
    pub receiving_until: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// Before when nobody looks whether there is progress to tell of (real time), and what was told last.
    pub progress_due_at: Option<DateTime<Utc>>,
    pub progress: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
