//! Storing answers by groups. The simple and usual case only: a first attempt that was taken.
//! Everything else goes through `dispatch`, one by one.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bellhop_domain::answer::{Accepted, Answer};
use bellhop_domain::attempt::{AttemptOutcome, AttemptRef};
use bellhop_domain::batch::GROUP_MAX;
use bellhop_domain::event::EventType;
use bellhop_domain::guest::Identifier;
use bellhop_domain::inbound::Sender;
use bellhop_domain::{ConversationId, MessageId, MessageStatus};
use bellhop_entity::{message, message_status};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, Statement,
    Value,
};
use tokio::sync::oneshot;

use crate::app::App;
use crate::db::{in_time, real_now};
use crate::dispatch::{event_of, in_lane};
use crate::error::Result;
use crate::event::{self, Scope};
use crate::failpoint;

/// How long the first answer waits for others: what is answered but not stored is in doubt after a
/// death, so it is short.
const GATHER: Duration = Duration::from_millis(5);

/// Gathers answers. Whoever comes while nobody stores begins to store, for all.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Pending>);

#[derive(Default)]
struct Pending {
    items: Vec<Item>,
    storing: bool,
}

struct Item {
    row: message::Model,
    known: Vec<Identifier>,
    answer: Answer,
    stored: oneshot::Sender<()>,
}

impl Item {
    fn attempt(&self) -> AttemptRef {
        AttemptRef { message: self.row.id, number: self.row.attempt }
    }
}

/// Whoever stores; when it panics, the next answer begins anew.
struct Storing<'a> {
    recorder: &'a Recorder,
    ended: bool,
}

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.recorder.pending().storing = false;
        }
    }
}

impl Recorder {
    /// Returns when the answer is stored, or cannot be and is left to the sweep.
    pub async fn submit(&self, app: &App, (row, known): (message::Model, Vec<Identifier>), answer: Answer) {
        let (stored, done) = oneshot::channel();
        let begin = {
            let mut pending = self.pending();
            pending.items.push(Item { row, known, answer, stored });
            !std::mem::replace(&mut pending.storing, true)
        };
        if begin {
            let app = app.clone();
            app.tasks.spawn({
                let app = app.clone();
                async move { app.recorder.store_all(&app).await }
            });
        }
        // An error says that the storing task died: the lease will run out.
        done.await.ok();
    }

    async fn store_all(&self, app: &App) {
        let mut storing = Storing { recorder: self, ended: false };
        loop {
            if self.pending().items.len() < GROUP_MAX {
                tokio::time::sleep(GATHER).await;
            }
            let group: Vec<Item> = {
                let mut pending = self.pending();
                let n = pending.items.len().min(GROUP_MAX);
                if n == 0 {
                    pending.storing = false;
                    storing.ended = true;
                    return;
                }
                pending.items.drain(..n).collect()
            };
            app.store_group(group).await;
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    async fn store_group(&self, group: Vec<Item>) {
        let (simple, mut rest): (Vec<Item>, Vec<Item>) = group
            .into_iter()
            .partition(|item| matches!(item.answer, Answer::Accepted(_)) && item.row.attempt == 1);
        if !simple.is_empty() {
            match in_time(self.store_accepted(&simple)).await {
                Ok(left) => {
                    let (left, stored): (Vec<Item>, Vec<Item>) =
                        simple.into_iter().partition(|item| left.contains(&item.row.id));
                    rest.extend(left);
                    for item in stored {
                        self.learn_from(&item).await;
                        item.stored.send(()).ok();
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, answers = simple.len(), "answers not stored together, one by one then");
                    rest.extend(simple);
                }
            }
        }
        for item in rest {
            if let Err(error) = self.record_answer(item.attempt(), &item.answer).await {
                tracing::error!(attempt = %item.attempt(), %error, "answer not stored");
            } else if self.has_lane(item.row.conversation_id).await {
                self.start_lane(item.row.conversation_id);
            }
            self.learn_from(&item).await;
            item.stored.send(()).ok();
        }
    }

    async fn learn_from(&self, item: &Item) {
        let Answer::Accepted(accepted) = &item.answer else { return };
        let same_number = |wa_id: &String| {
            item.known.iter().any(|known| match known {
                Identifier::Phone(phone) => phone.digits() == wa_id,
                Identifier::WaId(known) => known == wa_id,
                Identifier::Bsuid(_) | Identifier::Username(_) => false,
            })
        };
        // The number that was dialled teaches nothing: it is the address already.
        let wa_id = accepted.wa_id.clone().filter(|wa_id| !same_number(wa_id));
        let sender = Sender { wa_id, bsuid: accepted.bsuid.clone(), ..Sender::default() };
        let scope = Scope { property: item.row.property_id, at: self.now() };
        self.learn_addresses(scope, item.row.guest_id, &item.known, &sender).await;
    }

    /// Stores what fits; returns those that need more than this.
    async fn store_accepted(&self, items: &[Item]) -> Result<HashSet<MessageId>> {
        let now = real_now();
        let at = self.now();
        let tx = self.db.begin().await?;
        let facts: Vec<(&Item, &Accepted)> = items
            .iter()
            .filter_map(|item| match &item.answer {
                Answer::Accepted(accepted) => Some((item, accepted)),
                Answer::Refused(_) | Answer::NeverSent { .. } | Answer::Unknown { .. } => None,
            })
            .collect();
        let values = Values::of(&facts);
        let sent = values
            .update(
                &tx,
                "UPDATE messages SET status = $S, wamid = v.wamid, sent_at = $T, lease_token = NULL, \
                 lease_until = NULL, failure = NULL FROM v \
                 WHERE messages.id = v.mid AND messages.status = 'sending' AND messages.attempt = v.n \
                 RETURNING id",
                [MessageStatus::Sent.as_str().into(), at.into()],
            )
            .await?;
        let sent: HashSet<MessageId> = sent.into_iter().collect();
        values
            .update(
                &tx,
                "UPDATE attempts SET outcome = $S, wamid = v.wamid, ended_at = $T FROM v \
                 WHERE attempts.message_id = v.mid AND attempts.number = v.n AND attempts.outcome = 'calling' \
                 RETURNING message_id AS id",
                [AttemptOutcome::Sent.as_str().into(), now.into()],
            )
            .await?;
        for property in properties(items) {
            let scope = Scope { property, at };
            let told = facts.iter().filter(|(item, _)| item.row.property_id == property && !item.row.quiet);
            let told = told.filter(|(item, _)| sent.contains(&item.row.id)).map(|(item, accepted)| {
                let (status, wamid) = (MessageStatus::Sent, Some(accepted.wamid.clone()));
                event_of(&message::Model { status, wamid, ..item.row.clone() })
            });
            event::record_many(&tx, scope, EventType::MessageSent, told.collect::<Vec<_>>()).await?;
        }
        let parked = parked(&tx, &facts).await?;
        failpoint::here("answers_before_commit");
        tx.commit().await?;
        failpoint::here("answers_stored");
        // Only now: what was sent by hand until the commit still saw these on the wire.
        lanes_behind(self.db.reader(), items).await?.into_iter().for_each(|lane| self.start_lane(lane));
        let fits = |item: &&Item| sent.contains(&item.row.id) && !parked.contains(&item.row.id);
        Ok(items.iter().filter(|item| !fits(item)).map(|item| item.row.id).collect())
    }

    async fn has_lane(&self, conversation: ConversationId) -> bool {
        let waiting = message::Entity::find()
            .filter(message::Column::ConversationId.eq(conversation))
            .filter(in_lane());
        matches!(waiting.one(self.db.reader()).await, Ok(Some(_)))
    }
}

fn properties(items: &[Item]) -> HashSet<bellhop_domain::PropertyId> {
    items.iter().map(|item| item.row.property_id).collect()
}

/// Rows for a statement: message, attempt, wamid.
struct Values {
    /// `WITH v (…) AS (VALUES …)`, with places from $1 on.
    clause: String,
    values: Vec<Value>,
}

impl Values {
    fn of(facts: &[(&Item, &Accepted)]) -> Self {
        let rows: Vec<String> =
            (0..facts.len()).map(|i| format!("(${}, ${}, ${})", 3 * i + 1, 3 * i + 2, 3 * i + 3)).collect();
        let clause = format!("WITH v (mid, n, wamid) AS (VALUES {}) ", rows.join(", "));
        let values = facts
            .iter()
            .flat_map(|(item, accepted)| {
                [item.row.id.into(), item.row.attempt.into(), accepted.wamid.clone().into()]
            })
            .collect();
        Self { clause, values }
    }

    /// Runs an UPDATE that names a status `$S` and a time `$T`; the ids that it returns.
    async fn update(
        &self,
        tx: &DatabaseTransaction,
        sql: &str,
        [status, time]: [Value; 2],
    ) -> Result<Vec<MessageId>> {
        let n = self.values.len();
        let sql = sql.replace("$S", &format!("${}", n + 1)).replace("$T", &format!("${}", n + 2));
        let values = self.values.iter().cloned().chain([status, time]);
        let statement = Statement::from_sql_and_values(
            tx.get_database_backend(),
            format!("{}{sql}", self.clause),
            values,
        );
        let rows = tx.query_all_raw(statement).await?;
        Ok(rows.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>()?)
    }
}

/// Messages with a status that came before its answer, without an echo.
async fn parked(tx: &DatabaseTransaction, facts: &[(&Item, &Accepted)]) -> Result<HashSet<MessageId>> {
    use message_status::Column;
    let wamids: Vec<String> = message_status::Entity::find()
        .select_only()
        .column(Column::Wamid)
        .filter(
            Column::ConnectionId
                .is_in(facts.iter().map(|(item, _)| item.row.connection_id).collect::<HashSet<_>>()),
        )
        .filter(Column::Wamid.is_in(facts.iter().map(|(_, accepted)| accepted.wamid.as_str())))
        .filter(Column::MessageId.is_null())
        .into_tuple()
        .all(tx)
        .await?;
    let is_parked = |accepted: &Accepted| wamids.contains(&accepted.wamid);
    Ok(facts.iter().filter(|(_, accepted)| is_parked(accepted)).map(|(item, _)| item.row.id).collect())
}

/// Conversations in which something sent by hand waited for these.
async fn lanes_behind(db: &impl ConnectionTrait, items: &[Item]) -> Result<Vec<ConversationId>> {
    Ok(message::Entity::find()
        .select_only()
        .column(message::Column::ConversationId)
        .distinct()
        .filter(message::Column::ConversationId.is_in(items.iter().map(|item| item.row.conversation_id)))
        .filter(in_lane())
        .into_tuple()
        .all(db)
        .await?)
}
