//! What stands of a guest's will: for each kind the newest of `consent_changes`. No row: unknown.

use bellhop_domain::GuestId;
use bellhop_domain::consent::{ConsentKind, ConsentSource, ConsentState};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "guest_consents")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub guest_id: GuestId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: ConsentKind,
    pub state: ConsentState,
    pub source: ConsentSource,
    pub at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
