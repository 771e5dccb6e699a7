//! Storing answers by groups. The simple and usual case only: a first attempt that was taken.
//! Everything else goes through `dispatch`, one by one.

use std::collections::{HashMap, HashSet};

use bellhop_domain::answer::{Accepted, Answer};
use bellhop_domain::attempt::{AttemptOutcome, AttemptRef};
use bellhop_domain::event::EventType;
use bellhop_domain::guest::Identifier;
use bellhop_domain::inbound::Sender;
use bellhop_domain::{ConversationId, MessageId, MessageStatus};
use bellhop_entity::message;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::begin::OnWire;
use crate::analytics;
use crate::app::App;
use crate::db::{in_time, real_now};
use crate::dispatch::{event_of, in_lane};
use crate::error::Result;
use crate::event::{self, Scope};
use crate::failpoint;
use crate::gather::{Asked, Gather};
use crate::guest::Learned;
use crate::rows::{Rows, among};

/// Gathers answers: what is answered but not stored is in doubt after a death, so none waits for long.
pub(crate) type Recorder = Gather<Taken, ()>;

/// An answer to a message.
pub(crate) struct Taken {
    message: OnWire,
    answer: Answer,
}

type Item = Asked<Taken, ()>;

impl Taken {
    fn attempt(&self) -> AttemptRef {
        self.message.attempt
    }

    fn row(&self) -> &message::Model {
        &self.message.prepared.row
    }

    /// What the answer says about the guest's addresses, beside those that are known.
    fn learned(&self) -> Option<Learned> {
        let Answer::Accepted(accepted) = &self.answer else { return None };
        let known = &self.message.prepared.known;
        let same_number = |wa_id: &String| {
            known.iter().any(|known| match known {
                Identifier::Phone(phone) => phone.digits() == wa_id,
                Identifier::WaId(known) => known == wa_id,
                Identifier::Bsuid(_) | Identifier::Username(_) => false,
            })
        };
        // The number that was dialled teaches nothing: it is the address already.
        let wa_id = accepted.wa_id.clone().filter(|wa_id| !same_number(wa_id));
        let bsuid = accepted.bsuid.clone().filter(|bsuid| !known.contains(&Identifier::Bsuid(bsuid.clone())));
        if wa_id.is_none() && bsuid.is_none() {
            return None;
        }
        let (property, guest) = (self.row().property_id, self.message.guest);
        Some(Learned { property, guest, sender: Sender { wa_id, bsuid, ..Sender::default() } })
    }
}

impl App {
    /// Returns when the answer is stored, or cannot be and is left to the sweep.
    pub(super) async fn store_answer(&self, message: OnWire, answer: Answer) {
        let app = self.clone();
        let store = move |group| {
            let app = app.clone();
            async move { app.store_group(group).await }
        };
        // `None` says that the storing task died: the lease will run out.
        self.recorder.submit(&self.tasks, Taken { message, answer }, store).await;
    }

    async fn store_group(&self, group: Vec<Item>) {
        let (simple, mut rest): (Vec<Item>, Vec<Item>) = group.into_iter().partition(|item| {
            matches!(item.what.answer, Answer::Accepted(_)) && item.what.attempt().number == 1
        });
        if !simple.is_empty() {
            match in_time(self.store_accepted(&simple)).await {
                Ok(left) => {
                    let (left, stored): (Vec<Item>, Vec<Item>) =
                        simple.into_iter().partition(|item| left.contains(&item.what.row().id));
                    rest.extend(left);
                    self.learn_addresses_of_many(
                        stored.iter().filter_map(|item| item.what.learned()).collect(),
                    )
                    .await;
                    stored.into_iter().for_each(|item| item.answer(()));
                }
                Err(error) => {
                    tracing::warn!(%error, answers = simple.len(), "answers not stored together, one by one then");
                    rest.extend(simple);
                }
            }
        }
        for item in rest {
            if let Err(error) = self.record_answer(item.what.attempt(), &item.what.answer).await {
                tracing::error!(attempt = %item.what.attempt(), %error, "answer not stored");
            } else if self.has_lane(item.what.row().conversation_id).await {
                self.start_lane(item.what.row().conversation_id);
            }
            self.learn_addresses_of_many(item.what.learned().into_iter().collect()).await;
            item.answer(());
        }
    }

    /// Stores what fits; returns those that need more than this.
    async fn store_accepted(&self, items: &[Item]) -> Result<HashSet<MessageId>> {
        let (now, at) = (real_now(), self.now());
        let mut taken: Vec<(&Taken, &Accepted)> = items
            .iter()
            .filter_map(|item| match &item.what.answer {
                Answer::Accepted(accepted) => Some((&item.what, accepted)),
                Answer::Refused(_) | Answer::NeverSent { .. } | Answer::Unknown { .. } => None,
            })
            .collect();
        // In the order in which statuses lock them.
        taken.sort_unstable_by_key(|(item, _)| item.attempt().message);
        let rows = taken.iter().map(|(item, accepted)| {
            let AttemptRef { message, number } = item.attempt();
            [message.into(), number.into(), accepted.wamid.clone().into()]
        });
        let rows = Rows::new([("mid", "uuid"), ("n", "int4"), ("wamid", "text")], rows);
        let tx = self.db.begin().await?;
        let sent = rows.run(&tx, SENT, [MessageStatus::Sent.as_str().into(), at.into()]).await?;
        // With whether a status came before the answer, without an echo.
        let sent = sent.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "parked")?)));
        let sent: HashMap<MessageId, bool> = sent.collect::<Result<_>>()?;
        rows.run(&tx, ENDED, [AttemptOutcome::Sent.as_str().into(), now.into()]).await?;
        for property in properties(items) {
            let scope = Scope { property, at };
            let loud = taken.iter().filter(|(item, _)| {
                let row = item.row();
                row.property_id == property && !row.quiet && sent.contains_key(&row.id)
            });
            let told = loud.map(|(item, accepted)| event_of(&as_sent(item, accepted)));
            event::record_many(&tx, scope, EventType::MessageSent, told.collect::<Vec<_>>()).await?;
        }
        analytics::changed(&tx, at, taken.iter().map(|(item, _)| analytics::counted(item.row()))).await?;
        failpoint::here("answers_before_commit");
        tx.commit().await?;
        failpoint::here("answers_stored");
        // Only now: what was sent by hand until the commit still saw these on the wire.
        lanes_behind(self.db.reader(), items).await?.into_iter().for_each(|lane| self.start_lane(lane));
        let left = items
            .iter()
            .map(|item| item.what.row().id)
            .filter(|id| sent.get(id).is_none_or(|parked| *parked));
        Ok(left.collect())
    }

    async fn has_lane(&self, conversation: ConversationId) -> bool {
        let waiting = message::Entity::find()
            .filter(message::Column::ConversationId.eq(conversation))
            .filter(in_lane());
        matches!(waiting.one(self.db.reader()).await, Ok(Some(_)))
    }
}

fn properties(items: &[Item]) -> HashSet<bellhop_domain::PropertyId> {
    items.iter().map(|item| item.what.row().property_id).collect()
}

/// The status as an expression: by its word, the planner would take the index of what is on the wire, where
/// everything lies that left it since the last vacuum.
const SENT: &str = "\
    UPDATE messages SET status = {0}, wamid = v.wamid, sent_at = {1}, lease_token = NULL, lease_until = NULL, \
    failure = NULL \
    FROM v WHERE messages.id = v.mid AND messages.status || '' = 'sending' AND messages.attempt = v.n \
    AND messages.erased_at IS NULL \
    RETURNING id, EXISTS (SELECT 1 FROM message_statuses s WHERE s.connection_id = messages.connection_id \
    AND s.wamid = messages.wamid AND s.message_id IS NULL) AS parked";

const ENDED: &str = "\
    UPDATE attempts SET outcome = {0}, wamid = v.wamid, ended_at = {1} \
    FROM v WHERE attempts.message_id = v.mid AND attempts.number = v.n AND attempts.outcome = 'calling' \
    AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = v.mid AND m.erased_at IS NOT NULL)";

/// The message as its event tells of it.
fn as_sent(item: &Taken, accepted: &Accepted) -> message::Model {
    message::Model {
        status: MessageStatus::Sent,
        wamid: Some(accepted.wamid.clone()),
        attempt: item.attempt().number,
        guest_id: item.message.guest,
        ..item.row().clone()
    }
}

/// Conversations in which something sent by hand waited for these.
async fn lanes_behind(db: &impl ConnectionTrait, items: &[Item]) -> Result<Vec<ConversationId>> {
    Ok(message::Entity::find()
        .select_only()
        .column(message::Column::ConversationId)
        .distinct()
        .filter(among(
            db,
            message::Column::ConversationId,
            items.iter().map(|item| item.what.row().conversation_id),
        ))
        .filter(in_lane())
        .into_tuple()
        .all(db)
        .await?)
}
