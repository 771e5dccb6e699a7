//! The event log's writing side.

use bellhop_domain::event::EventType;
use bellhop_domain::{EventId, PropertyId};
use bellhop_entity::event;
use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{DatabaseTransaction, DbErr, EntityTrait};
use serde_json::Value;

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
) -> Result<(), DbErr> {
    event::Entity::insert(row(scope, event, data)).exec_without_returning(tx).await.map(|_| ())
}

/// As [`record`], for many of one kind.
pub(crate) async fn record_many(
    tx: &DatabaseTransaction,
    scope: Scope,
    event: EventType,
    data: impl IntoIterator<Item = Value>,
) -> Result<(), DbErr> {
    let rows: Vec<_> = data.into_iter().map(|data| row(scope, event, data)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    event::Entity::insert_many(rows).exec_without_returning(tx).await.map(|_| ())
}

fn row(scope: Scope, event: EventType, data: Value) -> event::ActiveModel {
    event::ActiveModel {
        serial: NotSet,
        id: Set(EventId::new()),
        property_id: Set(scope.property),
        event: Set(event),
        data: Set(data),
        created_at: Set(scope.at),
        number: Set(None),
    }
}
