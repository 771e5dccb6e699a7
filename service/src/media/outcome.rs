//! What came of an attempt at a guest's file.

use bellhop_domain::event::EventType;
use bellhop_domain::media::{ArrivalStatus, RECEIVED_LIVES_FOR};
use bellhop_domain::retry::{AfterFetch, after_failed_fetch};
use bellhop_entity::{media, media_fetch, message};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
};
use serde_json::json;

use super::bring_in::{Arrived, Miss};
use super::fetch::Claim;
use super::mime;
use crate::app::App;
use crate::db::real_now;
use crate::error::{Error, Result, cut};
use crate::event::{self, Scope};
use crate::failpoint;
use crate::numbers;

/// Of a reason, for people.
const WHY_MAX: usize = 400;

impl App {
    /// The file is here: once, and told once.
    pub(super) async fn complete_fetch(&self, claim: &Claim, arrived: Arrived) -> Result<()> {
        use media_fetch::Column;
        failpoint::here("fetch_stored");
        let row = &claim.row;
        let tx = self.db.begin().await?;
        let ended = media_fetch::Entity::delete_many()
            .filter(Column::MediaId.eq(row.media_id))
            .filter(Column::LeaseToken.eq(claim.token))
            .exec(&tx)
            .await?;
        if ended.rows_affected == 0 {
            tx.rollback().await?;
            // Somebody else fetches it, to a place of their own.
            return Ok(self.ports.media.delete(&arrived.storage_key).await?);
        }
        let size = arrived.size;
        let scope = Scope { property: row.property_id, at: self.now() };
        let file = complete_row(&tx, row, arrived).await?;
        tell(&tx, scope, row, &file).await?;
        failpoint::here("fetch_before_commit");
        tx.commit().await?;
        numbers::media_fetched(size);
        Ok(())
    }

    /// The file is not here: tried again, for as long as the provider keeps it.
    pub(super) async fn miss_fetch(&self, claim: &Claim, miss: Miss) -> Result<()> {
        use media_fetch::Column;
        let row = &claim.row;
        let next = after_failed_fetch(miss.class, row.failures + 1, rand::random());
        let (status, after, counts) = match next {
            AfterFetch::Again { after, counts } => {
                let after = after.max(miss.retry_after.unwrap_or_default());
                let after = TimeDelta::from_std(after).unwrap_or(RECEIVED_LIVES_FOR);
                let is_over = self.now() + after >= row.created_at + RECEIVED_LIVES_FOR;
                (if is_over { ArrivalStatus::Failed } else { ArrivalStatus::Pending }, after, counts)
            }
            AfterFetch::GiveUp => (ArrivalStatus::Failed, TimeDelta::zero(), true),
        };
        let tx = self.db.begin().await?;
        media_fetch::Entity::update_many()
            .col_expr(Column::Status, Expr::value(status))
            .col_expr(Column::Failures, Expr::value(row.failures + i32::from(counts)))
            .col_expr(Column::DueAt, Expr::value(real_now() + after))
            .col_expr(Column::Error, Expr::value(cut(&miss.why, WHY_MAX)))
            .col_expr(Column::LeaseToken, Expr::value(None::<Uuid>))
            .col_expr(Column::LeaseUntil, Expr::value(None::<DateTime<Utc>>))
            .filter(Column::MediaId.eq(row.media_id))
            .filter(Column::LeaseToken.eq(claim.token))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        let is_over = status == ArrivalStatus::Failed;
        tracing::warn!(media = %row.media_id, attempt = row.attempts, is_over, why = miss.why, "a guest's file was not fetched");
        numbers::media_missed(is_over);
        Ok(())
    }
}

async fn complete_row(
    tx: &DatabaseTransaction,
    fetch: &media_fetch::Model,
    arrived: Arrived,
) -> Result<media::Model> {
    let known = media::Entity::find_by_id(fetch.media_id).one(tx).await?;
    let known = known.ok_or_else(|| Error::not_found("file"))?;
    let row = media::Model {
        mime: mime::settle(arrived.said.as_ref().unwrap_or(&known.mime), arrived.found),
        size: arrived.size.try_into().unwrap_or(i64::MAX),
        sha256: Some(arrived.sha256),
        storage_key: arrived.storage_key,
        ..known
    };
    media::Entity::update(row.clone().into_active_model().reset_all()).exec(tx).await?;
    Ok(row)
}

async fn tell(
    tx: &DatabaseTransaction,
    scope: Scope,
    fetch: &media_fetch::Model,
    file: &media::Model,
) -> Result<()> {
    let message = message::Entity::find_by_id(fetch.message_id).one(tx).await?;
    let message = message.ok_or_else(|| Error::not_found("message"))?;
    let data = json!({
        "media_id": file.id, "media_type": file.kind, "mime_type": file.mime, "filename": file.filename,
        "size_bytes": file.size, "caption": message.content.caption(), "message_id": message.id,
        "conversation_id": message.conversation_id, "guest_id": message.guest_id,
    });
    event::record(tx, scope, EventType::MediaReceived, data).await
}
