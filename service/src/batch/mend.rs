//! Batches that nobody goes on with: ended when nothing is left of them, opened again when there is.
//!
//! A lane gives its last chunk back in one transaction and ends the batch, or opens the next chunk,
//! in another. Whoever dies in between, or fails there, leaves a batch that no hint leads to.

use bellhop_domain::BatchId;
use bellhop_domain::batch::{BatchMove, BatchStatus};
use bellhop_domain::event::EventType;
use bellhop_entity::{batch, batch_chunk};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    Statement,
};

use super::chunk::{lanes_of, open};
use super::receive::told;
use super::state::{self, put};
use crate::app::App;
use crate::error::Result;
use crate::event::{self, Scope};
use crate::failpoint;

impl App {
    /// Looks for such batches. Returns how many were mended.
    pub(super) async fn mend_batches(&self) -> Result<usize> {
        use batch::Column;
        let chunk = || {
            let mut chunks = Query::select();
            chunks.expr(Expr::val(1)).from(batch_chunk::Entity).and_where(
                Expr::col((batch_chunk::Entity, batch_chunk::Column::BatchId))
                    .equals((batch::Entity, Column::Id)),
            );
            chunks
        };
        let open = chunk().and_where(batch_chunk::Column::PublishAt.is_not_null()).take();
        let none = |chunks: SelectStatement| Expr::exists(chunks).not();
        let stuck = Condition::any()
            .add(Column::Status.is_in([BatchStatus::Accepted, BatchStatus::Running]).and(none(open)))
            .add(Column::Status.is_in([BatchStatus::Paused, BatchStatus::Stopped]).and(none(chunk().take())));
        let stuck: Vec<BatchId> = batch::Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::FinishedAt.is_null())
            .filter(stuck)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        for id in &stuck {
            if let Err(error) = self.mend_batch(*id).await {
                tracing::warn!(batch = %id, %error, "batch not mended");
            }
        }
        Ok(stuck.len())
    }

    /// Ends a batch that has nothing left; opens chunks of one that has, and none open.
    pub(super) async fn mend_batch(&self, id: BatchId) -> Result<()> {
        let open_chunk = || {
            batch_chunk::Entity::find()
                .filter(batch_chunk::Column::BatchId.eq(id))
                .filter(batch_chunk::Column::PublishAt.is_not_null())
        };
        if open_chunk().one(self.db.reader()).await?.is_some() {
            return Ok(());
        }
        let tx = self.db.begin().await?;
        let row = state::lock(&tx, id).await?;
        if open_chunk().one(&tx).await?.is_some() {
            return Ok(());
        }
        make_chunks(&tx, id).await?;
        let left = batch_chunk::Entity::find().filter(batch_chunk::Column::BatchId.eq(id)).one(&tx).await?;
        match (left, row.status.after(BatchMove::Complete)) {
            (Some(_), _) if row.status.sends() => {
                open(&tx, id, lanes_of(row.messages_per_second)).await?;
            }
            (None, Some(status)) => {
                let scope = Scope { property: row.property_id, at: self.now() };
                let row = put(&tx, row, status, |new| new.finished_at = Set(Some(scope.at))).await?;
                event::record(&tx, scope, EventType::BatchCompleted, told(&row)).await?;
            }
            (Some(_) | None, _) => {}
        }
        tx.commit().await?;
        failpoint::here("batch_completed");
        self.wake.notify_one();
        Ok(())
    }
}

/// Chunks for all that is queued. One that is there is locked: whoever is giving it back either sees
/// what is queued now, or has removed it before this makes it again.
pub(super) async fn make_chunks(tx: &DatabaseTransaction, id: BatchId) -> Result<()> {
    let sql = "INSERT INTO batch_chunks (batch_id, number) \
               SELECT DISTINCT batch_id, batch_chunk FROM messages \
               WHERE batch_id = $1 AND batch_chunk IS NOT NULL AND status IN ('queued', 'scheduled', 'sending') \
               ORDER BY batch_chunk \
               ON CONFLICT (batch_id, number) DO UPDATE SET number = excluded.number";
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, [id.into()]);
    tx.execute_raw(statement).await?;
    Ok(())
}
