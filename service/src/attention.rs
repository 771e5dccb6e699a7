//! What somebody at the hotel has to look at: where a console looks first.

use bellhop_domain::connection::ConnectionStatus;
use bellhop_domain::rights::{Right, Role};
use bellhop_domain::subscription::SubscriptionStatus;
use bellhop_domain::{ConnectionId, SubscriptionId};
use bellhop_entity::{connection, subscription};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;
use crate::subscription::seen_by;

/// Something that does not mend itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    pub what: Trouble,
    pub since: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The provider refuses the number's access token.
    ConnectionNeedsCredentials(ConnectionId),
    /// A partner's webhook failed for five days.
    SubscriptionSuspended(SubscriptionId),
    /// A partner's webhook said that it is gone.
    SubscriptionDisabled(SubscriptionId),
}

impl App {
    /// The numbers first. Of webhooks those that the caller may change, of numbers nothing for a vendor.
    pub async fn attention(&self, caller: &Caller) -> Result<Vec<Attention>> {
        let mut all = match caller.role() {
            Role::Staff | Role::Admin => self.refused_numbers(caller).await?,
            Role::Partner => Vec::new(),
        };
        if caller.require(Right::ManageSubscriptions).is_ok() {
            all.extend(self.stopped_webhooks(caller).await?);
        }
        Ok(all)
    }

    async fn refused_numbers(&self, caller: &Caller) -> Result<Vec<Attention>> {
        use connection::Column;
        let rows = connection::Entity::find()
            .filter(Column::PropertyId.eq(caller.property_id))
            .filter(Column::Status.eq(ConnectionStatus::NeedsCredentials))
            .order_by_asc(Column::Id)
            .all(self.db.reader())
            .await?;
        let one = |row: connection::Model| Attention {
            what: Trouble::ConnectionNeedsCredentials(row.id),
            since: row.last_error_at.or(row.updated_at).unwrap_or(row.created_at),
        };
        Ok(rows.into_iter().map(one).collect())
    }

    async fn stopped_webhooks(&self, caller: &Caller) -> Result<Vec<Attention>> {
        use subscription::Column;
        let stopped = [SubscriptionStatus::Suspended, SubscriptionStatus::Disabled];
        let rows = subscription::Entity::find()
            .filter(seen_by(caller))
            .filter(Column::Status.is_in(stopped))
            .order_by_asc(Column::Id)
            .all(self.db.reader())
            .await?;
        Ok(rows.into_iter().filter_map(stopped_webhook).collect())
    }
}

fn stopped_webhook(row: subscription::Model) -> Option<Attention> {
    let what = match row.status {
        SubscriptionStatus::Suspended => Trouble::SubscriptionSuspended(row.id),
        SubscriptionStatus::Disabled => Trouble::SubscriptionDisabled(row.id),
        SubscriptionStatus::Active | SubscriptionStatus::Paused => return None,
    };
    Some(Attention { what, since: row.failing_since.unwrap_or(row.updated_at) })
}
