//! Business numbers: connecting, changing, taking away, and looking at them.

use bellhop_domain::webhook::ChangeOutcome;
use bellhop_domain::{ConnectionId, WebhookChangeId};
use bellhop_service::connection::{WebhookEvent as WebhookEventView, WebhookEventFilter};
use bellhop_service::page::PageRequest;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::auth::{Authorized, ManageConnections};
use crate::body::JsonBody;
use crate::connection::{
    ChangeConnection, ConnectNumber, Connected, Connection, Removed, StatusOfConnection,
};
use crate::envelope::ApiError;
use crate::list::List;
use crate::types::{JsonObject, Limit, Nullable, Timestamp};
use crate::{BASE_PATH, Tag};

/// Something that came in from WhatsApp, as it came.
#[derive(Debug, Object)]
struct WebhookEvent {
    webhook_event_id: WebhookChangeId,
    /// Meta's word for what it is about, such as messages.
    field: String,
    /// foreign: signed by another app than the number's, so it had no effect.
    outcome: ChangeOutcome,
    /// What could not be read, or why it had no effect.
    error: Nullable<String>,
    body: JsonObject,
    received_at: Timestamp,
}

impl From<WebhookEventView> for WebhookEvent {
    fn from(view: WebhookEventView) -> Self {
        Self {
            webhook_event_id: view.webhook_event_id,
            field: view.field,
            outcome: view.outcome,
            error: Nullable(view.error),
            body: JsonObject::of(view.body),
            received_at: view.received_at.into(),
        }
    }
}

pub struct Connections;

#[OpenApi(tag = "Tag::Connections")]
impl Connections {
    /// Connect a number
    ///
    /// For admins. WhatsApp is asked first: token, number, account; then it is told where the webhooks go, and
    /// checks that address. What it refuses is not stored.
    #[oai(path = "/connections", method = "post", operation_id = "connect_number")]
    async fn add(
        &self,
        auth: Authorized<ManageConnections>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        body: JsonBody<ConnectNumber>,
    ) -> Result<Connected, ApiError> {
        let key = body.idempotency_key(key.as_deref())?;
        let added = auth.app.add_connection(&auth.caller, body.value.draft(key)).await?;
        let location = format!("{BASE_PATH}/connections/{}", added.view.connection_id);
        Ok(Connected::Created(Json(added.into()), location))
    }

    /// The connected numbers
    ///
    /// For admins.
    #[oai(path = "/connections", method = "get", operation_id = "list_connections")]
    async fn list(
        &self,
        auth: Authorized<ManageConnections>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<Connection>>, ApiError> {
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        Ok(Json(auth.app.connections_of(&auth.caller, page).await?.into()))
    }

    /// A connected number
    ///
    /// For admins. `inbound` says whether what guests write is taken, and why not.
    #[oai(path = "/connections/:connection_id", method = "get", operation_id = "get_connection")]
    async fn get(
        &self,
        auth: Authorized<ManageConnections>,
        connection_id: Path<ConnectionId>,
    ) -> Result<Json<Connection>, ApiError> {
        Ok(Json(auth.app.connection_of(&auth.caller, connection_id.0).await?.into()))
    }

    /// Change a connected number
    ///
    /// For admins. What concerns the line to WhatsApp is proven first. A new access token makes a number active
    /// again, and what waited for it leaves; batches that it stopped wait for their resume.
    #[oai(path = "/connections/:connection_id", method = "patch", operation_id = "change_connection")]
    async fn change(
        &self,
        auth: Authorized<ManageConnections>,
        connection_id: Path<ConnectionId>,
        body: JsonBody<ChangeConnection>,
    ) -> Result<Json<Connection>, ApiError> {
        let view = auth.app.change_connection(&auth.caller, connection_id.0, body.value.into()).await?;
        Ok(Json(view.into()))
    }

    /// Take a number away
    ///
    /// For admins. Its credentials are removed and its history stays; connected again, it goes on with it. What
    /// has not left fails with the reason, and its batches stop.
    #[oai(path = "/connections/:connection_id", method = "delete", operation_id = "remove_connection")]
    async fn remove(
        &self,
        auth: Authorized<ManageConnections>,
        connection_id: Path<ConnectionId>,
    ) -> Result<Removed, ApiError> {
        auth.app.remove_connection(&auth.caller, connection_id.0).await?;
        Ok(Removed::Gone)
    }

    /// How a number is right now
    ///
    /// For admins. Asks WhatsApp, for at most five seconds.
    #[oai(path = "/connections/:connection_id/status", method = "get", operation_id = "check_connection")]
    async fn status(
        &self,
        auth: Authorized<ManageConnections>,
        connection_id: Path<ConnectionId>,
    ) -> Result<Json<StatusOfConnection>, ApiError> {
        Ok(Json(auth.app.connection_status(&auth.caller, connection_id.0).await?.into()))
    }

    /// What came in from WhatsApp, the newest first
    ///
    /// For admins. Whatever was signed, as it came, with what became of it.
    #[oai(
        path = "/connections/:connection_id/webhook-events",
        method = "get",
        operation_id = "list_webhook_events"
    )]
    #[expect(clippy::too_many_arguments, reason = "each query parameter is an argument")]
    async fn webhook_events(
        &self,
        auth: Authorized<ManageConnections>,
        connection_id: Path<ConnectionId>,
        outcome: Query<Option<ChangeOutcome>>,
        /// Meta's word, such as messages
        field: Query<Option<String>>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<WebhookEvent>>, ApiError> {
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        let filter = WebhookEventFilter { outcome: outcome.0, field: field.0 };
        Ok(Json(auth.app.webhook_events(&auth.caller, connection_id.0, (filter, page)).await?.into()))
    }
}
