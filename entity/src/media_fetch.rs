//! A file that a guest sent and that is not here yet. The row leaves when the file is.

use bellhop_domain::media::ArrivalStatus;
use bellhop_domain::{ConnectionId, MediaId, MessageId, PropertyId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "media_fetches")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub media_id: MediaId,
    pub property_id: PropertyId,
    /// The number that the guest wrote to.
    pub connection_id: ConnectionId,
    /// The message that brought it. Its conversation and its guest may become others by a merge.
    pub message_id: MessageId,
    /// The provider's id of the file.
    pub provider_id: String,
    /// Where the file was when the message came; not asked a second time.
    pub url: Option<String>,
    /// What the webhook says of it, in hexadecimal.
    pub sha256: Option<String>,
    /// Never `stored`: then there is no row.
    pub status: ArrivalStatus,
    /// How often it was begun.
    pub attempts: i32,
    /// How often in a row it failed since somebody last asked for it.
    pub failures: i32,
    /// When it is tried next, on real time.
    pub due_at: DateTime<Utc>,
    pub lease_token: Option<Uuid>,
    /// Real time.
    pub lease_until: Option<DateTime<Utc>>,
    /// Why the last attempt failed, for people.
    pub error: Option<String>,
    /// The domain's time: the provider's seven days run from here.
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
