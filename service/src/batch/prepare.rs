//! What of a chunk may leave now.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellhop_domain::answer::Answer;
use bellhop_domain::error_table::OwnReason;
use bellhop_domain::guest::{Identifier, Recipient};
use bellhop_domain::media::MediaRef;
use bellhop_domain::ports::ProviderMedia;
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::status::Evidence;
use bellhop_domain::{BatchId, Content, ConversationId, MediaId, MessageId, MessageStatus, window};
use bellhop_entity::{batch, conversation, message};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::chunk::{Chunk, in_chunk};
use crate::app::App;
use crate::connection::OpenConnection;
use crate::consent::NotWanted;
use crate::db::real_now;
use crate::dispatch::{Change, in_lane, settle};
use crate::error::Result;
use crate::event::Scope;
use crate::guest::identifiers_of;
use crate::media::HandOver;
use crate::message::lock;
use crate::rows::among;

/// When a message whose conversation is busy is looked at again, at the soonest.
pub(super) const BUSY: Duration = Duration::from_secs(1);
/// How long a chunk waits for its files to be handed over, each time.
const HAND_OVER: Duration = Duration::from_secs(2);
/// Files that are handed over at the same time for one chunk.
const HAND_OVERS: usize = 8;
/// When messages whose file is still on its way are looked at again.
const UNDERWAY: Duration = Duration::from_secs(3);
/// Messages prepared at a time; a chunk may be larger.
const PREPARED: u64 = 200;

/// A message that may leave as soon as it has a place.
#[derive(Debug)]
pub(super) struct Prepared {
    /// As it was when it was prepared.
    pub row: message::Model,
    pub known: Vec<Identifier>,
    pub recipient: Recipient,
    /// Its file; or what is its answer, because the provider cannot have the file.
    pub media: std::result::Result<Option<ProviderMedia>, Answer>,
    pub needs_window: bool,
}

/// The files of a chunk: mostly one, in all of its messages.
struct Files(HashMap<MediaId, HandOver>);

impl Files {
    fn of(&self, content: &Content) -> HandOver {
        match content.file() {
            None => HandOver::Ready(None),
            Some((_, MediaRef::Link(link))) => HandOver::Ready(Some(ProviderMedia::Link(link.clone()))),
            // A fallback's file was not asked for: its message is looked at again.
            Some((_, MediaRef::MediaId(id))) => self.0.get(id).cloned().unwrap_or(HandOver::Underway),
        }
    }
}

/// The file of ours that a content carries.
fn file_of(content: &Content) -> Option<MediaId> {
    match content.file() {
        Some((_, MediaRef::MediaId(id))) => Some(*id),
        Some((_, MediaRef::Link(_))) | None => None,
    }
}

impl App {
    /// The chunk's messages that are due, in the order of their lines. Those that cannot leave any
    /// more are settled on the way.
    pub(super) async fn prepare_chunk(
        &self,
        (batch, connection): (&batch::Model, &Arc<OpenConnection>),
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
        let files = self.files_of(connection, &rows).await?;
        let mut underway = Vec::new();
        let mut ready = VecDeque::with_capacity(rows.len());
        for mut row in rows {
            // Cloned: a guest may stand in several lines.
            let known = known.get(&row.guest_id).cloned().unwrap_or_default();
            let open = window::is_open(windows.get(&row.conversation_id).copied().flatten(), self.now());
            if let Some(fallback) = batch.fallback.as_ref().filter(|_| row.content.needs_window() && !open) {
                self.use_fallback(batch, &[row.id]).await?;
                row.content = fallback.clone();
                row.fell_back = true;
            }
            let needs_window = row.content.needs_window();
            if needs_window && !open {
                self.expire(row.id).await?;
                continue;
            }
            let Some(recipient) = Recipient::choose(&known).filter(|_| row.content.is_sendable()) else {
                self.fail_unreachable(row.id).await?;
                continue;
            };
            let media = match files.of(&row.content) {
                HandOver::Ready(media) => Ok(media),
                HandOver::Instead(answer) => Err(answer),
                HandOver::Underway => {
                    underway.push(row.id);
                    continue;
                }
            };
            ready.push_back(Arc::new(Prepared { row, known, recipient, media, needs_window }));
        }
        self.put_off(batch.id, &underway, UNDERWAY).await?;
        Ok(ready)
    }

    /// Has the files of these messages handed over, a few at a time, and waits for them once: what is not
    /// there by then is looked at again later.
    async fn files_of(&self, connection: &Arc<OpenConnection>, rows: &[message::Model]) -> Result<Files> {
        let ids: BTreeSet<MediaId> = rows.iter().filter_map(|row| file_of(&row.content)).collect();
        let until = Instant::now() + HAND_OVER;
        let handed = ids.into_iter().map(|id| async move {
            let patience = until.saturating_duration_since(Instant::now());
            match patience.is_zero() {
                true => Ok((id, HandOver::Underway)),
                false => Ok((id, self.hand_over_file(connection, id, patience).await?)),
            }
        });
        let handed: Vec<Result<(MediaId, HandOver)>> =
            futures_util::stream::iter(handed).buffer_unordered(HAND_OVERS).collect().await;
        Ok(Files(handed.into_iter().collect::<Result<_>>()?))
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
            .col_expr(message::Column::FellBack, Expr::value(true))
            .filter(among(&tx, message::Column::Id, ids.iter().copied()))
            .filter(message::Column::Status.eq(MessageStatus::Queued))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Its window has closed and there is no template instead.
    pub(super) async fn expire(&self, id: MessageId) -> Result<()> {
        self.end_queued(id, Change::to(MessageStatus::Expired, Evidence::Dispatch)).await
    }

    async fn fail_unreachable(&self, id: MessageId) -> Result<()> {
        let failure = ProviderError::own(OwnReason::GuestUnreachable);
        self.end_queued(id, Change::failed(failure, Evidence::Dispatch)).await
    }

    /// Its guest does not want it any more, or the template is another kind of thing by now.
    pub(super) async fn fail_unwanted(&self, id: MessageId, not_wanted: NotWanted) -> Result<()> {
        self.end_queued(id, Change::failed(not_wanted.failure(), Evidence::Dispatch)).await
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
