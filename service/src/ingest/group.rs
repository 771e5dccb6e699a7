//! Changes that bring nothing but statuses, by groups: a message that goes out brings three of them, and a
//! commit for each would cost more than sending does.
//!
//! The usual case is worked out here for all at once: a first attempt that got on. Whatever else a status
//! says is applied on its own (`status`), in the same transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bellhop_domain::attempt::{AttemptOutcome, AttemptRef};
use bellhop_domain::event::EventType;
use bellhop_domain::inbound::{Change, DeliveryStatus, Item, StatusUpdate};
use bellhop_domain::problem::Problem;
use bellhop_domain::webhook::ChangeOutcome;
use bellhop_domain::{ConnectionId, MessageId, MessageStatus, PropertyId, WebhookChangeId};
use bellhop_entity::{message, outbox};
use chrono::{DateTime, Utc};
use sea_orm::{
    DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect, TryIntoModel, Value,
};

use super::{AfterCommit, status};
use crate::analytics;
use crate::app::App;
use crate::connection::OpenConnection;
use crate::db::{in_time, real_now};
use crate::dispatch::{event_of, step};
use crate::error::{Error, Result};
use crate::event::{self, Scope};
use crate::failpoint;
use crate::gather::{Asked, Gather};
use crate::numbers;
use crate::privacy::{blank_changes, forget_statuses};
use crate::rows::{Rows, among};

/// Gathers them: each webhook is answered when its group is committed.
pub(crate) type Statuses = Gather<StatusChange, Result<()>>;

pub(crate) struct StatusChange {
    connection: Arc<OpenConnection>,
    change: Change,
    digest: String,
}

/// A status, and whose it is.
#[derive(Clone, Copy)]
struct News<'a> {
    connection: &'a Arc<OpenConnection>,
    update: &'a StatusUpdate,
}

/// Connection, wamid and status: the provider says it once.
type Key = (ConnectionId, String, String);

impl News<'_> {
    fn key(&self) -> Key {
        (self.connection.id, self.update.wamid.clone(), self.update.status.as_str().to_owned())
    }

    /// Of a first attempt, and good: `None` for what has to be looked at more closely.
    fn plain(&self) -> Option<AttemptRef> {
        self.update
            .attempt
            .filter(|attempt| attempt.number == 1 && self.update.status != DeliveryStatus::Failed)
    }
}

/// What a group changes.
#[derive(Default)]
struct Outcome {
    rows: HashMap<MessageId, (message::Model, Touched)>,
    events: Vec<(PropertyId, EventType, serde_json::Value)>,
}

#[derive(Default)]
struct Touched {
    changed: bool,
    /// It was on the wire or in doubt: its answer is not stored yet.
    unanswered: bool,
}

/// Whether all of it can be gathered.
pub(super) fn is_of_statuses(change: &Change) -> bool {
    !change.items.is_empty() && change.items.iter().all(|item| matches!(item, Ok(Item::Status(_))))
}

impl App {
    pub(super) async fn take_statuses(
        &self,
        connection: &Arc<OpenConnection>,
        change: Change,
        digest: String,
    ) -> Result<()> {
        let app = self.clone();
        let take = move |group| {
            let app = app.clone();
            async move { app.take_group(group).await }
        };
        let change = StatusChange { connection: Arc::clone(connection), change, digest };
        let taken = self.statuses.submit(&self.tasks, change, take).await;
        taken.unwrap_or_else(|| Err(Error::of(Problem::Unavailable)))
    }

    async fn take_group(&self, mut group: Vec<Asked<StatusChange, Result<()>>>) {
        // Nobody was told that they are taken: they come again.
        group.retain(|asked| !asked.is_abandoned());
        if group.is_empty() {
            return;
        }
        let changes: Vec<&StatusChange> = group.iter().map(|asked| &asked.what).collect();
        match in_time(self.apply_group(&changes)).await {
            Ok(after) => {
                self.after_commit(after).await;
                group.into_iter().for_each(|asked| asked.answer(Ok(())));
            }
            Err(error) => {
                tracing::warn!(%error, changes = group.len(), "statuses not stored together, one by one then");
                // The next group does not wait for them.
                for asked in group {
                    let app = self.clone();
                    self.tasks.spawn(async move {
                        let StatusChange { connection, change, digest } = &asked.what;
                        let taken = in_time(app.take_alone(connection, change.clone(), digest.clone())).await;
                        asked.answer(taken);
                    });
                }
            }
        }
    }

    async fn apply_group(&self, changes: &[&StatusChange]) -> Result<AfterCommit> {
        let at = self.now();
        let tx = self.db.begin().await?;
        let mut fresh = keep(&tx, changes.to_vec(), at).await?;
        // As they came, each once.
        let fresh: Vec<&StatusChange> =
            changes.iter().copied().filter(|change| fresh.remove(&change.digest)).collect();
        let news: Vec<News<'_>> = fresh.iter().flat_map(|change| change.news()).collect();
        news.iter().for_each(|news| numbers::webhook_lag(news.update.timestamp, at));
        let mut after = AfterCommit::default();
        status::hold_guests(&tx, news.iter().map(|news| (news.connection.as_ref(), news.update))).await?;
        let noted = note(&tx, &news).await?;
        let mut outcome = Outcome { rows: lock(&tx, &news).await?, ..Outcome::default() };
        let mut rest = Vec::new();
        let mut first = HashSet::new();
        for news in news {
            // Twice in one group: the second finds the first one noted.
            if news.plain().is_none() || !noted.contains(&news.key()) || !first.insert(news.key()) {
                rest.push((news, false));
            } else if !outcome.apply(news, at, &mut after)? {
                rest.push((news, true));
            }
        }
        outcome.write(&tx, at).await?;
        for (News { connection, update }, noted) in rest {
            let scope = Scope { property: connection.property_id, at };
            let update = update.clone();
            match update.attempt.filter(|_| noted) {
                Some(attempt) => {
                    status::apply_noted(&tx, scope, connection.id, (attempt, update), &mut after).await?;
                }
                None => status::apply(&tx, scope, connection, update, &mut after).await?,
            }
        }
        forget_erased(&tx, &fresh).await?;
        failpoint::here("webhook_before_commit");
        tx.commit().await?;
        failpoint::here("webhook_applied");
        Ok(after)
    }
}

/// Nothing is kept of what is told of erased messages, but that it was told.
async fn forget_erased(tx: &DatabaseTransaction, changes: &[&StatusChange]) -> Result<()> {
    let told = |change: &StatusChange| -> Vec<MessageId> {
        change.news().filter_map(|news| news.update.attempt).map(|attempt| attempt.message).collect()
    };
    let erased = forget_statuses(tx, changes.iter().flat_map(|change| told(change))).await?;
    if erased.is_empty() {
        return Ok(());
    }
    let of_erased = changes.iter().filter(|change| told(change).iter().any(|id| erased.contains(id)));
    blank_changes(tx, of_erased.map(|change| change.digest.clone())).await
}

impl StatusChange {
    fn news(&self) -> impl Iterator<Item = News<'_>> {
        self.change.items.iter().filter_map(|item| match item {
            Ok(Item::Status(update)) => Some(News { connection: &self.connection, update }),
            Ok(_) | Err(_) => None,
        })
    }
}

impl Outcome {
    /// `false` when this status needs more than the usual case knows.
    fn apply(&mut self, news: News<'_>, at: DateTime<Utc>, after: &mut AfterCommit) -> Result<bool> {
        let Some(attempt) = news.plain() else { return Ok(false) };
        let Some((row, touched)) = self.rows.get_mut(&attempt.message) else {
            // Not ours, or of another connection.
            return Ok(true);
        };
        if row.connection_id != news.connection.id || row.attempt < attempt.number {
            return Ok(true);
        }
        let on_its_way = matches!(
            row.status,
            MessageStatus::Sending
                | MessageStatus::InDoubt
                | MessageStatus::Sent
                | MessageStatus::Delivered
                | MessageStatus::Read
        );
        if row.attempt != attempt.number || !on_its_way {
            return Ok(false);
        }
        let scope = Scope { property: row.property_id, at };
        let held = row.status.holds_the_lane();
        // Without a wamid somebody decided that it was sent.
        let unanswered =
            matches!(row.status, MessageStatus::Sending | MessageStatus::InDoubt) || row.wamid.is_none();
        let (new, moved) = step(scope, row, &status::change_of(row, news.update))?;
        *row = new.try_into_model()?;
        touched.changed = true;
        touched.unanswered |= unanswered;
        if let Some(event) = EventType::of_status(row.status).filter(|_| moved && !row.quiet) {
            self.events.push((row.property_id, event, event_of(row)));
        }
        if held {
            after.lanes.push(row.conversation_id);
        }
        after.learn(row.guest_id, scope.property, news.update);
        Ok(true)
    }

    async fn write(self, tx: &DatabaseTransaction, at: DateTime<Utc>) -> Result<()> {
        let changed: Vec<&(message::Model, Touched)> =
            self.rows.values().filter(|(_, touched)| touched.changed).collect();
        if changed.is_empty() {
            return Ok(());
        }
        Rows::new(MESSAGE, changed.iter().map(|(row, _)| columns(row))).run(tx, MESSAGES, []).await?;
        let unanswered: Vec<&message::Model> =
            changed.iter().filter(|(_, touched)| touched.unanswered).map(|(row, _)| row).collect();
        if !unanswered.is_empty() {
            let attempts = unanswered.iter().map(|row| [row.id.into(), row.wamid.clone().into()]);
            let attempts = Rows::new([("mid", "uuid"), ("wamid", "text")], attempts);
            attempts.run(tx, ATTEMPTS, [AttemptOutcome::Sent.as_str().into(), real_now().into()]).await?;
            let ids = unanswered.iter().map(|row| row.id);
            outbox::Entity::delete_many().filter(among(tx, outbox::Column::MessageId, ids)).exec(tx).await?;
        }
        analytics::changed(tx, at, changed.iter().map(|(row, _)| analytics::counted(row))).await?;
        event::record_all(tx, at, self.events).await
    }
}

const MESSAGE: [(&str, &str); 9] = [
    ("mid", "uuid"),
    ("status", "text"),
    ("wamid", "text"),
    ("sent_at", "timestamptz"),
    ("delivered_at", "timestamptz"),
    ("read_at", "timestamptz"),
    ("failed_at", "timestamptz"),
    ("failure", "jsonb"),
    ("pricing", "jsonb"),
];

/// Nothing of them is on its way or in doubt any more.
const MESSAGES: &str = "\
    UPDATE messages SET status = v.status, wamid = v.wamid, sent_at = v.sent_at, \
    delivered_at = v.delivered_at, read_at = v.read_at, failed_at = v.failed_at, failure = v.failure, pricing = v.pricing, \
    lease_token = NULL, lease_until = NULL, in_doubt_since = NULL, in_doubt_mark_ms = NULL \
    FROM v WHERE messages.id = v.mid";

/// As `settle_attempt` does: a wamid, once known, stays.
const ATTEMPTS: &str = "\
    UPDATE attempts SET error = CASE WHEN outcome = {0} THEN error END, outcome = {0}, \
    wamid = COALESCE(attempts.wamid, v.wamid), ended_at = COALESCE(ended_at, {1}) \
    FROM v WHERE message_id = v.mid AND number = 1 \
    AND (outcome <> {0} OR attempts.wamid IS NULL OR ended_at IS NULL)";

fn columns(row: &message::Model) -> [Value; MESSAGE.len()] {
    [
        row.id.into(),
        row.status.as_str().into(),
        row.wamid.clone().into(),
        row.sent_at.into(),
        row.delivered_at.into(),
        row.read_at.into(),
        row.failed_at.into(),
        row.failure.clone().into(),
        row.pricing.clone().into(),
    ]
}

/// Writes the plain ones down. Those that were not there.
async fn note(tx: &DatabaseTransaction, news: &[News<'_>]) -> Result<HashSet<Key>> {
    let mut plain: Vec<(News<'_>, AttemptRef)> =
        news.iter().filter_map(|news| Some((*news, news.plain()?))).collect();
    // In one order, so that two groups with the same ones do not wait crosswise.
    plain.sort_unstable_by_key(|(news, _)| news.key());
    plain.dedup_by_key(|(news, _)| news.key());
    if plain.is_empty() {
        return Ok(HashSet::new());
    }
    let columns = [
        ("cid", "uuid"),
        ("wamid", "text"),
        ("status", "text"),
        ("pid", "uuid"),
        ("mid", "uuid"),
        ("n", "int4"),
        ("at", "timestamptz"),
    ];
    let rows = plain.into_iter().map(|(News { connection, update }, attempt)| {
        [
            connection.id.into(),
            update.wamid.clone().into(),
            update.status.as_str().into(),
            connection.property_id.into(),
            attempt.message.into(),
            attempt.number.into(),
            update.timestamp.into(),
        ]
    });
    let sql = "INSERT INTO message_statuses \
               (connection_id, wamid, status, property_id, message_id, attempt, timestamp, received_at) \
               SELECT cid, wamid, status, pid, mid, n, at, {0} FROM v WHERE true \
               ON CONFLICT DO NOTHING RETURNING connection_id, wamid, status";
    let new = Rows::new(columns, rows).run(tx, sql, [real_now().into()]).await?;
    Ok(new.iter().map(QueryResult::try_get_many_by_index).collect::<Result<_, _>>()?)
}

/// The messages that are echoed, locked in the order of their ids: also those that are looked at one by one.
async fn lock(
    tx: &DatabaseTransaction,
    news: &[News<'_>],
) -> Result<HashMap<MessageId, (message::Model, Touched)>> {
    let ids: HashSet<MessageId> =
        news.iter().filter_map(|news| news.update.attempt).map(|attempt| attempt.message).collect();
    let rows = message::Entity::find()
        .filter(among(tx, message::Column::Id, ids))
        .order_by_asc(message::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, (row, Touched::default()))).collect())
}

/// Keeps the changes as they came. The digests of those that have not had their effect yet.
async fn keep(
    tx: &DatabaseTransaction,
    mut changes: Vec<&StatusChange>,
    at: DateTime<Utc>,
) -> Result<HashSet<String>> {
    let columns = [
        ("id", "uuid"),
        ("pid", "uuid"),
        ("cid", "uuid"),
        ("field", "text"),
        ("digest", "text"),
        ("body", "jsonb"),
    ];
    // In one order, so that two groups with the same ones do not wait crosswise.
    changes.sort_by(|a, b| a.digest.cmp(&b.digest));
    changes.dedup_by(|a, b| a.digest == b.digest);
    let rows = changes.iter().map(|StatusChange { connection, change, digest }| {
        [
            WebhookChangeId::new().into(),
            connection.property_id.into(),
            connection.id.into(),
            change.field.clone().into(),
            digest.clone().into(),
            change.raw.clone().into(),
        ]
    });
    let sql = "INSERT INTO webhook_changes \
               (id, property_id, connection_id, field, digest, body, outcome, received_at) \
               SELECT id, pid, cid, field, digest, body, {0}, {1} FROM v WHERE true \
               ON CONFLICT (digest) DO UPDATE SET property_id = excluded.property_id, \
               connection_id = excluded.connection_id, outcome = excluded.outcome, error = excluded.error, \
               received_at = excluded.received_at WHERE webhook_changes.outcome <> {0} RETURNING digest";
    let fresh =
        Rows::new(columns, rows).run(tx, sql, [ChangeOutcome::Applied.as_str().into(), at.into()]).await?;
    Ok(fresh.iter().map(|row| row.try_get("", "digest")).collect::<Result<_, _>>()?)
}
