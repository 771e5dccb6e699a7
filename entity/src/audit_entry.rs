//! A line of the audit trail. Rows are added, never changed or removed, and the database holds that; only an
//! erasure takes `before` and `after` away.

use bellhop_domain::audit::{ActorKind, AuditAction};
use bellhop_domain::rights::Role;
use bellhop_domain::{AuditEntryId, GuestId, PropertyId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditEntryId,
    pub property_id: PropertyId,
    /// The domain's time.
    pub at: DateTime<Utc>,
    pub actor_kind: ActorKind,
    /// The person's or the token's; `None` of a command.
    pub actor_id: Option<Uuid>,
    /// As it was then.
    pub actor_name: String,
    pub role: Option<Role>,
    pub action: AuditAction,
    /// What it was done to: an id as the API writes it, or a name where a thing has no id.
    pub subject: Option<String>,
    /// Whom it is about, where that is one guest.
    pub guest_id: Option<GuestId>,
    /// An object, as text; the fields that changed, as they were.
    #[sea_orm(column_type = "Text", nullable)]
    pub before: Option<String>,
    /// The same, as they are since.
    #[sea_orm(column_type = "Text", nullable)]
    pub after: Option<String>,
    /// When the guest was erased, and the two above with them.
    pub erased_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
