//! Taking back a batch that was never handed in whole.

use bellhop_domain::BatchId;
use bellhop_domain::batch::BatchStatus;
use bellhop_entity::{batch as batches, batch_chunk, batch_refusal, message};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::db::real_now;
use crate::error::Result;
use crate::idempotency;

impl App {
    /// Removes a batch that never got to its end; with its key, so that the request may be made anew.
    pub(super) async fn discard_batch(&self, id: BatchId, only_silent: bool) -> Result<bool> {
        let tx = self.db.begin().await?;
        let mut claim = batches::Entity::update_many()
            .col_expr(batches::Column::Receiver, Expr::value(None::<Uuid>))
            .filter(batches::Column::Id.eq(id))
            .filter(batches::Column::Status.eq(BatchStatus::Receiving));
        if only_silent {
            claim = claim.filter(batches::Column::ReceivingUntil.lte(real_now()));
        }
        if claim.exec(&tx).await?.rows_affected == 0 {
            return Ok(false);
        }
        message::Entity::delete_many().filter(message::Column::BatchId.eq(id)).exec(&tx).await?;
        batch_chunk::Entity::delete_many().filter(batch_chunk::Column::BatchId.eq(id)).exec(&tx).await?;
        batch_refusal::Entity::delete_many().filter(batch_refusal::Column::BatchId.eq(id)).exec(&tx).await?;
        idempotency::forget(&tx, id.uuid()).await?;
        batches::Entity::delete_by_id(id).exec(&tx).await?;
        tx.commit().await?;
        Ok(true)
    }
}
