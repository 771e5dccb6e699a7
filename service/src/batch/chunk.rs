//! Chunks: which part of a batch is whose, and when the next hint about it is published.

use std::time::Duration;

use bellhop_domain::batch::BatchStatus;
use bellhop_domain::ports::{Hint, Subscription};
use bellhop_domain::{BatchId, MessageStatus};
use bellhop_entity::{batch, batch_chunk, message};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{
    Expr, ExprTrait, LockBehavior, LockType, OnConflict, Order, Query, SelectStatement,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use crate::app::App;
use crate::db::{in_time, real_now};
use crate::error::Result;
use crate::failpoint;

/// Chunks that are open at a time where the batch sets no pace of its own.
const LANES: u64 = 8;
/// A pace that one lane holds easily.
const LANE_PACE: i32 = 150;
/// Rows taken in one transaction of the relay.
const RELAYED: u64 = 100;

/// A chunk that is this task's until the lease runs out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    pub batch: BatchId,
    pub number: i32,
    /// Lines to a chunk.
    pub size: i32,
    pub token: Uuid,
}

/// The chunk in which a line stands.
pub(super) fn number_of(line: i32, size: i32) -> i32 {
    line / size
}

/// How many chunks of a batch are open at a time.
pub(super) fn lanes_of(messages_per_second: Option<i32>) -> u64 {
    // One more than that: while one lane goes on to its next chunk, the places are not lost.
    let enough = |pace: i32| u64::from((pace / LANE_PACE + 2).unsigned_abs());
    messages_per_second.map_or(LANES, |pace| Ord::min(enough(pace), LANES))
}

/// The chunk itself.
pub(super) fn of(batch: BatchId, number: i32) -> Condition {
    Condition::all().add(batch_chunk::Column::BatchId.eq(batch)).add(batch_chunk::Column::Number.eq(number))
}

/// The first chunks of a batch that are not open yet.
fn unopened(backend: DbBackend, batch: BatchId, limit: u64) -> SelectStatement {
    let mut select = Query::select();
    select
        .column(batch_chunk::Column::Number)
        .from(batch_chunk::Entity)
        .and_where(batch_chunk::Column::BatchId.eq(batch))
        .and_where(batch_chunk::Column::PublishAt.is_null())
        .order_by(batch_chunk::Column::Number, Order::Asc)
        .limit(limit);
    // SQLite has one writer, and no such words.
    if backend == DbBackend::Postgres {
        select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    select
}

/// Opens the first chunks of a batch: hints about them are due at once.
pub(super) async fn open(tx: &DatabaseTransaction, batch: BatchId, lanes: u64) -> Result<()> {
    batch_chunk::Entity::update_many()
        .col_expr(batch_chunk::Column::PublishAt, Expr::value(real_now()))
        .filter(batch_chunk::Column::BatchId.eq(batch))
        .filter(batch_chunk::Column::Number.in_subquery(unopened(tx.get_database_backend(), batch, lanes)))
        .exec(tx)
        .await?;
    Ok(())
}

/// Something of a chunk is to be sent again, not before `due`.
pub(crate) async fn reopen(
    tx: &DatabaseTransaction,
    batch_id: BatchId,
    number: i32,
    due: DateTime<Utc>,
) -> Result<()> {
    let row = batch_chunk::ActiveModel {
        batch_id: Set(batch_id),
        number: Set(number),
        publish_at: Set(Some(due)),
        ..Default::default()
    };
    use batch_chunk::Column;
    // One that somebody has is looked through when it is left; one that is not open yet when its
    // turn comes.
    let idle = Condition::all()
        .add(Expr::col((batch_chunk::Entity, Column::LeaseToken)).is_null())
        .add(Expr::col((batch_chunk::Entity, Column::PublishAt)).is_not_null());
    // The others of the chunk do not wait for this one.
    let sooner = "CASE WHEN excluded.publish_at < batch_chunks.publish_at \
                  THEN excluded.publish_at ELSE batch_chunks.publish_at END";
    let known = OnConflict::columns([Column::BatchId, Column::Number])
        .value(Column::PublishAt, Expr::cust(sooner))
        .action_cond_where(idle)
        .to_owned();
    batch_chunk::Entity::insert(row).on_conflict(known).exec_without_returning(tx).await?;
    // One that was in doubt did not keep its batch open.
    batch::Entity::update_many()
        .col_expr(batch::Column::Status, Expr::value(BatchStatus::Running))
        .col_expr(batch::Column::FinishedAt, Expr::value(None::<DateTime<Utc>>))
        .filter(batch::Column::Id.eq(batch_id))
        .filter(batch::Column::Status.eq(BatchStatus::Completed))
        .exec(tx)
        .await?;
    Ok(())
}

/// Nothing of this chunk is sent again.
pub(crate) async fn forget(tx: &DatabaseTransaction, row: &message::Model) -> Result<()> {
    if let (Some(batch), Some(chunk)) = (row.batch_id, row.batch_chunk) {
        batch_chunk::Entity::delete_many().filter(of(batch, chunk)).exec(tx).await?;
    }
    Ok(())
}

impl App {
    /// The hints about chunks that others published.
    pub async fn subscribe_batches(&self) -> Result<Box<dyn Subscription>> {
        Ok(self.ports.batch_queue.subscribe().await?)
    }

    /// Publishes hints about the chunks that are due. Returns how many.
    pub async fn relay_chunks(&self) -> Result<usize> {
        let due = in_time(self.take_due_chunks()).await?;
        if !due.is_empty() {
            failpoint::here("chunks_taken");
        }
        for (batch, number) in &due {
            let hint = Hint::Chunk { batch: *batch, number: *number };
            if let Err(error) = self.ports.batch_queue.publish(&hint).await {
                // Due again when the lease that was never taken is over.
                return Err(error.into());
            }
        }
        if !due.is_empty() {
            failpoint::here("chunks_published");
        }
        Ok(due.len())
    }

    async fn take_due_chunks(&self) -> Result<Vec<(BatchId, i32)>> {
        use batch_chunk::Column;
        let now = real_now();
        let sending = Query::select()
            .column(batch::Column::Id)
            .from(batch::Entity)
            .and_where(batch::Column::Status.is_in([BatchStatus::Accepted, BatchStatus::Running]))
            .and_where(batch::Column::FinishedAt.is_null())
            .to_owned();
        let due = Condition::all().add(Column::PublishAt.lte(now)).add(Column::BatchId.in_subquery(sending));
        let mut rows: Vec<(BatchId, i32)> = batch_chunk::Entity::find()
            .select_only()
            .columns([Column::BatchId, Column::Number])
            .filter(due)
            .order_by_asc(Column::PublishAt)
            .limit(RELAYED)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        if rows.is_empty() {
            return Ok(rows);
        }
        // Two relays take them in one order, so that they do not wait crosswise.
        rows.sort_unstable();
        let next = now + self.lease();
        let mut taken = Vec::with_capacity(rows.len());
        let tx = self.db.begin().await?;
        for (batch, number) in rows {
            let mine = batch_chunk::Entity::update_many()
                .col_expr(Column::PublishAt, Expr::value(next))
                .filter(of(batch, number))
                .filter(Column::PublishAt.lte(now))
                .exec(&tx)
                .await?;
            if mine.rows_affected == 1 {
                taken.push((batch, number));
            }
        }
        tx.commit().await?;
        Ok(taken)
    }

    pub(super) fn lease(&self) -> TimeDelta {
        TimeDelta::from_std(self.config.lease).unwrap_or(TimeDelta::seconds(20))
    }

    /// Takes the chunk that a hint names, if nobody has it.
    pub(super) async fn claim_chunk(&self, batch: &batch::Model, number: i32) -> Result<Option<Chunk>> {
        use batch_chunk::Column;
        let now = real_now();
        let tx = self.db.begin().await?;
        let chunk = Chunk { batch: batch.id, number, size: batch.chunk_size, token: Uuid::new_v4() };
        let taken = batch_chunk::Entity::update_many()
            .col_expr(Column::LeaseToken, Expr::value(chunk.token))
            .col_expr(Column::LeaseUntil, Expr::value(now + self.lease()))
            .col_expr(Column::PublishAt, Expr::value(now + self.lease()))
            .filter(of(batch.id, number))
            .filter(Condition::any().add(Column::LeaseUntil.is_null()).add(Column::LeaseUntil.lte(now)))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        failpoint::here("chunk_claimed");
        Ok((taken.rows_affected == 1).then_some(chunk))
    }

    /// Opens and takes the next chunk of a batch.
    pub(super) async fn claim_next_chunk(&self, batch: &batch::Model) -> Result<Option<Chunk>> {
        use batch_chunk::Column;
        let tx = self.db.begin().await?;
        let now = real_now();
        let token = Uuid::new_v4();
        let rows = batch_chunk::Entity::update_many()
            .col_expr(Column::LeaseToken, Expr::value(token))
            .col_expr(Column::LeaseUntil, Expr::value(now + self.lease()))
            .col_expr(Column::PublishAt, Expr::value(now + self.lease()))
            .filter(Column::BatchId.eq(batch.id))
            .filter(Column::Number.in_subquery(unopened(tx.get_database_backend(), batch.id, 1)))
            .exec_with_returning(&tx)
            .await?;
        tx.commit().await?;
        failpoint::here("next_chunk_claimed");
        Ok(rows.into_iter().next().map(|row| Chunk {
            batch: batch.id,
            number: row.number,
            size: batch.chunk_size,
            token,
        }))
    }

    /// Says that the chunk is still ours; `false` when it is not.
    pub(super) async fn renew_chunk(&self, tx: &DatabaseTransaction, chunk: Chunk) -> Result<bool> {
        use batch_chunk::Column;
        let until = real_now() + self.lease();
        let renewed = batch_chunk::Entity::update_many()
            .col_expr(Column::LeaseUntil, Expr::value(until))
            .col_expr(Column::PublishAt, Expr::value(until))
            .filter(of(chunk.batch, chunk.number))
            .filter(Column::LeaseToken.eq(chunk.token))
            .exec(tx)
            .await?;
        Ok(renewed.rows_affected == 1)
    }

    /// Gives a chunk back, with what is left of it; a chunk with nothing left goes away, and the
    /// batch with its last one is completed.
    pub(super) async fn leave_chunk(&self, chunk: Chunk, soonest: Duration) -> Result<()> {
        use batch_chunk::Column;
        let tx = self.db.begin().await?;
        // The row first: whoever sends something of this chunk again waits, and then finds it gone.
        let mine = batch_chunk::Entity::find()
            .filter(of(chunk.batch, chunk.number))
            .filter(Column::LeaseToken.eq(chunk.token))
            .lock_exclusive()
            .one(&tx)
            .await?;
        if mine.is_none() {
            return Ok(());
        }
        let next = next_due(&tx, chunk).await?;
        match next {
            Some(due) => {
                let soonest = real_now() + TimeDelta::from_std(soonest).unwrap_or_default();
                batch_chunk::Entity::update_many()
                    .col_expr(Column::PublishAt, Expr::value(Ord::max(due, soonest)))
                    .col_expr(Column::LeaseToken, Expr::value(None::<Uuid>))
                    .col_expr(Column::LeaseUntil, Expr::value(None::<DateTime<Utc>>))
                    .filter(of(chunk.batch, chunk.number))
                    .exec(&tx)
                    .await?;
            }
            None => {
                batch_chunk::Entity::delete_many().filter(of(chunk.batch, chunk.number)).exec(&tx).await?;
            }
        }
        failpoint::here("chunk_before_leave");
        tx.commit().await?;
        failpoint::here("chunk_left");
        if next.is_none() {
            self.mend_batch(chunk.batch).await?;
        }
        Ok(())
    }
}

/// When the next message of a chunk is due, or the lease of one on the wire runs out. `None` when
/// nothing is left to send.
async fn next_due(tx: &DatabaseTransaction, chunk: Chunk) -> Result<Option<DateTime<Utc>>> {
    use message::Column;
    let rows: Vec<(MessageStatus, DateTime<Utc>, Option<DateTime<Utc>>)> = message::Entity::find()
        .select_only()
        .columns([Column::Status, Column::DueAt, Column::LeaseUntil])
        .filter(in_chunk(chunk))
        .filter(Column::Status.is_in([MessageStatus::Queued, MessageStatus::Sending]))
        .into_tuple()
        .all(tx)
        .await?;
    let on_the_wire = |status| status == MessageStatus::Sending;
    let times =
        rows.into_iter().map(|(status, due, until)| until.filter(|_| on_the_wire(status)).unwrap_or(due));
    Ok(times.min())
}

/// A chunk's messages. By their lines, so that the index finds them; what was decided about on its
/// own has left the chunk.
pub(super) fn in_chunk(chunk: Chunk) -> Condition {
    use message::Column;
    let first = chunk.number.saturating_mul(chunk.size);
    Condition::all()
        .add(Column::BatchId.eq(chunk.batch))
        .add(Column::BatchLine.between(first, first.saturating_add(chunk.size - 1)))
        .add(Column::BatchChunk.eq(chunk.number))
}
