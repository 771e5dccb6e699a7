//! What a partner gets: made when it is sent, from the event's row, so that nothing erased goes out.

use std::time::{Duration, Instant};

use bellhop_domain::delivery::DeliveryStatus;
use bellhop_domain::event::EventType;
use bellhop_domain::ports::{WEBHOOK_AGENT, WebhookBody, WebhookRequest};
use bellhop_domain::signing::{SigningSecret, signatures};
use bellhop_domain::{EventId, PropertyId};
use bellhop_entity::{delivery, event};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::line::Item;
use crate::app::App;
use crate::db::real_now;
use crate::error::Result;
use crate::event::rfc3339;

/// An event, ready to be signed.
pub(crate) struct Message {
    /// The `webhook-id`.
    pub id: EventId,
    body: Bytes,
}

/// So long an event that was just read is not read again: what is erased meanwhile was on its way already.
const FRESH: Duration = Duration::from_secs(1);

/// An event that was read to make deliveries of it.
pub(super) struct Fresh {
    pub event: event::Model,
    until: Instant,
}

impl Fresh {
    pub fn read_now(event: event::Model) -> Self {
        Self { event, until: Instant::now() + FRESH }
    }

    fn still(&self) -> Option<&event::Model> {
        (Instant::now() < self.until).then_some(&self.event)
    }
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
}

impl App {
    /// What a delivery is about: the event as its row has it now, with addresses of files that are good from now
    /// on. `None` when it is not pending any more.
    pub(super) async fn message_of(&self, item: &Item) -> Result<Option<Message>> {
        if let Some(event) = item.fresh.as_ref().and_then(|fresh| fresh.still()) {
            return Ok(Some(self.tell(event.clone())));
        }
        let pending = delivery::Entity::find_by_id(item.id)
            .select_only()
            .column(delivery::Column::EventId)
            .filter(delivery::Column::Status.eq(DeliveryStatus::Pending));
        let row = event::Entity::find().filter(event::Column::Id.in_subquery(pending.into_query()));
        Ok(row.one(self.db.reader()).await?.map(|row| self.tell(row)))
    }

    fn tell(&self, row: event::Model) -> Message {
        let data = self.told_now(row.property_id, row.event, row.data);
        let body = Body {
            id: row.id,
            event: EventType::as_str(row.event),
            created_at: rfc3339(row.created_at),
            sequence: row.number,
            property_id: Some(row.property_id),
            data: &data,
        };
        Message { id: row.id, body: text(&body) }
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
    let (id, body) = (message.id.to_string(), message.body.clone());
    let timestamp = real_now().timestamp();
    let signature = signatures(secrets, &id, timestamp, &body);
    let headers = vec![
        ("webhook-id", id),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signature),
    ];
    (WebhookRequest { url: url.to_owned(), headers, body: WebhookBody::Json(body) }, timestamp)
}

/// What the log of attempts shows of a request. A signature's beginning is enough to compare it by.
pub(super) fn logged(request: &WebhookRequest) -> Value {
    let (method, body_bytes) = match &request.body {
        WebhookBody::Json(body) => ("POST", body.len()),
        WebhookBody::Query(_) => ("GET", 0),
    };
    let shown = |name: &str, value: &str| match name {
        "webhook-signature" => value.split(' ').map(beginning).collect::<Vec<_>>().join(" "),
        _ => value.to_owned(),
    };
    let mut headers: Map<String, Value> =
        request.headers.iter().map(|(name, value)| ((*name).to_owned(), shown(name, value).into())).collect();
    headers.insert("content-type".to_owned(), "application/json".into());
    headers.insert("user-agent".to_owned(), WEBHOOK_AGENT.into());
    json!({"method": method, "headers": headers, "body_bytes": body_bytes})
}

fn beginning(signature: &str) -> String {
    format!("{}…", signature.chars().take("v1,".len() + 6).collect::<String>())
}
