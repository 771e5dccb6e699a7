//! A status of one of our messages.

use bellhop_domain::attempt::{AttemptOutcome, AttemptRef};
use bellhop_domain::inbound::{DeliveryStatus, Item, StatusUpdate};
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::status::Evidence;
use bellhop_domain::{ConnectionId, GuestId, MessageStatus, PropertyId};
use bellhop_entity::{attempt, message, message_status};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};

use super::AfterCommit;
use crate::connection::OpenConnection;
use crate::consent;
use crate::db::real_now;
use crate::dispatch::{
    Change, fallback_of, find_attempt, flag_double, kept_failure, kept_wamid, proven_attempts, settle,
    settle_attempt,
};
use crate::error::Result;
use crate::event::Scope;
use crate::guest;
use crate::send::insert_scheduled;

/// Applies a status once, to the message that it echoes or whose wamid it has.
pub(super) async fn apply(
    tx: &DatabaseTransaction,
    scope: Scope,
    connection: &OpenConnection,
    update: StatusUpdate,
    after: &mut AfterCommit,
) -> Result<()> {
    let attempt = attempt_of(tx, connection.id, &update).await?;
    if !note(tx, scope, connection.id, &update, attempt).await? {
        return Ok(());
    }
    // An answer that is not stored yet may bring the wamid: the status waits for it.
    let Some(attempt) = attempt else { return Ok(()) };
    apply_noted(tx, scope, connection.id, (attempt, update), after).await
}

/// Applies a status that is written down, to its attempt's message.
pub(super) async fn apply_noted(
    tx: &DatabaseTransaction,
    scope: Scope,
    connection: ConnectionId,
    (attempt, update): (AttemptRef, StatusUpdate),
    after: &mut AfterCommit,
) -> Result<()> {
    let Some(row) = lock_own(tx, connection, attempt).await? else { return Ok(()) };
    let held = row.status.holds_the_lane();
    let guest = row.guest_id;
    let row = apply_to(tx, scope, row, attempt, &update).await?;
    if held && !row.status.holds_the_lane() {
        after.lanes.push(row.conversation_id);
    }
    after.learn(guest, scope.property, &update);
    Ok(())
}

/// A status among the items of a change, with whose it is.
pub(super) fn of<'a>(
    connection: &'a OpenConnection,
    item: &'a Item,
) -> Option<(&'a OpenConnection, &'a StatusUpdate)> {
    match item {
        Item::Status(update) => Some((connection, update)),
        Item::Message(_) | Item::Revision(_) | Item::Template(_) | Item::Preference(_) | Item::Kept => None,
    }
}

/// Holds the guests of whom these say that they have stopped marketing: guests are locked before messages.
pub(super) async fn hold_guests(
    tx: &DatabaseTransaction,
    updates: impl Iterator<Item = (&OpenConnection, &StatusUpdate)>,
) -> Result<()> {
    let mut guests: Vec<(GuestId, PropertyId)> = Vec::new();
    for (connection, update) in updates.filter(|(_, update)| says_marketing_stopped(update)) {
        let Some(attempt) = attempt_of(tx, connection.id, update).await? else { continue };
        let row = message::Entity::find_by_id(attempt.message)
            .filter(message::Column::ConnectionId.eq(connection.id))
            .one(tx)
            .await?;
        guests.extend(row.map(|row| (row.guest_id, row.property_id)));
    }
    consent::hold_all(tx, guests).await
}

fn says_marketing_stopped(update: &StatusUpdate) -> bool {
    update.error.as_ref().is_some_and(ProviderError::says_marketing_stopped)
}

/// Statuses that came without an echo, before the answer of their attempt was stored.
pub(crate) async fn apply_parked(
    tx: &DatabaseTransaction,
    scope: Scope,
    (mut row, attempt): (message::Model, AttemptRef),
    wamid: &str,
) -> Result<message::Model> {
    use message_status::Column;
    let parked = message_status::Entity::find()
        .filter(Column::ConnectionId.eq(row.connection_id))
        .filter(Column::Wamid.eq(wamid))
        .filter(Column::MessageId.is_null())
        .all(tx)
        .await?;
    for status in parked {
        let update = StatusUpdate {
            wamid: status.wamid,
            status: status.status,
            timestamp: status.timestamp,
            attempt: Some(attempt),
            wa_id: None,
            bsuid: None,
            error: status.error.and_then(|error| serde_json::from_value(error).ok()),
            pricing: status.pricing.and_then(|pricing| serde_json::from_value(pricing).ok()),
        };
        row = apply_to(tx, scope, row, attempt, &update).await?;
        unpark(tx, row.connection_id, &update, attempt).await?;
    }
    Ok(row)
}

/// Gives a parked status its attempt; `false` when it has one.
async fn unpark(
    tx: &DatabaseTransaction,
    connection: ConnectionId,
    update: &StatusUpdate,
    attempt: AttemptRef,
) -> Result<bool> {
    use message_status::Column;
    let unparked = message_status::Entity::update_many()
        .col_expr(Column::MessageId, Expr::value(attempt.message))
        .col_expr(Column::Attempt, Expr::value(attempt.number))
        .filter(Column::ConnectionId.eq(connection))
        .filter(Column::Wamid.eq(&update.wamid))
        .filter(Column::Status.eq(update.status))
        .filter(Column::MessageId.is_null())
        .exec(tx)
        .await?;
    Ok(unparked.rows_affected == 1)
}

/// The echo decides; without one, the wamid of a stored answer.
async fn attempt_of(
    tx: &DatabaseTransaction,
    connection: ConnectionId,
    update: &StatusUpdate,
) -> Result<Option<AttemptRef>> {
    if let Some(echoed) = update.attempt {
        return Ok(Some(echoed));
    }
    let row = attempt::Entity::find()
        .filter(attempt::Column::ConnectionId.eq(connection))
        .filter(attempt::Column::Wamid.eq(&update.wamid))
        .one(tx)
        .await?;
    Ok(row.map(|row| AttemptRef { message: row.message_id, number: row.number }))
}

/// The message, if it and the attempt exist on this very connection; locked.
async fn lock_own(
    tx: &DatabaseTransaction,
    connection: ConnectionId,
    attempt: AttemptRef,
) -> Result<Option<message::Model>> {
    let row = message::Entity::find_by_id(attempt.message)
        .filter(message::Column::ConnectionId.eq(connection))
        .filter(message::Column::Attempt.gte(attempt.number))
        .lock_exclusive()
        .one(tx)
        .await?;
    Ok(row)
}

/// Writes the status down; `false` when it was there and has had its effect.
async fn note(
    tx: &DatabaseTransaction,
    scope: Scope,
    connection: ConnectionId,
    update: &StatusUpdate,
    attempt: Option<AttemptRef>,
) -> Result<bool> {
    let parked = update.pricing.as_ref().filter(|_| attempt.is_none());
    let row = message_status::ActiveModel {
        connection_id: Set(connection),
        wamid: Set(update.wamid.clone()),
        status: Set(update.status),
        property_id: Set(scope.property),
        message_id: Set(attempt.map(|attempt| attempt.message)),
        attempt: Set(attempt.map(|attempt| attempt.number)),
        timestamp: Set(update.timestamp),
        error: Set(update.error.as_ref().and_then(|error| serde_json::to_value(error).ok())),
        pricing: Set(parked.and_then(|pricing| serde_json::to_value(pricing).ok())),
        received_at: Set(real_now()),
    };
    let new = message_status::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    match attempt {
        _ if new == 1 => Ok(true),
        // Known, but parked: it raced the storing of its attempt's answer.
        Some(attempt) => unpark(tx, connection, update, attempt).await,
        None => Ok(false),
    }
}

async fn apply_to(
    tx: &DatabaseTransaction,
    scope: Scope,
    row: message::Model,
    attempt: AttemptRef,
    update: &StatusUpdate,
) -> Result<message::Model> {
    let failed = update.status == DeliveryStatus::Failed;
    if failed && says_marketing_stopped(update) {
        // Of whatever attempt, and whatever became of the message since: it is said of the guest.
        consent::note_refusal(tx, scope, &row, Some(update.timestamp)).await?;
    }
    let change = change_of(&row, update);
    // `sent` that comes after this attempt's own `failed` is late, not news.
    let known = find_attempt(tx, attempt).await?;
    let was_failed = known.as_ref().is_some_and(|known| known.outcome == AttemptOutcome::Failed);
    if change.to == MessageStatus::Sent && was_failed {
        return Ok(row);
    }
    let outcome = if failed { AttemptOutcome::Failed } else { AttemptOutcome::Sent };
    let delivered = matches!(row.status, MessageStatus::Delivered | MessageStatus::Read);
    if !(failed && delivered) {
        let error = update.error.as_ref().and_then(|error| serde_json::to_value(error).ok());
        let (wamid, error) = (kept_wamid(&row, &update.wamid), kept_failure(&row, error));
        settle_attempt(tx, known, outcome, (Some(&wamid), error)).await?;
    }
    // A failure counts only for the latest attempt, only if no other one arrived, and not for a
    // message that was queued again in the meantime.
    let superseded = attempt.number != row.attempt || row.status == MessageStatus::Queued;
    if failed && (superseded || proven_attempts(tx, row.id).await? > 0) {
        return Ok(row);
    }
    let before = row.status;
    let row = settle(tx, scope, row, change).await?;
    let closed = update.error.as_ref().is_some_and(ProviderError::says_window_closed);
    if closed && before != MessageStatus::Failed && row.status == MessageStatus::Failed {
        send_instead(tx, scope, &row).await?;
    }
    flag_double(tx, scope, row).await
}

/// A message that the provider took and dropped, because the guest's window had closed, stays what it is: its
/// template goes out as a message of its own, in a moment.
async fn send_instead(tx: &DatabaseTransaction, scope: Scope, dropped: &message::Model) -> Result<()> {
    if dropped.erased_at.is_some() || guest::is_erased(tx, dropped.guest_id).await? {
        return Ok(());
    }
    if let Some(content) = fallback_of(tx, dropped).await? {
        insert_scheduled(tx, scope, dropped, content).await?;
    }
    Ok(())
}

/// What a status says about its message.
pub(super) fn change_of(row: &message::Model, update: &StatusUpdate) -> Change {
    // A quiet one's way ends at `sent`; what came after it proves just that.
    let status = match update.status {
        DeliveryStatus::Delivered | DeliveryStatus::Read if row.quiet => DeliveryStatus::Sent,
        status => status,
    };
    Change {
        at: Some(update.timestamp),
        wamid: Some(update.wamid.clone()),
        failure: update.error.clone(),
        pricing: update.pricing.clone(),
        ..Change::to(status.message_status(), Evidence::Echo)
    }
}
