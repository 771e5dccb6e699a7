//! The event log: written with the change ([`record`]), numbered by the sequencer (`number`), read by its
//! numbers (`read`) and as it goes on (`feed`).

mod feed;
mod number;
mod read;

use bellhop_domain::event::EventType;
use bellhop_domain::{EventId, PropertyId};
use bellhop_entity::event;
use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{DatabaseTransaction, EntityTrait};
use serde_json::Value;

use crate::error::Result;
use crate::rows::Rows;

pub(crate) use feed::Feeds;
pub use feed::{EventFeed, From, Live};
pub use read::{Event, EventFilter, EventPage};

/// Where and when something happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    pub property: PropertyId,
    pub at: DateTime<Utc>,
}

/// A time as the API writes it: UTC with milliseconds.
pub(crate) fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Writes an event in the transaction of the change it tells of. The sequencer numbers it later.
pub(crate) async fn record(
    tx: &DatabaseTransaction,
    scope: Scope,
    event: EventType,
    data: Value,
) -> Result<()> {
    record_one(tx, scope, event, data).await.map(|_| ())
}

/// As [`record`]; the event's id.
pub(crate) async fn record_one(
    tx: &DatabaseTransaction,
    scope: Scope,
    event: EventType,
    data: Value,
) -> Result<EventId> {
    let id = EventId::new();
    event::Entity::insert(row(id, scope, event, data)).exec_without_returning(tx).await?;
    Ok(id)
}

/// As [`record`], for many of one kind.
pub(crate) async fn record_many(
    tx: &DatabaseTransaction,
    scope: Scope,
    event: EventType,
    data: impl IntoIterator<Item = Value>,
) -> Result<()> {
    let all = data.into_iter().map(|data| (scope.property, event, data)).collect();
    record_all(tx, scope.at, all).await
}

/// As [`record`], for many of any kind, in their order.
pub(crate) async fn record_all(
    tx: &DatabaseTransaction,
    at: DateTime<Utc>,
    events: Vec<(PropertyId, EventType, Value)>,
) -> Result<()> {
    let columns = [("id", "uuid"), ("pid", "uuid"), ("event", "text"), ("data", "jsonb")];
    let row = |(property, event, data): (PropertyId, EventType, Value)| {
        [EventId::new().into(), property.into(), event.as_str().into(), data.into()]
    };
    let rows = Rows::new(columns, events.into_iter().map(row));
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO events (id, property_id, event, data, created_at) SELECT id, pid, event, data, {0} FROM v";
    rows.run(tx, sql, [at.into()]).await?;
    Ok(())
}

fn row(id: EventId, scope: Scope, event: EventType, data: Value) -> event::ActiveModel {
    event::ActiveModel {
        serial: NotSet,
        id: Set(id),
        property_id: Set(scope.property),
        event: Set(event),
        data: Set(data),
        created_at: Set(scope.at),
        number: Set(None),
        erased_at: Set(None),
    }
}
