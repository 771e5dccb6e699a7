//! How a message changes its state, by the one table of moves.

use bellhop_domain::MessageStatus;
use bellhop_domain::error_table::OwnReason;
use bellhop_domain::event::EventType;
use bellhop_domain::pricing::Pricing;
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::status::Evidence;
use bellhop_entity::{connection, message, outbox};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};

use crate::analytics;
use crate::batch;
use crate::connection::vouched_ms;
use crate::db::real_now;
use crate::error::Result;
use crate::event::{self, Scope};
use crate::privacy::{bare_failure, hidden};

/// A move that somebody has evidence for.
#[derive(Debug)]
pub(crate) struct Change {
    pub to: MessageStatus,
    pub evidence: Evidence,
    /// The provider's own time of it.
    pub at: Option<DateTime<Utc>>,
    pub wamid: Option<String>,
    /// Why it failed, or waits.
    pub failure: Option<ProviderError>,
    /// What the provider says of its price.
    pub pricing: Option<Pricing>,
    /// When a queued message is tried again; at once if absent.
    pub due_at: Option<DateTime<Utc>>,
}

impl Change {
    pub fn to(to: MessageStatus, evidence: Evidence) -> Self {
        Self { to, evidence, at: None, wamid: None, failure: None, pricing: None, due_at: None }
    }

    pub fn failed(failure: ProviderError, evidence: Evidence) -> Self {
        Self { failure: Some(failure), ..Self::to(MessageStatus::Failed, evidence) }
    }
}

/// Makes the move if the table allows it, with all that belongs to it: times, outbox row, event.
/// News that come late still fill in the times that they tell.
pub(crate) async fn settle(
    tx: &DatabaseTransaction,
    scope: Scope,
    row: message::Model,
    change: Change,
) -> Result<message::Model> {
    let row = settle_once(tx, scope, row, change).await?;
    match row.status {
        // There is nothing left that could be sent again, and nobody who could decide.
        MessageStatus::Queued if row.erased_at.is_some() => {
            settle_once(tx, scope, row, Change::to(MessageStatus::Cancelled, Evidence::Dispatch)).await
        }
        MessageStatus::InDoubt if row.erased_at.is_some() => {
            let given_up = Change::failed(ProviderError::own(OwnReason::GivenUp), Evidence::Decision);
            settle_once(tx, scope, row, given_up).await
        }
        MessageStatus::Scheduled
        | MessageStatus::Queued
        | MessageStatus::Sending
        | MessageStatus::Sent
        | MessageStatus::Delivered
        | MessageStatus::Read
        | MessageStatus::Failed
        | MessageStatus::InDoubt
        | MessageStatus::Expired
        | MessageStatus::Cancelled
        | MessageStatus::Received => Ok(row),
    }
}

async fn settle_once(
    tx: &DatabaseTransaction,
    scope: Scope,
    row: message::Model,
    change: Change,
) -> Result<message::Model> {
    let (mut new, moved) = step(scope, &row, &change)?;
    if moved {
        move_to(tx, &mut new, &row, &change).await?;
    }
    if !new.is_changed() {
        return Ok(row);
    }
    let before = row;
    let row = new.update(tx).await?;
    analytics::settled(tx, scope.at, &before, &row).await?;
    if moved {
        tell(tx, scope, &row).await?;
    }
    Ok(row)
}

/// The row after a move that leads to no attempt and no doubt, and whether it is one.
pub(crate) fn step(
    scope: Scope,
    row: &message::Model,
    change: &Change,
) -> Result<(message::ActiveModel, bool)> {
    let moved = row.status.go(change.to, change.evidence)?;
    let mut new = row.clone().into_active_model();
    stamp(&mut new, row, change, scope, moved);
    if row.wamid.is_none() && change.wamid.is_some() {
        new.wamid = Set(change.wamid.as_deref().map(|wamid| kept_wamid(row, wamid)));
    }
    // Said with several statuses, and the same each time.
    if row.pricing.is_none() && change.pricing.is_some() {
        new.pricing = Set(change.pricing.as_ref().and_then(|pricing| serde_json::to_value(pricing).ok()));
    }
    if moved {
        new.status = Set(change.to);
        new.lease_token = Set(None);
        new.lease_until = Set(None);
        let failure = change.failure.as_ref().and_then(|failure| serde_json::to_value(failure).ok());
        new.failure = Set(kept_failure(row, failure));
        new.in_doubt_since = Set(None);
        new.in_doubt_mark_ms = Set(None);
        if change.to != MessageStatus::Failed && row.failed_at.is_some() {
            new.failed_at = Set(None);
        }
    }
    Ok((new, moved))
}

/// What of a wamid may stand in a message's rows.
pub(crate) fn kept_wamid(row: &message::Model, wamid: &str) -> String {
    if row.erased_at.is_some() { hidden(wamid) } else { wamid.to_owned() }
}

/// What of a refusal may stand in a message's rows.
pub(crate) fn kept_failure(row: &message::Model, failure: Option<Value>) -> Option<Value> {
    if row.erased_at.is_some() { bare_failure(failure) } else { failure }
}

fn stamp(new: &mut message::ActiveModel, row: &message::Model, change: &Change, scope: Scope, moved: bool) {
    let echoed = change.evidence == Evidence::Echo;
    let at = change.at.unwrap_or(scope.at);
    match change.to {
        // The provider's own time of sending replaces ours.
        MessageStatus::Sent if (echoed && row.sent_at != Some(at)) || row.sent_at.is_none() => {
            new.sent_at = Set(Some(at));
        }
        MessageStatus::Delivered if row.delivered_at.is_none() => new.delivered_at = Set(Some(at)),
        MessageStatus::Read if row.read_at.is_none() => new.read_at = Set(Some(at)),
        MessageStatus::Failed if moved => new.failed_at = Set(Some(at)),
        MessageStatus::Sent
        | MessageStatus::Delivered
        | MessageStatus::Read
        | MessageStatus::Failed
        | MessageStatus::Scheduled
        | MessageStatus::Queued
        | MessageStatus::Sending
        | MessageStatus::InDoubt
        | MessageStatus::Expired
        | MessageStatus::Cancelled
        | MessageStatus::Received => {}
    }
}

/// What of a move is written elsewhere, or read there.
async fn move_to(
    tx: &DatabaseTransaction,
    new: &mut message::ActiveModel,
    row: &message::Model,
    change: &Change,
) -> Result<()> {
    if change.to == MessageStatus::InDoubt {
        new.in_doubt_since = Set(Some(real_now()));
        new.in_doubt_mark_ms = Set(Some(alive_ms(tx, row).await?));
    }
    if change.to == MessageStatus::Queued {
        let due = change.due_at.unwrap_or_else(real_now);
        new.due_at = Set(due);
        // A refusal, however late, is the batch's; a decision stands for itself.
        let refused = change.evidence == Evidence::Dispatch || change.failure.is_some();
        queue_again(tx, new, row, (refused, due)).await?;
    } else {
        outbox::Entity::delete_by_id(row.id).exec(tx).await?;
    }
    Ok(())
}

/// A batch goes on with what was refused for now, in its own time: the message gives up its place in
/// the conversation. What somebody decided about goes out by itself, as if sent by hand.
async fn queue_again(
    tx: &DatabaseTransaction,
    new: &mut message::ActiveModel,
    row: &message::Model,
    (refused, due): (bool, DateTime<Utc>),
) -> Result<()> {
    match (row.batch_id, row.batch_chunk) {
        (Some(batch), Some(chunk)) if refused => {
            new.seq = Set(None);
            batch::reopen(tx, batch, chunk, due).await
        }
        _ => {
            new.batch_chunk = Set(None);
            to_outbox(tx, row, due).await
        }
    }
}

/// The connection's time with webhooks getting through, which the horizon counts from here on.
async fn alive_ms(db: &impl ConnectionTrait, row: &message::Model) -> Result<i64> {
    let connection = connection::Entity::find_by_id(row.connection_id).one(db).await?;
    // With the time that the next webhook will vouch for and that lies before this doubt.
    let vouched = |c: connection::Model| c.webhook_alive_ms + vouched_ms(c.webhook_seen_at, real_now());
    Ok(connection.map_or(0, vouched))
}

async fn to_outbox(tx: &DatabaseTransaction, row: &message::Model, due: DateTime<Utc>) -> Result<()> {
    let entry = outbox::ActiveModel {
        message_id: Set(row.id),
        property_id: Set(row.property_id),
        conversation_id: Set(row.conversation_id),
        publish_at: Set(due),
    };
    let known =
        OnConflict::column(outbox::Column::MessageId).update_column(outbox::Column::PublishAt).to_owned();
    outbox::Entity::insert(entry).on_conflict(known).exec_without_returning(tx).await?;
    Ok(())
}

/// Writes the event of a message's present state, if that has one.
pub(crate) async fn tell(tx: &DatabaseTransaction, scope: Scope, row: &message::Model) -> Result<()> {
    let Some(event) = EventType::of_status(row.status).filter(|_| !row.quiet) else { return Ok(()) };
    event::record(tx, scope, event, event_of(row)).await?;
    Ok(())
}

/// A message as its events tell of it.
pub(crate) fn event_of(row: &message::Model) -> Value {
    json!({
        "message_id": row.id, "conversation_id": row.conversation_id, "guest_id": row.guest_id,
        "message_type": row.content.kind(), "status": row.status, "wamid": row.wamid,
        "attempt": row.attempt, "failure": row.failure,
        "due_at": (row.status == MessageStatus::Queued).then(|| event::rfc3339(row.due_at)),
        "sent_twice": row.sent_twice, "staff_member_id": row.staff_member_id, "metadata": row.metadata,
        "batch_id": row.batch_id, "fell_back": row.fell_back, "fallback_for": row.fallback_for,
    })
}
