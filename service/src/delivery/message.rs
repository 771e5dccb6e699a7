//! What a partner gets: made when it is sent, from the event's row, so that nothing erased goes out.

use bellhop_domain::event::EventType;
use bellhop_domain::ports::{WEBHOOK_AGENT, WebhookBody, WebhookRequest};
use bellhop_domain::signing::{SigningSecret, signatures};
use bellhop_domain::{EventId, PropertyId};
use bellhop_entity::event;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::db::real_now;
use crate::event::rfc3339;

/// An event, ready to be signed.
pub(crate) struct Message {
    /// The `webhook-id`.
    pub id: EventId,
    body: Said,
}

/// What its body says.
enum Said {
    /// The same at any time.
    Always(Bytes),
    /// Where a file can be fetched, which changes: made for each attempt.
    AtTheTime(Box<event::Model>),
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
        Self { id, body: Said::Always(text(&body)) }
    }

    pub fn of(row: &event::Model) -> Self {
        let body = if row.event == EventType::MediaReceived {
            Said::AtTheTime(Box::new(row.clone()))
        } else {
            Said::Always(body_of(row, &row.data))
        };
        Self { id: row.id, body }
    }
}

fn body_of(row: &event::Model, data: &Value) -> Bytes {
    let body = Body {
        id: row.id,
        event: EventType::as_str(row.event),
        created_at: rfc3339(row.created_at),
        sequence: row.number,
        property_id: Some(row.property_id),
        data,
    };
    text(&body)
}

fn text(body: &Body) -> Bytes {
    // Texts, numbers and values always have a JSON form.
    serde_json::to_vec(body).unwrap_or_default().into()
}

impl App {
    /// The request, and its `webhook-timestamp`.
    pub(crate) fn signed<'a>(
        &self,
        url: &str,
        secrets: impl IntoIterator<Item = &'a SigningSecret>,
        message: &Message,
    ) -> (WebhookRequest, i64) {
        let id = message.id.to_string();
        let body = match &message.body {
            Said::Always(body) => body.clone(),
            Said::AtTheTime(row) => {
                body_of(row, &self.told_now(row.property_id, row.event, row.data.clone()))
            }
        };
        let timestamp = real_now().timestamp();
        let signature = signatures(secrets, &id, timestamp, &body);
        let headers = vec![
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ];
        (WebhookRequest { url: url.to_owned(), headers, body: WebhookBody::Json(body) }, timestamp)
    }
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
