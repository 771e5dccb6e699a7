//! What a partner gets: made when it is sent, from the event's row, so that nothing erased goes out.

use bellhop_domain::event::EventType;
use bellhop_domain::ports::{WebhookBody, WebhookRequest};
use bellhop_domain::signing::{SigningSecret, signatures};
use bellhop_domain::{EventId, PropertyId};
use bellhop_entity::event;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::Serialize;
use serde_json::Value;

use crate::app::App;
use crate::db::real_now;
use crate::error::{Error, Result};
use crate::event::rfc3339;

/// An event, ready to be signed.
pub(crate) struct Message {
    /// The `webhook-id`.
    pub id: EventId,
    body: Bytes,
}

/// The guides' `event` and `data`, and what else an event has.
#[derive(Serialize)]
struct Body<'a> {
    id: EventId,
    event: &'a str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    property_id: Option<PropertyId>,
    data: &'a Value,
}

impl Message {
    /// One that stands in no log.
    pub fn own(id: EventId, event: &str, at: DateTime<Utc>, data: Value) -> Self {
        let body =
            Body { id, event, created_at: rfc3339(at), sequence: None, property_id: None, data: &data };
        Self { id, body: text(&body) }
    }

    fn of(row: &event::Model) -> Self {
        let body = Body {
            id: row.id,
            event: EventType::as_str(row.event),
            created_at: rfc3339(row.created_at),
            sequence: row.number,
            property_id: Some(row.property_id),
            data: &row.data,
        };
        Self { id: row.id, body: text(&body) }
    }
}

impl App {
    /// The event as its row has it now.
    pub(super) async fn message_of(&self, id: EventId) -> Result<Message> {
        let row = event::Entity::find().filter(event::Column::Id.eq(id)).one(self.db.reader()).await?;
        row.as_ref().map(Message::of).ok_or_else(|| Error::not_found("event"))
    }
}

fn text(body: &Body) -> Bytes {
    // Texts, numbers and values always have a JSON form.
    serde_json::to_vec(body).unwrap_or_default().into()
}

/// The request, and its `webhook-timestamp`.
pub(crate) fn signed<'a>(
    url: &str,
    secrets: impl IntoIterator<Item = &'a SigningSecret>,
    message: &Message,
) -> (WebhookRequest, i64) {
    let id = message.id.to_string();
    let timestamp = real_now().timestamp();
    let signature = signatures(secrets, &id, timestamp, &message.body);
    let headers = vec![
        ("webhook-id", id),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signature),
    ];
    let body = WebhookBody::Json(message.body.clone());
    (WebhookRequest { url: url.to_owned(), headers, body }, timestamp)
}
