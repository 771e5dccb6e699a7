//! Something that was said about what a guest agrees to. Rows are added, never changed; a merge only gives them
//! to the guest who stays.

use bellhop_domain::consent::{ConsentKind, ConsentSource, ConsentState};
use bellhop_domain::{GuestId, MessageId, PropertyId, TokenId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "consent_changes")]
pub struct Model {
    /// Of two that were said at the same time, the one with the higher id was recorded later.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub property_id: PropertyId,
    pub guest_id: GuestId,
    pub kind: ConsentKind,
    pub state: ConsentState,
    pub source: ConsentSource,
    /// When it was said, in whole seconds.
    pub at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    /// In words: what proves it.
    pub evidence: Option<String>,
    /// By which the guest said it, or to which WhatsApp answered so.
    pub message_id: Option<MessageId>,
    pub staff_member_id: Option<String>,
    /// Who wrote it down, where that was a call.
    pub token_id: Option<TokenId>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
