//! What was delivered to partners, and what was not.

use std::collections::HashMap;

use bellhop_domain::delivery::DeliveryStatus;
use bellhop_domain::event::EventType;
use bellhop_domain::{ConversationId, DeliveryId, EventId, SubscriptionId};
use bellhop_service::delivery::{AttemptView, DeliveryDetail, DeliveryFilter, DeliveryView};
use bellhop_service::page::PageRequest;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;

use crate::Tag;
use crate::auth::{Authorized, ManageSubscriptions};
use crate::body::JsonBody;
use crate::envelope::ApiError;
use crate::list::List;
use crate::subscription::{RedeliverFailed, Redelivered, ReplayEvents, Replaying};
use crate::types::{Limit, Nullable, Timestamp};

/// An event on its way to a webhook.
#[derive(Debug, Object)]
struct WebhookDelivery {
    id: DeliveryId,
    /// The `webhook-id`, and the `id` in the body: the same in every attempt.
    event_id: EventId,
    event: EventType,
    /// The event's place in the log.
    sequence: i64,
    conversation_id: Nullable<ConversationId>,
    status: DeliveryStatus,
    attempts: i32,
    /// When it is tried next; `null` when it is over.
    due_at: Nullable<Timestamp>,
    /// What the receiver answered last.
    last_status: Nullable<i32>,
    /// Why there was no answer.
    last_error: Nullable<String>,
    created_at: Timestamp,
    ended_at: Nullable<Timestamp>,
}

/// What was sent. The body is not kept: it can hold what was erased since.
#[derive(Debug, Object)]
struct SentRequest {
    method: String,
    /// As they were sent, but for the signatures, of which only the beginnings are kept.
    headers: HashMap<String, String>,
    body_bytes: u64,
}

impl SentRequest {
    fn read(logged: Value) -> Option<Self> {
        let headers = logged["headers"].as_object()?.iter();
        let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        Some(Self {
            method: logged["method"].as_str()?.to_owned(),
            headers: headers.filter_map(text).collect(),
            body_bytes: logged["body_bytes"].as_u64()?,
        })
    }
}

/// One request to a webhook, and its answer.
#[derive(Debug, Object)]
struct WebhookAttempt {
    /// From 1.
    number: i32,
    url: String,
    /// The header `webhook-timestamp`, in seconds since 1970.
    timestamp: i64,
    /// `null` of attempts that an earlier release made.
    request: Nullable<SentRequest>,
    /// `null` when there was no answer.
    status: Nullable<i32>,
    error: Nullable<String>,
    /// The first 4,096 bytes.
    answer: String,
    took_ms: i32,
    at: Timestamp,
}

/// An event on its way to a webhook, with every attempt.
#[derive(Debug, Object)]
struct WebhookDeliveryDetail {
    #[oai(flatten)]
    delivery: WebhookDelivery,
    attempt_log: Vec<WebhookAttempt>,
}

pub struct Deliveries;

#[OpenApi(tag = "Tag::Webhooks")]
impl Deliveries {
    /// What was delivered, the newest first
    ///
    /// For admins and partners. Kept for 30 days; what still waits, until it went.
    #[oai(
        path = "/webhooks/:webhook_id/deliveries",
        method = "get",
        operation_id = "list_webhook_deliveries"
    )]
    #[expect(clippy::too_many_arguments, reason = "each query parameter is an argument")]
    async fn list(
        &self,
        auth: Authorized<ManageSubscriptions>,
        webhook_id: Path<SubscriptionId>,
        status: Query<Option<DeliveryStatus>>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<WebhookDelivery>>, ApiError> {
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        let filter = DeliveryFilter { status: status.0 };
        Ok(Json(auth.app.deliveries_of(&auth.caller, webhook_id.0, (filter, page)).await?.into()))
    }

    /// One delivery with its attempts
    ///
    /// For admins and partners.
    #[oai(
        path = "/webhooks/:webhook_id/deliveries/:delivery_id",
        method = "get",
        operation_id = "get_webhook_delivery"
    )]
    async fn get(
        &self,
        auth: Authorized<ManageSubscriptions>,
        webhook_id: Path<SubscriptionId>,
        delivery_id: Path<DeliveryId>,
    ) -> Result<Json<WebhookDeliveryDetail>, ApiError> {
        Ok(Json(auth.app.delivery(&auth.caller, (webhook_id.0, delivery_id.0)).await?.into()))
    }

    /// Deliver one once more
    ///
    /// For admins and partners. Also one that was taken; one that waits for its next attempt does not wait. With the
    /// same `webhook-id`.
    #[oai(
        path = "/webhooks/:webhook_id/deliveries/:delivery_id/redeliver",
        method = "post",
        operation_id = "redeliver_webhook_delivery"
    )]
    async fn redeliver(
        &self,
        auth: Authorized<ManageSubscriptions>,
        webhook_id: Path<SubscriptionId>,
        delivery_id: Path<DeliveryId>,
    ) -> Result<Json<WebhookDeliveryDetail>, ApiError> {
        Ok(Json(auth.app.redeliver(&auth.caller, (webhook_id.0, delivery_id.0)).await?.into()))
    }

    /// Deliver all once more that failed
    ///
    /// For admins and partners.
    #[oai(
        path = "/webhooks/:webhook_id/redeliver-failed",
        method = "post",
        operation_id = "redeliver_failed_deliveries"
    )]
    async fn redeliver_failed(
        &self,
        auth: Authorized<ManageSubscriptions>,
        webhook_id: Path<SubscriptionId>,
        body: JsonBody<RedeliverFailed>,
    ) -> Result<Json<Redelivered>, ApiError> {
        let since = body.value.since.0;
        let redelivered = auth.app.redeliver_failed(&auth.caller, webhook_id.0, since).await?;
        Ok(Json(Redelivered { redelivered }))
    }

    /// Deliver a part of the log once more
    ///
    /// For admins and partners. All events of the webhook's kinds from a sequence on, also those from before the
    /// webhook. With the same `webhook-id`s, so that a receiver that keeps these takes none twice.
    #[oai(path = "/webhooks/:webhook_id/replay", method = "post", operation_id = "replay_webhook_events")]
    async fn replay(
        &self,
        auth: Authorized<ManageSubscriptions>,
        webhook_id: Path<SubscriptionId>,
        body: JsonBody<ReplayEvents>,
    ) -> Result<Replaying, ApiError> {
        let from = body.value.from_sequence;
        Ok(Replaying::Begun(Json(auth.app.replay_events(&auth.caller, webhook_id.0, from).await?.into())))
    }
}

impl From<DeliveryView> for WebhookDelivery {
    fn from(view: DeliveryView) -> Self {
        Self {
            id: view.id,
            event_id: view.event_id,
            event: view.event,
            sequence: view.sequence,
            conversation_id: Nullable(view.conversation_id),
            status: view.status,
            attempts: view.attempts,
            due_at: Nullable::from(view.due_at),
            last_status: Nullable(view.last_status),
            last_error: Nullable(view.last_error),
            created_at: view.created_at.into(),
            ended_at: Nullable::from(view.ended_at),
        }
    }
}

impl From<AttemptView> for WebhookAttempt {
    fn from(view: AttemptView) -> Self {
        Self {
            number: view.number,
            url: view.url,
            timestamp: view.timestamp,
            request: Nullable(view.request.and_then(SentRequest::read)),
            status: Nullable(view.status),
            error: Nullable(view.error),
            answer: view.answer,
            took_ms: view.took_ms,
            at: view.at.into(),
        }
    }
}

impl From<DeliveryDetail> for WebhookDeliveryDetail {
    fn from(detail: DeliveryDetail) -> Self {
        Self {
            delivery: detail.delivery.into(),
            attempt_log: detail.attempts.into_iter().map(WebhookAttempt::from).collect(),
        }
    }
}
