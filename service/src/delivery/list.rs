//! What was delivered, and what was not.

use bellhop_domain::delivery::DeliveryStatus;
use bellhop_domain::event::EventType;
use bellhop_domain::{ConversationId, DeliveryId, EventId, SubscriptionId};
use bellhop_entity::{delivery, delivery_attempt};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::page::{Page, PageRequest};
use crate::subscription;

/// One event on its way to one subscription.
#[derive(Debug, Clone)]
pub struct DeliveryView {
    pub id: DeliveryId,
    /// The `webhook-id`, and the `id` in the body.
    pub event_id: EventId,
    pub event: EventType,
    pub sequence: i64,
    pub conversation_id: Option<ConversationId>,
    pub status: DeliveryStatus,
    pub attempts: i32,
    /// When it is tried next; `None` when it is over.
    pub due_at: Option<DateTime<Utc>>,
    pub last_status: Option<i32>,
    pub last_error: Option<String>,
    pub created_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// With every attempt, the oldest first.
#[derive(Debug, Clone)]
pub struct DeliveryDetail {
    pub delivery: DeliveryView,
    pub attempts: Vec<AttemptView>,
}

/// One request and its answer.
#[derive(Debug, Clone)]
pub struct AttemptView {
    pub number: i32,
    pub url: String,
    /// The `webhook-timestamp`.
    pub timestamp: i64,
    /// Headers and the body's size; `None` of an earlier release's.
    pub request: Option<Value>,
    pub status: Option<i32>,
    pub error: Option<String>,
    /// The first 4,096 bytes.
    pub answer: String,
    pub took_ms: i32,
    pub at: DateTime<Utc>,
}

/// Which deliveries are wanted.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    pub status: Option<DeliveryStatus>,
}

impl App {
    /// The newest first.
    pub async fn deliveries_of(
        &self,
        caller: &Caller,
        id: SubscriptionId,
        (filter, page): (DeliveryFilter, PageRequest),
    ) -> Result<Page<DeliveryView>> {
        use delivery::Column;
        subscription::find(self.db.reader(), caller, id).await?;
        let mut query = delivery::Entity::find().filter(Column::SubscriptionId.eq(id));
        if let Some(status) = filter.status {
            query = query.filter(Column::Status.eq(status));
        }
        if let Some(last) = page.after::<DeliveryId>()? {
            query = query.filter(Column::Id.lt(last));
        }
        let rows = query.order_by_desc(Column::Id).limit(page.limit() + 1).all(self.db.reader()).await?;
        Ok(Page::cut(rows, &page, |row| row.id).map(DeliveryView::from))
    }

    pub async fn delivery(
        &self,
        caller: &Caller,
        (id, delivery): (SubscriptionId, DeliveryId),
    ) -> Result<DeliveryDetail> {
        subscription::find(self.db.reader(), caller, id).await?;
        let row = find(self.db.reader(), (id, delivery)).await?;
        let attempts = delivery_attempt::Entity::find()
            .filter(delivery_attempt::Column::DeliveryId.eq(delivery))
            .order_by_asc(delivery_attempt::Column::Number)
            .all(self.db.reader())
            .await?;
        Ok(DeliveryDetail {
            delivery: row.into(),
            attempts: attempts.into_iter().map(AttemptView::from).collect(),
        })
    }
}

/// A subscription's delivery.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    (id, delivery): (SubscriptionId, DeliveryId),
) -> Result<delivery::Model> {
    let row = delivery::Entity::find_by_id(delivery).filter(delivery::Column::SubscriptionId.eq(id));
    row.one(db).await?.ok_or_else(|| Error::not_found("delivery"))
}

impl From<delivery::Model> for DeliveryView {
    fn from(row: delivery::Model) -> Self {
        let due_at = match row.status {
            DeliveryStatus::Pending => Some(row.due_at),
            DeliveryStatus::Delivered | DeliveryStatus::Failed => None,
        };
        Self {
            id: row.id,
            event_id: row.event_id,
            event: row.event,
            sequence: row.number,
            conversation_id: row.conversation_id,
            status: row.status,
            attempts: row.attempts,
            due_at,
            last_status: row.last_status,
            last_error: row.last_error,
            created_at: row.created_at,
            ended_at: row.ended_at,
        }
    }
}

impl From<delivery_attempt::Model> for AttemptView {
    fn from(row: delivery_attempt::Model) -> Self {
        Self {
            number: row.number,
            url: row.url,
            timestamp: row.timestamp,
            request: row.request,
            status: row.status,
            error: row.error,
            answer: row.answer,
            took_ms: row.took_ms,
            at: row.created_at,
        }
    }
}
