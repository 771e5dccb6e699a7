//! A subscription as those see it who may: no secret.

use bellhop_domain::SubscriptionId;
use bellhop_domain::event::EventType;
use bellhop_domain::rights::Right;
use bellhop_domain::subscription::{RetryConfig, SubscriptionStatus, Verification};
use bellhop_entity::subscription;
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{find, seen_by};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::page::{Page, PageRequest};

/// A partner's webhook.
#[derive(Debug, Clone)]
pub struct SubscriptionView {
    pub id: SubscriptionId,
    pub webhook_url: String,
    pub events: Vec<EventType>,
    pub status: SubscriptionStatus,
    pub verification: Verification,
    pub ordered: bool,
    pub retry_config: Option<RetryConfig>,
    /// Until when the former secret signs too.
    pub former_secret_until: Option<DateTime<Utc>>,
    /// Since when nothing got through.
    pub failing_since: Option<DateTime<Utc>>,
    /// When something last got through, give or take a second.
    pub delivered_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl App {
    /// The newest first.
    pub async fn subscriptions(&self, caller: &Caller, page: PageRequest) -> Result<Page<SubscriptionView>> {
        caller.require(Right::ManageSubscriptions)?;
        use subscription::Column;
        let mut query = subscription::Entity::find().filter(seen_by(caller));
        if let Some(last) = page.after::<SubscriptionId>()? {
            query = query.filter(Column::Id.lt(last));
        }
        let rows = query.order_by_desc(Column::Id).limit(page.limit() + 1).all(self.db.reader()).await?;
        let views = rows.into_iter().map(SubscriptionView::try_from).collect::<Result<Vec<_>>>()?;
        Ok(Page::cut(views, &page, |view| view.id))
    }

    pub async fn subscription(&self, caller: &Caller, id: SubscriptionId) -> Result<SubscriptionView> {
        find(self.db.reader(), caller, id).await?.try_into()
    }
}

impl TryFrom<subscription::Model> for SubscriptionView {
    type Error = Error;
    fn try_from(row: subscription::Model) -> Result<Self> {
        Ok(Self {
            events: events_of(&row),
            retry_config: retry_config(&row),
            id: row.id,
            webhook_url: row.url,
            status: row.status,
            verification: row.verification,
            ordered: row.ordered,
            former_secret_until: row.former_secret_until,
            failing_since: row.failing_since,
            delivered_at: row.delivered_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Names that this release does not know are another's, and passed over.
pub(crate) fn events_of(row: &subscription::Model) -> Vec<EventType> {
    let names = row.events.as_array().into_iter().flatten().filter_map(|name| name.as_str());
    names.filter_map(|name| name.parse().ok()).collect()
}

pub(crate) fn retry_config(row: &subscription::Model) -> Option<RetryConfig> {
    RetryConfig::new(row.max_retries?.into(), row.retry_delay_ms?.into()).ok()
}
