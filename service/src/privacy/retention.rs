//! What grows old: words, after the property's `messages_days`, and files, after its `media_days`. By our own time,
//! along indexes, a few rows at a time, and nothing is looked at twice.

use std::collections::HashSet;

use bellhop_domain::{ConnectionId, MediaId, MessageId, MessageStatus, PropertyId, WebhookChangeId};
use bellhop_entity::{
    connection, event, event_log, media, message, message_revision, property, retention_left, retention_mark,
    webhook_change,
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement,
};
use serde_json::Value;

use super::overwrite::{Depth, files_of, overwrite};
use super::steps::lock_unerased;
use super::{events, files};
use crate::app::App;
use crate::db::in_time;
use crate::error::Result;
use crate::event::Scope;
use crate::failpoint;
use crate::rows::among;

/// Rows that one transaction overwrites.
pub(super) const PART: u64 = 200;
/// Transactions of one kind in one round: every property has its turn.
const PARTS: usize = 500;

/// May still be sent, or settled by a decision that sends it.
const WAITING: [MessageStatus; 4] =
    [MessageStatus::Scheduled, MessageStatus::Queued, MessageStatus::Sending, MessageStatus::InDoubt];

impl App {
    /// One round of every property that keeps things for a time only. How many rows were overwritten.
    pub async fn apply_retention(&self) -> Result<u64> {
        use property::Column;
        let limited = property::Entity::find()
            .filter(
                Condition::any().add(Column::MessagesDays.is_not_null()).add(Column::MediaDays.is_not_null()),
            )
            .order_by_asc(Column::Id)
            .all(self.db.reader())
            .await?;
        let mut all = 0;
        for row in limited {
            // One hotel's trouble is not the others'.
            match self.retain(&row).await {
                Ok(overwritten) => all += overwritten,
                Err(error) => tracing::error!(property = %row.id, %error, "retention was not applied"),
            }
        }
        Ok(all)
    }

    async fn retain(&self, row: &property::Model) -> Result<u64> {
        let before = |days: i32| self.now() - TimeDelta::days(days.into());
        let mut all = 0;
        if let Some(cutoff) = row.messages_days.map(before) {
            let scope = Scope { property: row.id, at: self.now() };
            for _ in 0..PARTS {
                let part = in_time(self.retain_messages(scope, cutoff)).await?;
                all += part;
                if part < PART {
                    break;
                }
            }
            all += in_time(self.retain_left(scope)).await?;
            for _ in 0..PARTS {
                let part = in_time(self.retain_events(scope, cutoff)).await?;
                all += part;
                if part < PART {
                    break;
                }
            }
            all += in_time(self.retain_webhooks(row.id, cutoff)).await?;
        }
        if let Some(cutoff) = row.media_days.map(before) {
            all += self.retain_files(row.id, cutoff).await?;
        }
        Ok(all)
    }

    /// The next messages that count for an earlier time. How many were looked at.
    async fn retain_messages(&self, scope: Scope, cutoff: DateTime<Utc>) -> Result<u64> {
        let mark = retention_mark::Entity::find_by_id(scope.property).one(self.db.reader()).await?;
        let (from, after) = mark
            .map_or((DateTime::UNIX_EPOCH, Uuid::nil()), |mark| (mark.messages_at, mark.message_id.uuid()));
        let values =
            [scope.property.into(), from.into(), after.into(), cutoff.into(), PART.cast_signed().into()];
        let db = self.db.reader();
        let old = Statement::from_sql_and_values(db.get_database_backend(), OLD, values);
        let old = db.query_all_raw(old).await?;
        let old: Vec<(MessageId, DateTime<Utc>)> = old
            .iter()
            .map(|row| Ok((row.try_get("", "id")?, row.try_get("", "at")?)))
            .collect::<Result<_>>()?;
        let Some(&(last, upto)) = old.last() else { return Ok(0) };
        let tx = self.db.begin().await?;
        let rows = lock_unerased(&tx, old.iter().map(|(id, _)| *id)).await?;
        let (waiting, done): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| WAITING.contains(&row.status));
        overwrite(&tx, scope, &done, Depth::Words).await?;
        leave(&tx, scope.property, waiting.iter().map(|row| row.id)).await?;
        forget_revisions(&tx, scope.property, (from, upto)).await?;
        put_mark(&tx, scope.property, (upto, last)).await?;
        failpoint::here("retention_before_commit");
        tx.commit().await?;
        Ok(old.len() as u64)
    }

    /// Messages that could not be overwritten before, and can be now. How many.
    async fn retain_left(&self, scope: Scope) -> Result<u64> {
        let left: Vec<MessageId> = retention_left::Entity::find()
            .select_only()
            .column(retention_left::Column::MessageId)
            .filter(retention_left::Column::PropertyId.eq(scope.property))
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let mut all = 0;
        for part in left.chunks(PART as usize) {
            let tx = self.db.begin().await?;
            let rows = lock_unerased(&tx, part.iter().copied()).await?;
            let waiting: HashSet<MessageId> =
                rows.iter().filter(|row| WAITING.contains(&row.status)).map(|row| row.id).collect();
            let done: Vec<_> = rows.into_iter().filter(|row| !waiting.contains(&row.id)).collect();
            overwrite(&tx, scope, &done, Depth::Words).await?;
            let over = part.iter().copied().filter(|id| !waiting.contains(id));
            retention_left::Entity::delete_many()
                .filter(among(&tx, retention_left::Column::MessageId, over))
                .exec(&tx)
                .await?;
            tx.commit().await?;
            all += done.len() as u64;
        }
        Ok(all)
    }

    /// The next events of an earlier time. How many were looked at.
    async fn retain_events(&self, scope: Scope, cutoff: DateTime<Utc>) -> Result<u64> {
        let log = event_log::Entity::find_by_id(scope.property).one(self.db.reader()).await?;
        let Some(log) = log else { return Ok(0) };
        let rows = event::Entity::find()
            .filter(event::Column::PropertyId.eq(scope.property))
            .filter(event::Column::Number.gt(log.overwritten_to))
            .order_by_asc(event::Column::Number)
            .limit(PART)
            .all(self.db.reader())
            .await?;
        let old: Vec<event::Model> = rows.into_iter().take_while(|row| row.created_at < cutoff).collect();
        let Some(upto) = old.last().and_then(|row| row.number) else { return Ok(0) };
        let looked_at = old.len() as u64;
        let tx = self.db.begin().await?;
        let rest = old.into_iter().filter(|row| row.erased_at.is_none()).collect();
        events::overwrite(&tx, scope, rest).await?;
        events::overwritten_to(&tx, scope.property, upto).await?;
        tx.commit().await?;
        Ok(looked_at)
    }

    /// Raw webhooks that could not be applied. How many.
    async fn retain_webhooks(&self, property: PropertyId, cutoff: DateTime<Utc>) -> Result<u64> {
        use webhook_change::Column;
        let numbers: Vec<ConnectionId> = connection::Entity::find()
            .select_only()
            .column(connection::Column::Id)
            .filter(connection::Column::PropertyId.eq(property))
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let mut all = 0;
        loop {
            let old: Vec<WebhookChangeId> = webhook_change::Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(Column::ConnectionId.is_in(numbers.iter().copied()))
                .filter(Column::ReceivedAt.lt(cutoff))
                .limit(PART)
                .into_tuple()
                .all(self.db.reader())
                .await?;
            let found = old.len() as u64;
            if found > 0 {
                self.drop_changes(old).await?;
            }
            all += found;
            if found < PART {
                return Ok(all);
            }
        }
    }

    /// Files of an earlier time, but for those that messages are still to bring. How many.
    async fn retain_files(&self, property: PropertyId, cutoff: DateTime<Utc>) -> Result<u64> {
        let mut wanted: Option<HashSet<MediaId>> = None;
        let mut after: Option<(DateTime<Utc>, MediaId)> = None;
        let mut all = 0;
        loop {
            let old = self.old_files((property, cutoff), after).await?;
            let found = old.len() as u64;
            after = old.last().copied().or(after);
            if found > 0 {
                // Only now: it reads all messages of the property.
                let wanted = match &wanted {
                    Some(wanted) => wanted,
                    None => wanted.insert(self.files_that_wait(property).await?),
                };
                let scope = Scope { property, at: self.now() };
                let ids: Vec<MediaId> =
                    old.into_iter().map(|(_, id)| id).filter(|id| !wanted.contains(id)).collect();
                let tx = self.db.begin().await?;
                files::let_go(&tx, scope, &ids).await?;
                tx.commit().await?;
                all += ids.len() as u64;
            }
            if found < PART {
                break;
            }
        }
        while self.delete_removed_files().await? > 0 {}
        Ok(all)
    }

    async fn old_files(
        &self,
        (property, cutoff): (PropertyId, DateTime<Utc>),
        after: Option<(DateTime<Utc>, MediaId)>,
    ) -> Result<Vec<(DateTime<Utc>, MediaId)>> {
        use media::Column;
        let mut old = media::Entity::find()
            .select_only()
            .columns([Column::CreatedAt, Column::Id])
            .filter(Column::PropertyId.eq(property))
            .filter(Expr::cust("removed_at IS NULL"))
            .filter(Column::CreatedAt.lt(cutoff));
        if let Some((at, id)) = after {
            let same_time = Condition::all().add(Column::CreatedAt.eq(at)).add(Column::Id.gt(id));
            old = old.filter(Condition::any().add(Column::CreatedAt.gt(at)).add(same_time));
        }
        let old = old.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).limit(PART);
        Ok(old.into_tuple().all(self.db.reader()).await?)
    }

    /// The files of messages that may still be sent.
    async fn files_that_wait(&self, property: PropertyId) -> Result<HashSet<MediaId>> {
        let named = "(CAST(content AS TEXT) LIKE '%media_%' OR CAST(fallback AS TEXT) LIKE '%media_%')";
        let rows = message::Entity::find()
            .filter(message::Column::PropertyId.eq(property))
            .filter(message::Column::Status.is_in(WAITING))
            .filter(Expr::cust(named))
            .all(self.db.reader())
            .await?;
        Ok(rows.iter().flat_map(files_of).collect())
    }
}

/// Along the index by which days are counted.
const OLD: &str = "\
    SELECT m.id, COALESCE(m.send_at, m.created_at) AS at FROM messages m WHERE m.property_id = $1 \
    AND COALESCE(m.send_at, m.created_at) >= $2 AND COALESCE(m.send_at, m.created_at) < $4 \
    AND (COALESCE(m.send_at, m.created_at), m.id) > ($2, $3) \
    ORDER BY COALESCE(m.send_at, m.created_at), m.id LIMIT $5";

async fn leave(
    tx: &DatabaseTransaction,
    property: PropertyId,
    ids: impl Iterator<Item = MessageId>,
) -> Result<()> {
    let rows: Vec<_> = ids
        .map(|id| retention_left::ActiveModel { message_id: Set(id), property_id: Set(property) })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    retention_left::Entity::insert_many(rows)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Those whose message never came: the others go with theirs.
async fn forget_revisions(
    tx: &DatabaseTransaction,
    property: PropertyId,
    (from, upto): (DateTime<Utc>, DateTime<Utc>),
) -> Result<()> {
    use message_revision::Column;
    message_revision::Entity::update_many()
        .col_expr(Column::Content, Expr::value(None::<Value>))
        .filter(Column::CreatedAt.gte(from))
        .filter(Column::CreatedAt.lte(upto))
        .filter(Column::PropertyId.eq(property))
        .filter(Column::Content.is_not_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Two processes that overwrite the same part put the same mark.
async fn put_mark(
    tx: &DatabaseTransaction,
    property: PropertyId,
    (at, id): (DateTime<Utc>, MessageId),
) -> Result<()> {
    use retention_mark::Column;
    let row =
        retention_mark::ActiveModel { property_id: Set(property), messages_at: Set(at), message_id: Set(id) };
    let known = OnConflict::column(Column::PropertyId)
        .update_columns([Column::MessagesAt, Column::MessageId])
        .action_and_where(Expr::col((retention_mark::Entity, Column::MessagesAt)).lte(at))
        .to_owned();
    retention_mark::Entity::insert(row).on_conflict(known).exec_without_returning(tx).await?;
    Ok(())
}
