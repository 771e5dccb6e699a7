//! What of a chunk may leave now.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bellhop_domain::guest::{Identifier, Recipient};
use bellhop_domain::ports::OutboundBody;
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::status::Evidence;
use bellhop_domain::{BatchId, ConversationId, MessageId, MessageStatus, window};
use bellhop_entity::{batch, conversation, message};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::chunk::{Chunk, in_chunk};
use crate::app::App;
use crate::db::real_now;
use crate::dispatch::{Change, in_lane, outbound_body, settle};
use crate::error::Result;
use crate::event::Scope;
use crate::guest::identifiers_of;
use crate::message::lock;
use crate::rows::among;

/// When a message whose conversation is busy is looked at again, at the soonest.
pub(super) const BUSY: Duration = Duration::from_secs(1);
/// Messages prepared at a time; a chunk may be larger.
const PREPARED: u64 = 200;

/// A message that may leave as soon as it has a place.
#[derive(Debug)]
pub(super) struct Prepared {
    /// As it was when it was prepared.
    pub row: message::Model,
    pub known: Vec<Identifier>,
    pub recipient: Recipient,
    pub body: OutboundBody,
    pub needs_window: bool,
}

impl App {
    /// The chunk's messages that are due, in the order of their lines. Those that cannot leave any
    /// more are settled on the way.
    pub(super) async fn prepare_chunk(
        &self,
        batch: &batch::Model,
        chunk: Chunk,
    ) -> Result<VecDeque<Arc<Prepared>>> {
        use message::Column;
        let rows = message::Entity::find()
            .filter(in_chunk(chunk))
            .filter(Column::Status.eq(MessageStatus::Queued))
            .filter(Column::DueAt.lte(real_now()))
            .order_by_asc(Column::BatchLine)
            .limit(PREPARED)
            .all(self.db.reader())
            .await?;
        let rows = self.without_busy(batch, rows).await?;
        let known = identifiers_of(self.db.reader(), rows.iter().map(|row| row.guest_id).collect()).await?;
        let windows = self.windows_of(&rows).await?;
        let mut ready = VecDeque::with_capacity(rows.len());
        for mut row in rows {
            // Cloned: a guest may stand in several lines.
            let known = known.get(&row.guest_id).cloned().unwrap_or_default();
            let open = window::is_open(windows.get(&row.conversation_id).copied().flatten(), self.now());
            if let Some(fallback) = batch.fallback.as_ref().filter(|_| row.content.needs_window() && !open) {
                self.use_fallback(batch, &[row.id]).await?;
                row.content = fallback.clone();
            }
            let needs_window = row.content.needs_window();
            if needs_window && !open {
                self.expire(row.id).await?;
                continue;
            }
            match (Recipient::choose(&known), outbound_body(&row.content)) {
                (Some(recipient), Some(body)) => {
                    ready.push_back(Arc::new(Prepared { row, known, recipient, body, needs_window }));
                }
                (None, _) | (_, None) => self.fail_unreachable(row.id).await?,
            }
        }
        Ok(ready)
    }

    /// Puts off those whose conversation has something else in its lane, until that is due: a place
    /// would be wasted on them.
    async fn without_busy(
        &self,
        batch: &batch::Model,
        rows: Vec<message::Model>,
    ) -> Result<Vec<message::Model>> {
        use message::Column;
        let lanes: Vec<(ConversationId, DateTime<Utc>)> = message::Entity::find()
            .select_only()
            .columns([Column::ConversationId, Column::DueAt])
            .filter(among(
                self.db.reader(),
                Column::ConversationId,
                rows.iter().map(|row| row.conversation_id),
            ))
            .filter(in_lane())
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let busy: HashMap<ConversationId, DateTime<Utc>> = lanes.into_iter().collect();
        let mut free = Vec::with_capacity(rows.len());
        for row in rows {
            match busy.get(&row.conversation_id) {
                None => free.push(row),
                Some(due) => {
                    let wait = (*due - real_now()).to_std().unwrap_or_default();
                    self.put_off(batch.id, &[row.id], wait.max(BUSY)).await?;
                }
            }
        }
        Ok(free)
    }

    async fn windows_of(
        &self,
        rows: &[message::Model],
    ) -> Result<HashMap<ConversationId, Option<DateTime<Utc>>>> {
        let needing: HashSet<_> =
            rows.iter().filter(|row| row.content.needs_window()).map(|row| row.conversation_id).collect();
        if needing.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<(ConversationId, Option<DateTime<Utc>>)> = conversation::Entity::find()
            .select_only()
            .columns([conversation::Column::Id, conversation::Column::WindowExpiresAt])
            .filter(among(self.db.reader(), conversation::Column::Id, needing))
            .into_tuple()
            .all(self.db.reader())
            .await?;
        Ok(rows.into_iter().collect())
    }

    /// Puts the batch's template in place of texts that may not leave any more.
    pub(super) async fn use_fallback(&self, batch: &batch::Model, ids: &[MessageId]) -> Result<()> {
        let Some(fallback) = &batch.fallback else { return Ok(()) };
        let tx = self.db.begin().await?;
        share(&tx, batch.id).await?;
        message::Entity::update_many()
            .col_expr(message::Column::Content, Expr::value(fallback.clone()))
            .filter(among(&tx, message::Column::Id, ids.iter().copied()))
            .filter(message::Column::Status.eq(MessageStatus::Queued))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The same for a message that left its batch after a doubt. `false` when there is no such template,
    /// or none is needed.
    pub(crate) async fn fall_back(&self, row: &message::Model) -> Result<bool> {
        let Some(id) = row.batch_id.filter(|_| row.content.needs_window()) else { return Ok(false) };
        let batch = batch::Entity::find_by_id(id).one(self.db.reader()).await?;
        match batch.filter(|batch| batch.fallback.is_some()) {
            Some(batch) => self.use_fallback(&batch, &[row.id]).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Its window has closed and there is no template instead.
    pub(super) async fn expire(&self, id: MessageId) -> Result<()> {
        self.end_queued(id, Change::to(MessageStatus::Expired, Evidence::Dispatch)).await
    }

    async fn fail_unreachable(&self, id: MessageId) -> Result<()> {
        let failure = ProviderError::ours("Nothing is known under which WhatsApp could reach this guest");
        self.end_queued(id, Change::failed(failure, Evidence::Dispatch)).await
    }

    async fn end_queued(&self, id: MessageId, change: Change) -> Result<()> {
        let tx = self.db.begin().await?;
        let row = lock(&tx, id).await?;
        if row.status != MessageStatus::Queued {
            return Ok(());
        }
        let scope = Scope { property: row.property_id, at: self.now() };
        settle(&tx, scope, row, change).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Puts messages off that cannot leave right now.
    pub(super) async fn put_off(&self, batch: BatchId, ids: &[MessageId], delay: Duration) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let due = real_now() + TimeDelta::from_std(delay).unwrap_or(TimeDelta::seconds(1));
        let tx = self.db.begin().await?;
        share(&tx, batch).await?;
        message::Entity::update_many()
            .col_expr(message::Column::DueAt, Expr::value(due))
            .filter(among(&tx, message::Column::Id, ids.iter().copied()))
            .filter(message::Column::Status.eq(MessageStatus::Queued))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Holds the batch as it is, before many of its messages are written: a cancel, which writes them all,
/// comes wholly before or after.
async fn share(tx: &DatabaseTransaction, id: BatchId) -> Result<()> {
    let row = batch::Entity::find_by_id(id).select_only().column(batch::Column::Id).lock_shared();
    row.into_tuple::<BatchId>().one(tx).await?;
    Ok(())
}
