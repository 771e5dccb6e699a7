//! Single messages that are to leave later.

use bellhop_domain::audit::AuditAction;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::status::Evidence;
use bellhop_domain::{MessageId, MessageStatus};
use bellhop_entity::{conversation as entity, message};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde_json::json;

use crate::app::App;
use crate::audit;
use crate::auth::Caller;
use crate::conversation::{self, Touch, touch};
use crate::dispatch::{Change, settle};
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::guest;
use crate::message::{MessageView, lock, moved};

/// Messages taken in one round.
const CHUNK: u64 = 100;

impl App {
    /// Queues the messages whose time has come. Returns how many.
    pub(crate) async fn begin_scheduled(&self) -> Result<usize> {
        let mut begun = 0;
        loop {
            let some = self.begin_some().await?;
            begun += some;
            if (some as u64) < CHUNK {
                return Ok(begun);
            }
        }
    }

    async fn begin_some(&self) -> Result<usize> {
        let due: Vec<MessageId> = message::Entity::find()
            .select_only()
            .column(message::Column::Id)
            .filter(Expr::cust("status = 'scheduled' AND batch_id IS NULL"))
            .filter(message::Column::SendAt.lte(self.now()))
            .order_by_asc(message::Column::SendAt)
            .limit(CHUNK)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let mut begun = 0;
        for id in due {
            // One at a time: what fails on one must not keep the others for ever.
            match self.begin_one(id).await {
                Ok(done) => begun += usize::from(done),
                Err(error) => tracing::error!(message = %id, %error, "scheduled message not queued"),
            }
        }
        Ok(begun)
    }

    async fn begin_one(&self, id: MessageId) -> Result<bool> {
        let tx = self.db.begin().await?;
        let (mut conversation, row) = lock_with_conversation(&tx, id).await?;
        let scope = Scope { property: row.property_id, at: self.now() };
        if row.status != MessageStatus::Scheduled {
            return Ok(false);
        }
        let row = take_place(&tx, scope, &mut conversation, row).await?;
        let row = settle(&tx, scope, row, Change::to(MessageStatus::Queued, Evidence::Dispatch)).await?;
        tx.commit().await?;
        self.start_lane(row.conversation_id);
        Ok(true)
    }

    /// Takes a message back that has not left yet.
    pub async fn cancel(&self, caller: &Caller, id: MessageId) -> Result<MessageView> {
        caller.require(Right::SendMessages)?;
        self.message(caller, id).await?;
        let tx = self.db.begin().await?;
        let row = lock(&tx, id).await?;
        if row.status == MessageStatus::Cancelled {
            return Ok(row.into());
        }
        if !matches!(row.status, MessageStatus::Scheduled | MessageStatus::Queued) {
            let details = json!({"status": row.status});
            return Err(Error::with(Problem::NotScheduled, Problem::NotScheduled.row().meaning, details));
        }
        let scope = Scope { property: caller.property_id, at: self.now() };
        let before = row.status;
        let row = settle(&tx, scope, row, Change::to(MessageStatus::Cancelled, Evidence::Decision)).await?;
        audit::record(&tx, scope, caller, moved(AuditAction::MessageCancelled, before, &row)).await?;
        tx.commit().await?;
        self.start_lane(row.conversation_id);
        Ok(row.into())
    }
}

/// A message with its conversation, in the order in which everybody locks: guest, conversation, message.
pub(crate) async fn lock_with_conversation(
    tx: &DatabaseTransaction,
    id: MessageId,
) -> Result<(entity::Model, message::Model)> {
    let seen = message::Entity::find_by_id(id).one(tx).await?.ok_or_else(|| Error::not_found("message"))?;
    guest::lock(tx, seen.property_id, seen.guest_id).await?;
    let conversation = conversation::lock(tx, seen.property_id, seen.conversation_id).await?;
    Ok((conversation, lock(tx, id).await?))
}

/// Gives a message the next place in its locked conversation, if it has none.
pub(crate) async fn take_place(
    tx: &DatabaseTransaction,
    scope: Scope,
    conversation: &mut entity::Model,
    row: message::Model,
) -> Result<message::Model> {
    if row.seq.is_some() {
        return Ok(row);
    }
    let seq = touch(tx, scope, conversation, Touch::default()).await?;
    let mut new = row.into_active_model();
    new.seq = Set(Some(seq));
    Ok(new.update(tx).await?)
}
