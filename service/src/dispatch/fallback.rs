//! The template that leaves instead of a free-form message whose window has closed.

use bellhop_domain::batch::BatchStatus;
use bellhop_domain::{Content, MessageStatus, window};
use bellhop_entity::{batch, conversation, message};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QuerySelect,
};

use super::Claim;
use crate::app::App;
use crate::error::Result;
use crate::message::lock;

/// What goes out instead of this message: its own template, or its batch's. `None` when there is none, or
/// none is needed.
pub(crate) async fn fallback_of(db: &impl ConnectionTrait, row: &message::Model) -> Result<Option<Content>> {
    if !row.content.needs_window() {
        return Ok(None);
    }
    if row.fallback.is_some() {
        return Ok(row.fallback.clone());
    }
    let Some(id) = row.batch_id else { return Ok(None) };
    let of_batch: Option<(BatchStatus, Option<Content>)> = batch::Entity::find_by_id(id)
        .select_only()
        .columns([batch::Column::Status, batch::Column::Fallback])
        .into_tuple()
        .one(db)
        .await?;
    // Nothing more of a batch leaves that was taken back, or that the provider stopped.
    let (_, fallback) = match of_batch {
        Some((BatchStatus::Cancelled | BatchStatus::Stopped, _)) | None => return Ok(None),
        Some(of_batch) => of_batch,
    };
    Ok(fallback)
}

/// Puts it in the place of a locked message's content.
pub(crate) async fn put_instead(
    tx: &DatabaseTransaction,
    row: message::Model,
    content: Content,
) -> Result<message::Model> {
    let mut new = row.into_active_model();
    new.content = Set(content);
    new.fell_back = Set(true);
    new.fallback = Set(None);
    Ok(new.update(tx).await?)
}

impl App {
    /// The same for a message that is claimed and not on the wire. `false` when there is nothing to put
    /// there, or the message is somebody else's by now; else it is to be looked at again.
    pub(super) async fn fall_back(&self, claim: &Claim, row: &message::Model) -> Result<bool> {
        let Some(content) = fallback_of(self.db.reader(), row).await? else { return Ok(false) };
        let tx = self.db.begin().await?;
        let row = lock(&tx, row.id).await?;
        if row.lease_token != Some(claim.token) || row.status != MessageStatus::Queued {
            return Ok(false);
        }
        // The guest may have written since the first look: then the message itself may leave.
        let conversation = conversation::Entity::find_by_id(row.conversation_id).one(&tx).await?;
        if window::is_open(conversation.and_then(|c| c.window_expires_at), self.now()) {
            return Ok(true);
        }
        put_instead(&tx, row, content).await?;
        tx.commit().await?;
        Ok(true)
    }
}
