//! What is done to a batch as a whole.

use bellhop_domain::audit::AuditAction;
use bellhop_domain::batch::{BatchMove, BatchStatus};
use bellhop_domain::event::EventType;
use bellhop_domain::problem::Problem;
use bellhop_domain::provider_error::{ErrorClass, ProviderError};
use bellhop_domain::rights::Right;
use bellhop_domain::{BatchId, ConnectionId, MessageStatus};
use bellhop_entity::{batch, batch_chunk, message, outbox};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde_json::json;

use super::chunk::{lanes_of, open};
use super::mend::make_chunks;
use super::receive::told;
use super::view::BatchView;
use crate::analytics;
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::connection::Way;
use crate::db::real_now;
use crate::error::{Error, Result};
use crate::event::{self, Scope};

/// How a batch's recipients are tried again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    max_attempts: Option<i32>,
    delay_ms: Option<i32>,
    /// Nothing of it is tried again.
    pub cancelled: bool,
}

impl RetryPolicy {
    /// Whether the batch allows no attempt after this many that [count](counts), this one included.
    pub fn is_spent(&self, refusals: usize, error: &ProviderError) -> bool {
        let max = self.max_attempts.and_then(|max| usize::try_from(max).ok());
        max.is_some_and(|max| refusals >= max) && counts(error)
    }

    /// The delay that the caller asked for; refusals about the pace keep the table's own.
    pub fn delay(&self, error: &ProviderError) -> Option<std::time::Duration> {
        let ms = self.delay_ms.filter(|_| {
            !error.is_about_pace() && matches!(error.class(), ErrorClass::Backoff | ErrorClass::BackoffThrice)
        })?;
        Some(std::time::Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
    }
}

/// Whether a refusal says something about its recipient. That we were too fast, or the access token is dead,
/// does not.
pub(crate) fn counts(error: &ProviderError) -> bool {
    !error.is_about_pace() && error.class() != ErrorClass::Credentials
}

/// The policy of a message's batch, if it is the batch that sends it. Its row stays as it is until
/// the transaction ends: a cancel comes wholly before, and is seen, or after, and sees the message.
pub(crate) async fn retry_policy(
    tx: &DatabaseTransaction,
    row: &message::Model,
) -> Result<Option<RetryPolicy>> {
    let (Some(id), Some(_)) = (row.batch_id, row.batch_chunk) else { return Ok(None) };
    let row: Option<(Option<i32>, Option<i32>, BatchStatus)> = batch::Entity::find_by_id(id)
        .select_only()
        .columns([batch::Column::MaxAttempts, batch::Column::RetryDelayMs, batch::Column::Status])
        .lock_shared()
        .into_tuple()
        .one(tx)
        .await?;
    Ok(row.map(|(max_attempts, delay_ms, status)| RetryPolicy {
        max_attempts,
        delay_ms,
        cancelled: status == BatchStatus::Cancelled,
    }))
}

/// The batch's row, locked until the transaction ends.
pub(super) async fn lock(tx: &DatabaseTransaction, id: BatchId) -> Result<batch::Model> {
    let row = batch::Entity::find_by_id(id).lock_exclusive().one(tx).await?;
    row.ok_or_else(|| Error::not_found("batch"))
}

/// Writes a batch's new status.
pub(super) async fn put(
    tx: &DatabaseTransaction,
    row: batch::Model,
    status: BatchStatus,
    more: impl FnOnce(&mut batch::ActiveModel),
) -> Result<batch::Model> {
    let mut new = row.into_active_model();
    new.status = Set(status);
    more(&mut new);
    Ok(new.update(tx).await?)
}

impl App {
    /// Lets nobody leave any more, until it is resumed. What is on the wire already arrives.
    pub async fn pause_batch(&self, caller: &Caller, id: BatchId) -> Result<BatchView> {
        self.change_batch(caller, id, (BatchMove::Pause, EventType::BatchPaused, AuditAction::BatchPaused))
            .await
    }

    /// Goes on with a batch that was paused or stopped.
    pub async fn resume_batch(&self, caller: &Caller, id: BatchId) -> Result<BatchView> {
        let view = self
            .change_batch(caller, id, (BatchMove::Resume, EventType::BatchResumed, AuditAction::BatchResumed))
            .await?;
        self.wake.notify_one();
        Ok(view)
    }

    /// Ends a batch: what has not left will not.
    pub async fn cancel_batch(&self, caller: &Caller, id: BatchId) -> Result<BatchView> {
        self.change_batch(
            caller,
            id,
            (BatchMove::Cancel, EventType::BatchCancelled, AuditAction::BatchCancelled),
        )
        .await
    }

    async fn change_batch(
        &self,
        caller: &Caller,
        id: BatchId,
        (change, event, action): (BatchMove, EventType, AuditAction),
    ) -> Result<BatchView> {
        caller.require(Right::SendMessages)?;
        let scope = Scope { property: caller.property_id, at: self.now() };
        if change == BatchMove::Resume {
            self.check_way(caller, id).await?;
        }
        let tx = self.db.begin().await?;
        let row = lock_own(&tx, caller, id).await?;
        let change = match change {
            BatchMove::Resume if row.send_at.is_some_and(|at| at > scope.at) => BatchMove::Reschedule,
            other => other,
        };
        let Some(status) = row.status.after(change) else {
            let message = format!("The batch is {}; that does not allow it.", row.status);
            return Err(Error::with(Problem::BatchState, message, json!({"status": row.status})));
        };
        let before = row.status;
        let was_scheduled = row.started_at.is_none() && row.send_at.is_some();
        let cancelled = status == BatchStatus::Cancelled;
        let row = put(&tx, row, status, |new| {
            new.stopped_reason = Set(None);
            if cancelled {
                new.finished_at = Set(Some(scope.at));
            }
        })
        .await?;
        if cancelled {
            cancel_messages(&tx, scope.at, &row).await?;
        } else if status == BatchStatus::Running && was_scheduled {
            begin(&tx, scope.at, &row).await?;
        }
        event::record(&tx, scope, event, told(&row)).await?;
        let entry = Entry::of(action, id).changed(json!({"status": before}), json!({"status": status}));
        audit::record(&tx, scope, caller, entry).await?;
        tx.commit().await?;
        self.batch(caller, id).await
    }

    /// A batch whose number cannot send would stop again at once.
    async fn check_way(&self, caller: &Caller, id: BatchId) -> Result<()> {
        let number: Option<ConnectionId> = batch::Entity::find_by_id(id)
            .select_only()
            .column(batch::Column::ConnectionId)
            .filter(batch::Column::PropertyId.eq(caller.property_id))
            .into_tuple()
            .one(self.db.reader())
            .await?;
        let number = number.ok_or_else(|| Error::not_found("batch"))?;
        match self.way(number).await? {
            Way::Open(_) => Ok(()),
            Way::Waits => Err(Error::of(Problem::ProviderCredentials)),
            Way::Gone => Err(Error::of(Problem::NumberDisconnected)),
        }
    }

    /// Sends again to those to whom it failed. Returns the batch as it then is.
    pub async fn retry_failed(&self, caller: &Caller, id: BatchId) -> Result<BatchView> {
        caller.require(Right::SendMessages)?;
        let scope = Scope { property: caller.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        let row = lock_own(&tx, caller, id).await?;
        let status = match row.status {
            BatchStatus::Completed => row.status.after(BatchMove::Reopen),
            status => status.sends().then_some(status),
        };
        let Some(status) = status else {
            let message = format!("The batch is {}; that does not allow it.", row.status);
            return Err(Error::with(Problem::BatchState, message, json!({"status": row.status})));
        };
        let again = queue_failed(&tx, &row).await?;
        if again > 0 {
            make_chunks(&tx, id).await?;
            let row = put(&tx, row, status, |new| new.finished_at = Set(None)).await?;
            open(&tx, id, lanes_of(row.messages_per_second)).await?;
            event::record(&tx, scope, EventType::BatchResumed, told(&row)).await?;
            analytics::batch_changed(&tx, scope.at, &row).await?;
            let entry = Entry::of(AuditAction::BatchRetried, id).made(json!({"messages": again}));
            audit::record(&tx, scope, caller, entry).await?;
        }
        tx.commit().await?;
        self.wake.notify_one();
        self.batch(caller, id).await
    }

    /// Begins the batches whose time has come, and removes those that were never handed in whole.
    /// Returns how many.
    pub(crate) async fn sweep_batches(&self) -> Result<usize> {
        use batch::Column;
        let due: Vec<BatchId> = batch::Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::FinishedAt.is_null())
            .filter(Column::Status.eq(BatchStatus::Scheduled))
            .filter(Column::SendAt.lte(self.now()))
            .order_by_asc(Column::Id)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let mut changed = self.mend_batches().await?;
        for id in due {
            match self.begin_batch(id).await {
                Ok(begun) => changed += usize::from(begun),
                Err(error) => tracing::error!(batch = %id, %error, "scheduled batch not begun"),
            }
        }
        let silent: Vec<BatchId> = batch::Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::FinishedAt.is_null())
            .filter(Column::Status.eq(BatchStatus::Receiving))
            .filter(Column::ReceivingUntil.lte(real_now()))
            .into_tuple()
            .all(self.db.reader())
            .await?;
        for id in silent {
            match self.discard_batch(id, true).await {
                Ok(true) => {
                    tracing::warn!(batch = %id, "a batch that was never handed in whole was removed");
                    changed += 1;
                }
                Ok(false) => {}
                Err(error) => tracing::error!(batch = %id, %error, "abandoned batch not removed"),
            }
        }
        Ok(changed)
    }

    async fn begin_batch(&self, id: BatchId) -> Result<bool> {
        let tx = self.db.begin().await?;
        let row = lock(&tx, id).await?;
        let Some(status) = row.status.after(BatchMove::Begin) else { return Ok(false) };
        let row = put(&tx, row, status, |_| {}).await?;
        begin(&tx, self.now(), &row).await?;
        tx.commit().await?;
        self.wake.notify_one();
        Ok(true)
    }
}

/// The time of a scheduled batch has come.
async fn begin(tx: &DatabaseTransaction, now: DateTime<Utc>, row: &batch::Model) -> Result<()> {
    message::Entity::update_many()
        .col_expr(message::Column::Status, Expr::value(MessageStatus::Queued))
        .col_expr(message::Column::DueAt, Expr::value(real_now()))
        .filter(message::Column::BatchId.eq(row.id))
        .filter(message::Column::Status.eq(MessageStatus::Scheduled))
        .exec(tx)
        .await?;
    analytics::batch_changed(tx, now, row).await?;
    open(tx, row.id, lanes_of(row.messages_per_second)).await
}

/// Queues what failed and can still be said. Not those who do not want it: they are never asked again. Nor those to whom the
/// template went out instead, as a message of its own.
async fn queue_failed(tx: &DatabaseTransaction, row: &batch::Model) -> Result<u64> {
    use message::Column;
    let wanted = "(failure IS NULL OR CAST(failure ->> 'code' AS TEXT) NOT IN ('131050', '-1005'))";
    let instead = "NOT EXISTS (SELECT 1 FROM messages f WHERE f.fallback_for = messages.id)";
    let again = message::Entity::update_many()
        .col_expr(Column::Status, Expr::value(MessageStatus::Queued))
        .col_expr(Column::DueAt, Expr::value(real_now()))
        .col_expr(Column::Seq, Expr::value(None::<i64>))
        // Also those that had left their chunk.
        .col_expr(Column::BatchChunk, Expr::col(Column::BatchLine).div(row.chunk_size))
        .col_expr(Column::FailedAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::Failure, Expr::value(None::<serde_json::Value>))
        .filter(Column::BatchId.eq(row.id))
        .filter(Column::Status.eq(MessageStatus::Failed))
        .filter(Column::ErasedAt.is_null())
        .filter(Expr::cust(wanted))
        .filter(Expr::cust(instead))
        .exec(tx)
        .await?;
    Ok(again.rows_affected)
}

async fn cancel_messages(tx: &DatabaseTransaction, now: DateTime<Utc>, row: &batch::Model) -> Result<()> {
    let id = row.id;
    message::Entity::update_many()
        .col_expr(message::Column::Status, Expr::value(MessageStatus::Cancelled))
        .filter(message::Column::BatchId.eq(id))
        .filter(message::Column::Status.is_in([MessageStatus::Queued, MessageStatus::Scheduled]))
        .exec(tx)
        .await?;
    // Those that were to go out on their own, after a doubt.
    let cancelled = Query::select()
        .column(message::Column::Id)
        .from(message::Entity)
        .and_where(message::Column::BatchId.eq(id))
        .and_where(message::Column::Status.eq(MessageStatus::Cancelled))
        .to_owned();
    outbox::Entity::delete_many().filter(outbox::Column::MessageId.in_subquery(cancelled)).exec(tx).await?;
    batch_chunk::Entity::delete_many().filter(batch_chunk::Column::BatchId.eq(id)).exec(tx).await?;
    analytics::batch_changed(tx, now, row).await
}

/// A number may not send any more: its batches stop, and say why.
pub(crate) async fn stop_of_connection(app: &App, connection: ConnectionId, reason: &str) -> Result<()> {
    let running: Vec<BatchId> = batch::Entity::find()
        .select_only()
        .column(batch::Column::Id)
        .filter(batch::Column::ConnectionId.eq(connection))
        .filter(batch::Column::FinishedAt.is_null())
        .filter(batch::Column::Status.is_in([BatchStatus::Accepted, BatchStatus::Running]))
        .into_tuple()
        .all(app.db.reader())
        .await?;
    for id in running {
        let tx = app.db.begin().await?;
        let row = lock(&tx, id).await?;
        let Some(status) = row.status.after(BatchMove::Stop) else { continue };
        let scope = Scope { property: row.property_id, at: app.now() };
        let row = put(&tx, row, status, |new| new.stopped_reason = Set(Some(reason.to_owned()))).await?;
        event::record(&tx, scope, EventType::BatchStopped, told(&row)).await?;
        tx.commit().await?;
        tracing::warn!(batch = %id, reason, "its number may not send; the batch was stopped");
    }
    Ok(())
}

async fn lock_own(tx: &DatabaseTransaction, caller: &Caller, id: BatchId) -> Result<batch::Model> {
    let row = lock(tx, id).await?;
    let own = row.property_id == caller.property_id && row.status != BatchStatus::Receiving;
    own.then_some(row).ok_or_else(|| Error::not_found("batch"))
}
