//! Taking a batch in: by parts of up to 1,000 lines, each a transaction of its own, into a batch
//! that nothing sends from until the last part is in.

use std::collections::HashSet;

use bellhop_domain::audit::AuditAction;
use bellhop_domain::batch::{self, BatchStatus, CHUNK_DEFAULT, RefusalKind};
use bellhop_domain::conversation::Direction;
use bellhop_domain::event::EventType;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::{BatchId, MessageId, MessageStatus};
use bellhop_entity::{batch as batches, batch_refusal, message};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel,
    QueryFilter, Statement,
};
use serde_json::json;

use super::admit::Ready;
use super::chunk;
use super::lines::{Line, Reader, Unusable};
use super::options::BatchOptions;
use super::view::{BatchView, RefusalView};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::db::real_now;
use crate::error::{Error, Result};
use crate::event::{self, Scope};
use crate::failpoint;
use crate::idempotency::{BodyHash, IdempotencyKey};
use crate::property;

/// Lines of one transaction.
pub const PART: usize = 1_000;
/// Messages of one INSERT: SQLite takes 32,766 parameters.
const ROWS: usize = 500;
/// Refused lines that the answer names; all of them can be listed.
const NAMED: usize = 100;
/// The tables that taking in fills, and looks people up in.
const PEOPLE: [&str; 4] = ["guests", "guest_identifiers", "conversations", "messages"];
/// How long a request that hands in lines is believed to live without a word.
const SILENCE: TimeDelta = TimeDelta::seconds(30);

/// What became of a request to open a batch.
pub enum Opened {
    New(Box<Reception>),
    /// The same request made it before.
    Made(BatchView),
}

/// A batch that is being handed in. Dropped without [`Reception::finish`] it is swept away.
pub struct Reception {
    app: App,
    caller: Caller,
    pub(super) scope: Scope,
    pub(super) row: batches::Model,
    reader: Reader,
    receiver: Uuid,
    parts: u32,
    pub(super) seen: HashSet<String>,
    named: Vec<RefusalView>,
    key: Option<IdempotencyKey>,
    content: Option<BodyHash>,
}

impl App {
    /// Opens a batch for lines.
    pub async fn open_batch(&self, caller: &Caller, mut options: BatchOptions) -> Result<Opened> {
        caller.require(Right::SendMessages)?;
        let key = options.idempotency_key.take();
        if let Some(key) = &key
            && let Some(made) = self.batch_made_before(caller, key).await?
        {
            return Ok(Opened::Made(made));
        }
        let mut reception = self.new_reception(caller, options).await?;
        let tx = self.db.begin().await?;
        batches::Entity::insert(reception.row.clone().into_active_model())
            .exec_without_returning(&tx)
            .await?;
        if let Some(key) = &key
            && !key.take(&tx, caller, reception.row.id.uuid(), reception.scope.at).await?
        {
            tx.rollback().await?;
            let made = self.batch_made_before(caller, key).await?;
            return made.map(Opened::Made).ok_or_else(|| Error::of(Problem::Unavailable));
        }
        tx.commit().await?;
        failpoint::here("batch_opened");
        reception.key = key;
        Ok(Opened::New(Box::new(reception)))
    }

    /// The batch that this key made; 409 while it is still being handed in, `None` when the request
    /// that did so has died.
    async fn batch_made_before(&self, caller: &Caller, key: &IdempotencyKey) -> Result<Option<BatchView>> {
        let Some(id) = key.find::<BatchId>(self.db.reader(), caller, self.now()).await? else {
            return Ok(None);
        };
        match batches::Entity::find_by_id(id).one(self.db.reader()).await? {
            Some(row) if row.status != BatchStatus::Receiving => self.batch(caller, id).await.map(Some),
            Some(row) if row.receiving_until.is_some_and(|until| until > real_now()) => {
                Err(Error::of(Problem::IdempotencyKeyInFlight))
            }
            Some(_) | None => {
                self.discard_batch(id, true).await?;
                Ok(None)
            }
        }
    }

    async fn new_reception(&self, caller: &Caller, options: BatchOptions) -> Result<Reception> {
        options.check(self.now())?;
        let property = property::load(self.db.reader(), caller.property_id).await?;
        let connection = self.default_connection(caller.property_id).await?.id;
        let fallback = match options.fallback.clone() {
            Some(template) => Some(self.fill_template((caller.property_id, connection), template).await?),
            None => None,
        };
        let receiver = Uuid::new_v4();
        let scope = Scope { property: caller.property_id, at: self.now() };
        let int = |n: Option<i64>| n.and_then(|n| i32::try_from(n).ok());
        let row = batches::Model {
            id: BatchId::new(),
            property_id: caller.property_id,
            connection_id: connection,
            token_id: caller.uuid(),
            name: options.name,
            status: BatchStatus::Receiving,
            messages_per_second: int(options.messages_per_second),
            chunk_size: int(options.batch_size).unwrap_or(CHUNK_DEFAULT),
            max_attempts: int(options.max_attempts),
            retry_delay_ms: int(options.retry_delay),
            quiet: options.quiet,
            in_doubt_policy: options.in_doubt.unwrap_or(property.in_doubt_policy),
            fallback,
            accepted: 0,
            rejected: 0,
            duplicate: 0,
            opted_out: 0,
            stopped_reason: None,
            send_at: options.send_at,
            receiver: Some(receiver),
            receiving_until: Some(real_now() + SILENCE),
            created_at: scope.at,
            started_at: None,
            finished_at: None,
            progress_due_at: None,
            progress: None,
        };
        let home = property::home(&property);
        let reader = Reader::new((caller.property_id, connection), home, property.default_language);
        let (app, caller) = (self.clone(), *caller);
        let (seen, named, key, content, parts) = (HashSet::new(), Vec::new(), None, None, 0);
        Ok(Reception { app, caller, scope, row, reader, receiver, parts, seen, named, key, content })
    }
}

impl Reception {
    /// Takes a part of the lines, at most [`PART`].
    pub async fn take(&mut self, lines: Vec<Line>) -> Result<()> {
        let total = self.row.accepted + self.row.rejected + self.row.duplicate + self.row.opted_out;
        if usize::try_from(total).unwrap_or(usize::MAX) + lines.len() > batch::UPLOAD_MAX {
            let message =
                format!("A batch takes at most {} recipients; send them as several.", batch::UPLOAD_MAX);
            return Err(Error::because(Problem::PayloadTooLarge, message));
        }
        let mut refused = Vec::new();
        let mut candidates = Vec::with_capacity(lines.len());
        for line in lines {
            let number = line.number;
            match self.reader.read(&self.app, line).await? {
                Ok(candidate) => candidates.push(candidate),
                Err(unusable) => refused.push((number, RefusalKind::Rejected, unusable)),
            }
        }
        let tx = self.app.db.begin().await?;
        let before = self.row.accepted;
        let ready = self.ready(&tx, candidates, &mut refused).await?;
        self.insert(&tx, ready).await?;
        // Some were refused at the first look and some at the second; they are named in their order.
        refused.sort_by_key(|(line, ..)| *line);
        self.note(&tx, refused).await?;
        // Last, so that the row is not held for long; it says whether this is still our batch.
        self.keep(&tx).await?;
        tx.commit().await?;
        failpoint::here("batch_part_stored");
        self.parts += 1;
        if self.parts.is_power_of_two() {
            self.app.count_again(&PEOPLE);
        }
        tracing::debug!(batch = %self.row.id, accepted = self.row.accepted - before, "a part of a batch is in");
        Ok(())
    }

    async fn insert(&mut self, tx: &DatabaseTransaction, ready: Vec<Ready>) -> Result<()> {
        let due = real_now();
        let mut rows = Vec::with_capacity(ready.len());
        for message in ready {
            self.row.accepted += 1;
            rows.push(self.new_row(message, due));
        }
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let some: Vec<_> = rows.by_ref().take(ROWS).collect();
            message::Entity::insert_many(some).exec_without_returning(tx).await?;
        }
        Ok(())
    }

    fn new_row(&self, message: Ready, due: DateTime<Utc>) -> message::ActiveModel {
        let Ready { candidate, guest, conversation, key } = message;
        let status =
            if self.row.send_at.is_some() { MessageStatus::Scheduled } else { MessageStatus::Queued };
        message::ActiveModel {
            id: Set(MessageId::new()),
            property_id: Set(self.row.property_id),
            conversation_id: Set(conversation),
            connection_id: Set(self.row.connection_id),
            guest_id: Set(guest),
            direction: Set(Direction::Outbound),
            status: Set(status),
            content: Set(candidate.content),
            attempt: Set(0),
            due_at: Set(due),
            sent_twice: Set(false),
            send_at: Set(self.row.send_at),
            batch_id: Set(Some(self.row.id)),
            batch_line: Set(Some(candidate.number)),
            batch_chunk: Set(Some(chunk::number_of(candidate.number, self.row.chunk_size))),
            batch_key: Set(Some(key)),
            quiet: Set(self.row.quiet),
            created_at: Set(self.scope.at),
            ..Default::default()
        }
    }

    async fn note(
        &mut self,
        tx: &DatabaseTransaction,
        refused: Vec<(i32, RefusalKind, Unusable)>,
    ) -> Result<()> {
        if refused.is_empty() {
            return Ok(());
        }
        for (line, kind, Unusable { field, reason }) in &refused {
            match kind {
                RefusalKind::Rejected => self.row.rejected += 1,
                RefusalKind::Duplicate => self.row.duplicate += 1,
                RefusalKind::OptedOut => self.row.opted_out += 1,
            }
            if self.named.len() < NAMED {
                let (field, reason) = (field.clone(), reason.clone());
                self.named.push(RefusalView { line: *line, kind: *kind, field, reason });
            }
        }
        let rows = refused.into_iter().map(|(line, kind, unusable)| batch_refusal::ActiveModel {
            batch_id: Set(self.row.id),
            line: Set(line),
            kind: Set(kind),
            field: Set(unusable.field),
            reason: Set(unusable.reason),
            created_at: Set(self.scope.at),
        });
        batch_refusal::Entity::insert_many(rows).exec_without_returning(tx).await?;
        Ok(())
    }

    /// Says that we live; an error when we were given up meanwhile.
    async fn keep(&self, tx: &DatabaseTransaction) -> Result<()> {
        let kept = batches::Entity::update_many()
            .col_expr(batches::Column::ReceivingUntil, Expr::value(real_now() + SILENCE))
            .filter(batches::Column::Id.eq(self.row.id))
            .filter(batches::Column::Receiver.eq(self.receiver))
            .filter(batches::Column::Status.eq(BatchStatus::Receiving))
            .exec(tx)
            .await?;
        if kept.rows_affected == 1 { Ok(()) } else { Err(Error::of(Problem::Unavailable)) }
    }

    /// What the lines came as, where the key could not know it beforehand.
    pub fn content_is(&mut self, hash: BodyHash) {
        self.content = Some(hash);
    }

    /// The last line is in: from this commit on the batch is sent, or waits for its time.
    pub async fn finish(mut self) -> Result<(BatchView, Vec<RefusalView>)> {
        let now = self.app.now();
        let lanes = chunk::lanes_of(self.row.messages_per_second);
        let tx = self.app.db.begin().await?;
        self.keep(&tx).await?;
        self.row.status = match self.row.send_at {
            _ if self.row.accepted == 0 => BatchStatus::Completed,
            Some(_) => BatchStatus::Scheduled,
            None => BatchStatus::Accepted,
        };
        self.row.finished_at = (self.row.accepted == 0).then_some(now);
        let chunks = Statement::from_sql_and_values(
            tx.get_database_backend(),
            "INSERT INTO batch_chunks (batch_id, number) \
             SELECT DISTINCT batch_id, batch_chunk FROM messages WHERE batch_id = $1",
            [self.row.id.into()],
        );
        tx.execute_raw(chunks).await?;
        let mut row = self.row.clone().into_active_model().reset_all();
        row.receiver = Set(None);
        row.receiving_until = Set(None);
        let row = row.update(&tx).await?;
        if row.status == BatchStatus::Accepted {
            chunk::open(&tx, row.id, lanes).await?;
        }
        if let (Some(key), Some(content)) = (&self.key, &self.content) {
            key.seal(&tx, &self.caller, content).await?;
        }
        let scope = Scope { at: now, ..self.scope };
        event::record(&tx, scope, EventType::BatchAccepted, told(&row)).await?;
        // One entry, however many messages.
        let entry = Entry::of(AuditAction::BatchCreated, row.id).made(told(&row));
        audit::record(&tx, scope, &self.caller, entry).await?;
        failpoint::here("batch_before_finish");
        tx.commit().await?;
        failpoint::here("batch_accepted");
        self.app.wake.notify_one();
        self.app.count_again(&PEOPLE);
        let view = self.app.batch(&self.caller, row.id).await?;
        Ok((view, self.named))
    }

    /// Takes everything back.
    pub async fn discard(self) -> Result<()> {
        self.app.discard_batch(self.row.id, false).await.map(|_| ())
    }
}

/// A batch as its events tell of it.
pub(super) fn told(row: &batches::Model) -> serde_json::Value {
    json!({
        "batch_id": row.id, "name": row.name, "status": row.status, "accepted": row.accepted,
        "rejected": row.rejected, "duplicate": row.duplicate, "opted_out": row.opted_out,
        "stopped_reason": row.stopped_reason, "send_at": row.send_at.map(event::rfc3339),
    })
}
