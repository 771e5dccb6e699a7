//! Batches, as the API shows them.

use bellhop_domain::batch::{BatchStatus, RefusalKind};
use bellhop_domain::guest::IdentifierKind;
use bellhop_domain::rights::Right;
use bellhop_domain::{BatchId, GuestId, MessageStatus};
use bellhop_entity::{batch, batch_chunk, batch_refusal, guest_identifier, message};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::{BTreeMap, HashMap};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::message::MessageView;
use crate::page::{Page, PageRequest};

/// Recipients that are read at a time where all are wanted.
const EXPORTED: u64 = 1_000;

#[derive(Debug, Clone)]
pub struct BatchView {
    pub batch_id: BatchId,
    pub name: Option<String>,
    pub status: BatchStatus,
    pub counts: Counts,
    /// Messages per second at which it goes, or would go.
    pub pace: f64,
    /// `None` when nothing is left, or nobody can say: paused, stopped.
    pub estimated_completion: Option<DateTime<Utc>>,
    pub stopped_reason: Option<String>,
    pub send_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// How many lines are where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub accepted: u64,
    pub rejected: u64,
    pub duplicate: u64,
    pub opted_out: u64,
    /// A number for each state that a message of the batch is in.
    pub by_status: BTreeMap<&'static str, u64>,
}

impl Counts {
    pub fn of(&self, status: MessageStatus) -> u64 {
        self.by_status.get(status.as_str()).copied().unwrap_or(0)
    }

    fn open(&self) -> u64 {
        self.of(MessageStatus::Queued) + self.of(MessageStatus::Sending) + self.of(MessageStatus::Scheduled)
    }
}

#[derive(Debug, Clone)]
pub struct RecipientView {
    pub line: i32,
    pub reference: Option<String>,
    pub guest_id: GuestId,
    pub phone: Option<String>,
    pub message: MessageView,
}

/// A line that made no message.
#[derive(Debug, Clone)]
pub struct RefusalView {
    pub line: i32,
    pub kind: RefusalKind,
    pub field: String,
    pub reason: String,
}

#[derive(Debug, Clone, Default)]
pub struct BatchFilter {
    pub status: Option<BatchStatus>,
}

impl App {
    pub async fn batch(&self, caller: &Caller, id: BatchId) -> Result<BatchView> {
        caller.require(Right::ReadConversations)?;
        let row = find(self, caller, id).await?;
        self.show_batch(row).await
    }

    /// Newest first.
    pub async fn batches(
        &self,
        caller: &Caller,
        filter: BatchFilter,
        page: PageRequest,
    ) -> Result<Page<BatchView>> {
        caller.require(Right::ReadConversations)?;
        use batch::Column;
        let mut query = batch::Entity::find()
            .filter(Column::PropertyId.eq(caller.property_id))
            .filter(Column::Status.ne(BatchStatus::Receiving));
        if let Some(status) = filter.status {
            query = query.filter(Column::Status.eq(status));
        }
        if let Some(after) = page.after::<BatchId>()? {
            query = query.filter(Column::Id.lt(after));
        }
        let rows = query.order_by_desc(Column::Id).limit(page.limit() + 1).all(self.db.reader()).await?;
        let rows = Page::cut(rows, &page, |row| row.id);
        let mut data = Vec::with_capacity(rows.data.len());
        for row in rows.data {
            data.push(self.show_batch(row).await?);
        }
        Ok(Page { data, next_cursor: rows.next_cursor })
    }

    async fn show_batch(&self, row: batch::Model) -> Result<BatchView> {
        let counts = self.count(&row).await?;
        let pace = self.pace_of(&row).await;
        let estimated_completion = self.estimate(&row, &counts, pace).await?;
        Ok(BatchView {
            batch_id: row.id,
            name: row.name,
            status: row.status,
            counts,
            pace,
            estimated_completion,
            stopped_reason: row.stopped_reason,
            send_at: row.send_at,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
        })
    }

    pub(super) async fn count(&self, row: &batch::Model) -> Result<Counts> {
        let rows: Vec<(MessageStatus, i64)> = message::Entity::find()
            .select_only()
            .column(message::Column::Status)
            .column_as(message::Column::Id.count(), "n")
            .filter(message::Column::BatchId.eq(row.id))
            .group_by(message::Column::Status)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let wide = |n: i32| u64::try_from(n).unwrap_or(0);
        Ok(Counts {
            accepted: wide(row.accepted),
            rejected: wide(row.rejected),
            duplicate: wide(row.duplicate),
            opted_out: wide(row.opted_out),
            by_status: rows.into_iter().map(|(status, n)| (status.as_str(), n.unsigned_abs())).collect(),
        })
    }

    async fn pace_of(&self, row: &batch::Model) -> f64 {
        let connection = match self.connection(row.connection_id).await {
            Ok(connection) => self.ports.limiter.pace_now(connection.id, connection.pace).await,
            Err(_) => 0.0,
        };
        row.messages_per_second.map_or(connection, |own| connection.min(own.into()))
    }

    /// From the real pace, and what else waits for the same number.
    async fn estimate(
        &self,
        row: &batch::Model,
        counts: &Counts,
        pace: f64,
    ) -> Result<Option<DateTime<Utc>>> {
        let open = counts.open();
        let moving = row.status.sends() || row.status == BatchStatus::Scheduled;
        if open == 0 || !moving || pace <= 0.0 {
            return Ok(None);
        }
        let others = self.others_waiting(row).await?;
        // The others take equal shares of the number, each at most what it still has.
        let shared: u64 = others.iter().map(|waiting| (*waiting).min(open)).sum();
        let connection = match self.connection(row.connection_id).await {
            Ok(connection) => self.ports.limiter.pace_now(connection.id, connection.pace).await.max(1.0),
            Err(_) => pace,
        };
        let alone = open as f64 / pace;
        let together = (open + shared) as f64 / connection;
        let seconds = alone.max(together);
        let start = row.send_at.unwrap_or_else(|| self.now()).max(self.now());
        Ok(Some(start + TimeDelta::milliseconds((seconds * 1_000.0).ceil() as i64)))
    }

    /// About how many recipients other batches of the same number still have, each.
    async fn others_waiting(&self, row: &batch::Model) -> Result<Vec<u64>> {
        let others: Vec<(BatchId, i32)> = batch::Entity::find()
            .select_only()
            .columns([batch::Column::Id, batch::Column::ChunkSize])
            .filter(batch::Column::ConnectionId.eq(row.connection_id))
            .filter(batch::Column::FinishedAt.is_null())
            .filter(batch::Column::Id.ne(row.id))
            .filter(batch::Column::Status.is_in([BatchStatus::Accepted, BatchStatus::Running]))
            .limit(20)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let mut waiting = Vec::with_capacity(others.len());
        for (id, size) in others {
            let chunks = batch_chunk::Entity::find().filter(batch_chunk::Column::BatchId.eq(id));
            waiting.push(chunks.count(self.db.reader()).await? * u64::try_from(size).unwrap_or(0));
        }
        Ok(waiting)
    }

    /// In the order of the lines.
    pub async fn recipients(
        &self,
        caller: &Caller,
        id: BatchId,
        status: Option<MessageStatus>,
        page: PageRequest,
    ) -> Result<Page<RecipientView>> {
        caller.require(Right::ReadConversations)?;
        find(self, caller, id).await?;
        let rows = self.recipient_rows(id, status, page.after()?, page.limit() + 1).await?;
        let rows = Page::cut(rows, &page, |row| row.batch_line);
        let phones = self.phones_of(rows.data.iter().map(|row| row.guest_id)).await?;
        Ok(rows.map(|row| show_recipient(row, &phones)))
    }

    /// Up to 1,000 recipients whose lines come after `after`, for whoever wants all of them.
    pub async fn next_recipients(
        &self,
        caller: &Caller,
        id: BatchId,
        status: Option<MessageStatus>,
        after: Option<i32>,
    ) -> Result<Vec<RecipientView>> {
        caller.require(Right::ReadConversations)?;
        find(self, caller, id).await?;
        let rows = self.recipient_rows(id, status, after, EXPORTED).await?;
        let phones = self.phones_of(rows.iter().map(|row| row.guest_id)).await?;
        Ok(rows.into_iter().map(|row| show_recipient(row, &phones)).collect())
    }

    async fn recipient_rows(
        &self,
        id: BatchId,
        status: Option<MessageStatus>,
        after: Option<i32>,
        most: u64,
    ) -> Result<Vec<message::Model>> {
        use message::Column;
        let mut query = message::Entity::find().filter(Column::BatchId.eq(id));
        if let Some(status) = status {
            query = query.filter(Column::Status.eq(status));
        }
        if let Some(after) = after {
            query = query.filter(Column::BatchLine.gt(after));
        }
        Ok(query.order_by_asc(Column::BatchLine).limit(most).all(self.db.reader()).await?)
    }

    async fn phones_of(&self, guests: impl Iterator<Item = GuestId>) -> Result<HashMap<GuestId, String>> {
        let rows: Vec<(GuestId, String)> = guest_identifier::Entity::find()
            .select_only()
            .columns([guest_identifier::Column::GuestId, guest_identifier::Column::Value])
            .filter(guest_identifier::Column::GuestId.is_in(guests))
            .filter(guest_identifier::Column::Kind.eq(IdentifierKind::Phone))
            .filter(guest_identifier::Column::EndedAt.is_null())
            .into_tuple()
            .all(self.db.reader())
            .await?;
        Ok(rows.into_iter().collect())
    }

    /// The lines that made no message, in their order.
    pub async fn refusals(
        &self,
        caller: &Caller,
        id: BatchId,
        page: PageRequest,
    ) -> Result<Page<RefusalView>> {
        caller.require(Right::ReadConversations)?;
        find(self, caller, id).await?;
        use batch_refusal::Column;
        let mut query = batch_refusal::Entity::find().filter(Column::BatchId.eq(id));
        if let Some(after) = page.after::<i32>()? {
            query = query.filter(Column::Line.gt(after));
        }
        let rows = query.order_by_asc(Column::Line).limit(page.limit() + 1).all(self.db.reader()).await?;
        Ok(Page::cut(rows, &page, |row| row.line).map(|row| RefusalView {
            line: row.line,
            kind: row.kind,
            field: row.field,
            reason: row.reason,
        }))
    }
}

fn show_recipient(row: message::Model, phones: &HashMap<GuestId, String>) -> RecipientView {
    RecipientView {
        line: row.batch_line.unwrap_or(0),
        reference: row.batch_key.as_deref().and_then(|key| key.strip_prefix("r:")).map(str::to_owned),
        guest_id: row.guest_id,
        phone: phones.get(&row.guest_id).cloned(),
        message: row.into(),
    }
}

async fn find(app: &App, caller: &Caller, id: BatchId) -> Result<batch::Model> {
    let row = batch::Entity::find_by_id(id)
        .filter(batch::Column::PropertyId.eq(caller.property_id))
        .filter(batch::Column::Status.ne(BatchStatus::Receiving))
        .one(app.db.reader())
        .await?;
    row.ok_or_else(|| Error::not_found("batch"))
}
