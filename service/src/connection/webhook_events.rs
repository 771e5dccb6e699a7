//! What came in over a connection, as it came, with what became of it.

use bellhop_domain::rights::Right;
use bellhop_domain::webhook::ChangeOutcome;
use bellhop_domain::{ConnectionId, WebhookChangeId};
use bellhop_entity::webhook_change;
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

use super::find;
use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;
use crate::page::{Page, PageRequest};

/// One change of a verified webhook.
#[derive(Debug, Clone)]
pub struct WebhookEvent {
    pub webhook_event_id: WebhookChangeId,
    /// Meta's word for what it is about, such as `messages`.
    pub field: String,
    pub outcome: ChangeOutcome,
    /// What could not be read, or why it had no effect.
    pub error: Option<String>,
    /// As it came.
    pub body: Value,
    pub received_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Default)]
pub struct WebhookEventFilter {
    pub outcome: Option<ChangeOutcome>,
    pub field: Option<String>,
}

impl App {
    /// The newest first.
    pub async fn webhook_events(
        &self,
        caller: &Caller,
        id: ConnectionId,
        (filter, page): (WebhookEventFilter, PageRequest),
    ) -> Result<Page<WebhookEvent>> {
        caller.require(Right::ManageConnections)?;
        use webhook_change::Column;
        find(self.db.reader(), caller.property_id, id).await?;
        let mut query = webhook_change::Entity::find().filter(Column::ConnectionId.eq(id));
        if let Some(outcome) = filter.outcome {
            query = query.filter(Column::Outcome.eq(outcome));
        }
        if let Some(field) = filter.field {
            query = query.filter(Column::Field.eq(field));
        }
        if let Some((at, last)) = page.after::<(DateTime<Utc>, WebhookChangeId)>()? {
            let same = Condition::all().add(Column::ReceivedAt.eq(at)).add(Column::Id.lt(last));
            query = query.filter(Condition::any().add(Column::ReceivedAt.lt(at)).add(same));
        }
        let rows = query
            .order_by_desc(Column::ReceivedAt)
            .order_by_desc(Column::Id)
            .limit(page.limit() + 1)
            .all(self.db.reader())
            .await?;
        Ok(Page::cut(rows, &page, |row| (row.received_at, row.id)).map(WebhookEvent::from))
    }
}

impl From<webhook_change::Model> for WebhookEvent {
    fn from(row: webhook_change::Model) -> Self {
        Self {
            webhook_event_id: row.id,
            field: row.field,
            outcome: row.outcome,
            error: row.error,
            body: row.body,
            received_at: row.received_at,
        }
    }
}
