//! What changes after its day was added up: the day is marked, and the worker adds it up again.
//!
//! A mark is a row of its own, written in the transaction of the change: nobody waits for anybody, and whoever
//! reads a mark sees the change too. `roll_up` removes the marks that it read before it counted, and no others.

use std::collections::BTreeSet;

use bellhop_domain::conversation::Direction;
use bellhop_domain::inbound::InboundMessage;
use bellhop_domain::{ConnectionId, ConversationId, MessageStatus, PropertyId};
use bellhop_entity::{analytics_mark, batch, message};
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::OPEN_FOR;
use crate::conversation::{by_hand, reaches};
use crate::error::Result;
use crate::event::Scope;

/// Not every clock agrees, and a change commits a moment after it was looked at.
const SLACK: TimeDelta = TimeDelta::hours(1);

/// A property's moment.
pub(crate) type Moment = (PropertyId, DateTime<Utc>);

/// When a message counts: when it was handed in or came in, or the time for which it was scheduled. It never
/// changes, whatever becomes of the message.
pub(crate) fn counted(row: &message::Model) -> Moment {
    (row.property_id, row.send_at.unwrap_or(row.created_at))
}

/// Tells that something changed in what counts at these times.
pub(crate) async fn changed(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    moments: impl IntoIterator<Item = Moment>,
) -> Result<()> {
    let closed = now - OPEN_FOR + SLACK;
    let hours: BTreeSet<Moment> = moments
        .into_iter()
        .filter(|(_, at)| *at < closed)
        .filter_map(|(property, at)| Some((property, at.duration_trunc(TimeDelta::hours(1)).ok()?)))
        .collect();
    if hours.is_empty() {
        return Ok(());
    }
    let rows = hours.into_iter().map(|(property, hour)| analytics_mark::ActiveModel {
        id: Set(Uuid::now_v7()),
        property_id: Set(property),
        hour: Set(hour),
    });
    analytics_mark::Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
}

/// As [`changed`], for many messages of a batch: all of them count at the same time.
pub(crate) async fn batch_changed(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    row: &batch::Model,
) -> Result<()> {
    changed(tx, now, [(row.property_id, row.send_at.unwrap_or(row.created_at))]).await
}

/// As [`changed`], for a message that was settled. Where it stops being an answer, or becomes one, the answer
/// after it took more or less time.
pub(crate) async fn settled(
    tx: &DatabaseTransaction,
    now: DateTime<Utc>,
    before: &message::Model,
    row: &message::Model,
) -> Result<()> {
    let mut moments = vec![counted(row)];
    if by_hand(row) && reaches(before.status) != reaches(row.status) {
        let after = message::Entity::find()
            .filter(message::Column::ConversationId.eq(row.conversation_id))
            .filter(message::Column::Seq.gt(row.seq))
            .filter(message::Column::Direction.eq(Direction::Outbound))
            .filter(message::Column::BatchId.is_null())
            .filter(message::Column::FallbackFor.is_null())
            .filter(message::Column::Status.is_in(reaching()))
            .order_by_asc(message::Column::Seq)
            .limit(1);
        moments.extend(moments_of(tx, after, row.property_id).await?);
    }
    changed(tx, now, moments).await
}

/// As [`changed`], for two conversations that became one: what answers what is another matter now.
pub(crate) async fn folded(
    tx: &DatabaseTransaction,
    scope: Scope,
    conversation: ConversationId,
) -> Result<()> {
    let outbound = message::Entity::find()
        .filter(message::Column::ConversationId.eq(conversation))
        .filter(message::Column::Direction.eq(Direction::Outbound));
    let moments = moments_of(tx, outbound, scope.property).await?;
    changed(tx, scope.at, moments).await
}

/// As [`changed`], for the message that a guest answers by a tap.
pub(crate) async fn tapped(
    tx: &DatabaseTransaction,
    scope: Scope,
    connection: ConnectionId,
    inbound: &InboundMessage,
) -> Result<()> {
    let Some(wamid) = inbound.reply_to.as_ref().filter(|_| inbound.content.is_tap()) else {
        return Ok(());
    };
    let answered = message::Entity::find()
        .filter(message::Column::ConnectionId.eq(connection))
        .filter(message::Column::Wamid.eq(wamid));
    let moments = moments_of(tx, answered, scope.property).await?;
    changed(tx, scope.at, moments).await
}

async fn moments_of(
    tx: &DatabaseTransaction,
    messages: Select<message::Entity>,
    property: PropertyId,
) -> Result<Vec<Moment>> {
    let times: Vec<(Option<DateTime<Utc>>, DateTime<Utc>)> = messages
        .select_only()
        .columns([message::Column::SendAt, message::Column::CreatedAt])
        .into_tuple()
        .all(tx)
        .await?;
    Ok(times.into_iter().map(|(send_at, created_at)| (property, send_at.unwrap_or(created_at))).collect())
}

/// The states of a message that answers.
pub(super) fn reaching() -> impl Iterator<Item = MessageStatus> {
    MessageStatus::ALL.iter().copied().filter(|status| reaches(*status))
}
