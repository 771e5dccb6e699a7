//! What nobody else will do: leases that ran out, doubts that lasted, keys that grew old, reservations of
//! which nobody spoke again, windows that end.

use bellhop_domain::attempt::{AttemptOutcome, AttemptRef};
use bellhop_domain::batch::BatchStatus;
use bellhop_domain::status::Evidence;
use bellhop_domain::{MessageId, MessageStatus};
use bellhop_entity::{attempt, batch, connection, message, message_status, property};
use chrono::TimeDelta;
use sea_orm::sea_query::{Expr, Query, SelectStatement};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::auth;
use crate::db::{in_time, real_now};
use crate::dispatch::{Change, find_attempt, settle, settle_attempt};
use crate::error::Result;
use crate::event::Scope;
use crate::idempotency;
use crate::ingest;
use crate::message::lock;

/// Messages taken in one round.
const CHUNK: u64 = 100;

/// Batches of which something may be sent again.
const GOING_ON: [BatchStatus; 3] = [BatchStatus::Accepted, BatchStatus::Running, BatchStatus::Completed];

/// How long a status without a message is looked at again: far longer than any call takes.
const PARKED_FOR: TimeDelta = TimeDelta::minutes(2);

impl App {
    /// One round. Returns how many messages changed their state.
    pub async fn sweep(&self) -> Result<usize> {
        // What fails in one part must not keep the others.
        let parts = [
            in_time(self.doubt_lost_attempts()).await,
            in_time(self.apply_in_doubt_policy()).await,
            in_time(self.apply_late_parked()).await,
            in_time(self.sweep_batches()).await,
            in_time(self.begin_scheduled()).await,
            in_time(self.start_due_fetches()).await,
            in_time(self.apply_late_revisions()).await,
            in_time(self.let_reservations_lapse()).await.map(|()| 0),
            in_time(self.tell_of_windows()).await.map(|_| 0),
            in_time(self.tell_of_progress()).await.map(|_| 0),
        ];
        parts.into_iter().sum()
    }

    /// An attempt whose lease ran out may have been on the wire: its message is in doubt.
    async fn doubt_lost_attempts(&self) -> Result<usize> {
        use message::Column;
        let lost: Vec<MessageId> = message::Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Expr::cust("status = 'sending'"))
            .filter(Column::LeaseUntil.lte(real_now()))
            .order_by_asc(Column::LeaseUntil)
            .limit(CHUNK)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let mut changed = 0;
        for id in lost {
            // One at a time: what fails on one must not keep the others for ever.
            match self.doubt(id).await {
                Ok(doubted) => changed += usize::from(doubted),
                Err(error) => tracing::error!(message = %id, %error, "lost attempt not settled"),
            }
        }
        Ok(changed)
    }

    async fn doubt(&self, id: MessageId) -> Result<bool> {
        let tx = self.db.begin().await?;
        let row = lock(&tx, id).await?;
        if row.status != MessageStatus::Sending || row.lease_until.is_none_or(|until| until > real_now()) {
            return Ok(false);
        }
        let attempt = AttemptRef { message: id, number: row.attempt };
        let known = find_attempt(&tx, attempt).await?;
        settle_attempt(&tx, known, AttemptOutcome::InDoubt, (None, None)).await?;
        let scope = Scope { property: row.property_id, at: self.now() };
        let row = settle(&tx, scope, row, Change::to(MessageStatus::InDoubt, Evidence::Dispatch)).await?;
        tx.commit().await?;
        tracing::warn!(message = %id, "an attempt was never answered; the message is in doubt");
        self.start_lane(row.conversation_id);
        Ok(true)
    }

    /// Sends again what stayed in doubt beyond the horizon, where the property wants that.
    ///
    /// The horizon counts only time in which webhooks of the connection were getting through:
    /// while they do not, the echo that would settle the doubt cannot come either.
    async fn apply_in_doubt_policy(&self) -> Result<usize> {
        let horizon =
            TimeDelta::from_std(self.config.in_doubt_horizon).unwrap_or(TimeDelta::MAX).num_milliseconds();
        let mut changed = 0;
        for connection in connection::Entity::find().all(self.db.reader()).await? {
            let over = connection.webhook_alive_ms - horizon;
            for id in self.doubts_to_resend(&connection, over).await? {
                match self.resend(id, over).await {
                    Ok(resent) => changed += usize::from(resent),
                    Err(error) => tracing::error!(message = %id, %error, "doubt not decided"),
                }
            }
        }
        Ok(changed)
    }

    /// Messages of a connection whose doubt began before its webhook time was `mark_ms`, and whose
    /// batch, or else whose property, wants them sent again.
    async fn doubts_to_resend(&self, connection: &connection::Model, mark_ms: i64) -> Result<Vec<MessageId>> {
        use message::Column;
        let wanting =
            |mut select: SelectStatement| select.and_where(Expr::cust("in_doubt_policy = 'resend'")).take();
        let properties = wanting(Query::select().column(property::Column::Id).from(property::Entity).take());
        let batches = wanting(Query::select().column(batch::Column::Id).from(batch::Entity).take())
            .and_where(batch::Column::Status.is_in(GOING_ON))
            .take();
        let single =
            Condition::all().add(Column::BatchId.is_null()).add(Column::PropertyId.in_subquery(properties));
        let wanted = Condition::any().add(single).add(Column::BatchId.in_subquery(batches));
        Ok(message::Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::PropertyId.eq(connection.property_id))
            .filter(Expr::cust("status = 'in_doubt'"))
            .filter(Column::ConnectionId.eq(connection.id))
            .filter(Column::InDoubtMarkMs.lte(mark_ms))
            .filter(wanted)
            .order_by_asc(Column::Id)
            .limit(CHUNK)
            .into_tuple()
            .all(self.db.reader())
            .await?)
    }

    async fn resend(&self, id: MessageId, mark_ms: i64) -> Result<bool> {
        let tx = self.db.begin().await?;
        let Some(seen) = message::Entity::find_by_id(id).one(&tx).await? else { return Ok(false) };
        // The batch first: a cancel comes wholly before this, and is seen, or after, and sees this.
        if let Some(batch) = seen.batch_id {
            let row = batch::Entity::find_by_id(batch).lock_shared().one(&tx).await?;
            if !row.is_some_and(|row| GOING_ON.contains(&row.status)) {
                return Ok(false);
            }
        }
        let row = lock(&tx, id).await?;
        let over = row.in_doubt_mark_ms.is_some_and(|mark| mark <= mark_ms);
        if row.status != MessageStatus::InDoubt || !over {
            return Ok(false);
        }
        let scope = Scope { property: row.property_id, at: self.now() };
        let row = settle(&tx, scope, row, Change::to(MessageStatus::Queued, Evidence::Decision)).await?;
        tx.commit().await?;
        tracing::warn!(message = %row.id, "still in doubt after the horizon; sent again by the property's policy");
        self.start_lane(row.conversation_id);
        Ok(true)
    }

    /// Statuses without an echo that were parked in the very moment in which the answer of their
    /// attempt was stored, so that neither saw the other.
    async fn apply_late_parked(&self) -> Result<usize> {
        use message_status::Column;
        let parked = message_status::Entity::find()
            .filter(Expr::cust("message_id IS NULL"))
            .filter(Column::ReceivedAt.gt(real_now() - PARKED_FOR))
            .order_by_desc(Column::ReceivedAt)
            .limit(CHUNK)
            .all(self.db.reader())
            .await?;
        let mut told = 0;
        for status in parked {
            let attempt = attempt::Entity::find()
                .filter(attempt::Column::ConnectionId.eq(status.connection_id))
                .filter(attempt::Column::Wamid.eq(&status.wamid))
                .one(self.db.reader())
                .await?;
            // Most belong to messages that another program sends from the same number.
            let Some(attempt) = attempt else { continue };
            let attempt = AttemptRef { message: attempt.message_id, number: attempt.number };
            let tx = self.db.begin().await?;
            let row = lock(&tx, attempt.message).await?;
            let scope = Scope { property: row.property_id, at: self.now() };
            ingest::apply_parked(&tx, scope, (row, attempt), &status.wamid).await?;
            tx.commit().await?;
            told += 1;
        }
        Ok(told)
    }

    /// Removes what is kept for a time only.
    pub async fn clean_up(&self) -> Result<()> {
        let tx = self.db.begin().await?;
        let forgotten = idempotency::forget_old(&tx, self.now()).await?;
        auth::forget_ended(&tx, self.now()).await?;
        tx.commit().await?;
        if forgotten > 0 {
            tracing::debug!(forgotten, "idempotency keys forgotten");
        }
        let removed = self.sweep_media().await?;
        self.delete_removed_files().await?;
        let dropped = self.drop_applied_webhooks().await?;
        if dropped > 0 {
            tracing::info!(webhooks = dropped, "old raw webhooks removed");
        }
        let old = self.forget_deliveries().await?;
        if old > 0 {
            tracing::info!(deliveries = old, "old deliveries removed");
        }
        if removed > 0 {
            tracing::info!(removed, "files removed that were never handed in whole");
        }
        Ok(())
    }
}
