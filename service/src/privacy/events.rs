//! What events say about people, and taking it away.

use bellhop_domain::event::EventType;
use bellhop_domain::{EventId, PropertyId, SubscriptionId};
use bellhop_entity::{delivery, delivery_attempt, event, event_log, subscription};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::{Map, Value, json};

use crate::error::Result;
use crate::event::Scope;
use crate::rows::{Rows, among};

/// What is put in a field's place, so that the event keeps its shape.
#[derive(Clone, Copy)]
enum Blank {
    Null,
    Empty,
    /// Of a content only its kind.
    Kind,
    /// Name, language and tier, unknown.
    Person,
}

use Blank::{Empty, Kind, Null, Person};

/// The one table of what events say about people, by their fields. Ids stay; so do rating and times, by which days
/// are counted.
const fn personal(event: EventType) -> &'static [(&'static str, Blank)] {
    match event {
        EventType::InboundMessage => &[
            ("guest", Person),
            ("stay", Null),
            ("message_content", Empty),
            ("content", Kind),
            ("wamid", Empty),
            ("guest_phone", Null),
        ],
        EventType::MediaReceived => &[("filename", Null), ("caption", Null)],
        EventType::MessageEdited | EventType::MessageRevoked => {
            &[("message_content", Empty), ("content", Kind), ("wamid", Null)]
        }
        EventType::MessageQueued
        | EventType::MessageSent
        | EventType::MessageDelivered
        | EventType::MessageRead
        | EventType::MessageFailed
        | EventType::MessageExpired
        | EventType::MessageInDoubt => &[("wamid", Null), ("failure", Null), ("metadata", Null)],
        EventType::GuestCreated => &[("name", Null)],
        EventType::GuestUpdated => &[("name", Null), ("guest", Person), ("stay", Null)],
        EventType::BatchAccepted
        | EventType::BatchProgress
        | EventType::BatchPaused
        | EventType::BatchResumed
        | EventType::BatchStopped
        | EventType::BatchCancelled
        | EventType::BatchCompleted
        | EventType::ConversationOpened
        | EventType::ConversationAssigned
        | EventType::ConversationResolved
        | EventType::ConversationReopened
        | EventType::WindowOpened
        | EventType::WindowClosing
        | EventType::WindowClosed
        | EventType::GuestMerged
        | EventType::GuestErased
        | EventType::GuestOptedIn
        | EventType::GuestOptedOut
        | EventType::TemplateStatusChanged
        | EventType::TemplateCategoryChanged
        | EventType::TemplateQualityChanged
        | EventType::ConnectionStatusChanged
        | EventType::SubscriptionStatusChanged => &[],
    }
}

/// The data without what it says about a person.
fn without_person(event: EventType, mut data: Value) -> Value {
    if let Some(fields) = data.as_object_mut() {
        for (name, blank) in personal(event) {
            let Some(value) = fields.get_mut(*name) else { continue };
            *value = match blank {
                Null => Value::Null,
                Empty => "".into(),
                Kind => kind_of(value),
                Person => json!({"name": null, "language": null, "tier": null}),
            };
        }
    }
    data
}

fn kind_of(content: &Value) -> Value {
    let kind = content.get("type").cloned().map(|kind| ("type".to_owned(), kind));
    Value::Object(Map::from_iter(kind))
}

/// Events with personal fields that nobody has taken away, up to `most`.
pub(super) async fn some(
    db: &impl ConnectionTrait,
    property: PropertyId,
    wanted: impl IntoIterator<Item = Expr>,
    most: u64,
) -> Result<Vec<event::Model>> {
    let mut query = event::Entity::find()
        .filter(event::Column::PropertyId.eq(property))
        .filter(event::Column::ErasedAt.is_null());
    for wanted in wanted {
        query = query.filter(wanted);
    }
    Ok(query.order_by_asc(event::Column::Number).limit(most).all(db).await?)
}

const BARE: &str = "UPDATE events SET data = v.data, erased_at = {0} FROM v WHERE events.serial = v.serial";

/// Overwrites these events in place, and what receivers answered to their deliveries: it may quote them.
pub(super) async fn overwrite(tx: &DatabaseTransaction, scope: Scope, rows: Vec<event::Model>) -> Result<()> {
    let ids: Vec<EventId> = rows.iter().map(|row| row.id).collect();
    let bare = rows
        .into_iter()
        .filter(|row| !personal(row.event).is_empty())
        .map(|row| [row.serial.into(), without_person(row.event, row.data).into()]);
    let bare = Rows::new([("serial", "int8"), ("data", "jsonb")], bare);
    if !bare.is_empty() {
        bare.run(tx, BARE, [scope.at.into()]).await?;
    }
    overwrite_answers(tx, scope.property, ids).await
}

async fn overwrite_answers(tx: &DatabaseTransaction, property: PropertyId, ids: Vec<EventId>) -> Result<()> {
    use delivery_attempt::Column;
    let subscriptions: Vec<SubscriptionId> = subscription::Entity::find()
        .select_only()
        .column(subscription::Column::Id)
        .filter(subscription::Column::PropertyId.eq(property))
        .into_tuple()
        .all(tx)
        .await?;
    if subscriptions.is_empty() || ids.is_empty() {
        return Ok(());
    }
    let deliveries = Query::select()
        .column(delivery::Column::Id)
        .from(delivery::Entity)
        .and_where(delivery::Column::SubscriptionId.is_in(subscriptions))
        .and_where(among(tx, delivery::Column::EventId, ids))
        .to_owned();
    delivery_attempt::Entity::update_many()
        .col_expr(Column::Answer, Expr::value(""))
        .filter(Column::DeliveryId.in_subquery(deliveries))
        .filter(Column::Answer.ne(""))
        .exec(tx)
        .await?;
    Ok(())
}

/// Remembers up to which number retention is.
pub(super) async fn overwritten_to(
    tx: &DatabaseTransaction,
    property: PropertyId,
    number: i64,
) -> Result<()> {
    event_log::Entity::update_many()
        .col_expr(event_log::Column::OverwrittenTo, Expr::value(number))
        .filter(event_log::Column::PropertyId.eq(property))
        .filter(event_log::Column::OverwrittenTo.lt(number))
        .exec(tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_its_ids_and_its_shape() {
        let data = json!({
            "message_id": "msg_1", "guest": {"name": "Ana", "language": "de", "tier": null}, "stay": {"room": "7"},
            "message_content": "hello", "content": {"type": "text", "text": "hello"}, "wamid": "wamid.x",
            "guest_phone": "+43660",
        });
        let bare = json!({
            "message_id": "msg_1", "guest": {"name": null, "language": null, "tier": null}, "stay": null,
            "message_content": "", "content": {"type": "text"}, "wamid": "", "guest_phone": null,
        });
        assert_eq!(without_person(EventType::InboundMessage, data), bare);
    }
}
