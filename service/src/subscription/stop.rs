//! How a subscription's status changes, and how that is told.

use bellhop_domain::EventId;
use bellhop_domain::event::EventType;
use bellhop_domain::subscription::SubscriptionStatus;
use bellhop_entity::subscription;
use chrono::{DateTime, Utc};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use crate::error::Result;
use crate::event::{self, Scope, rfc3339};

/// Writes the event of a present status; its id. The URL is left out: some carry a key of the partner's.
pub(super) async fn tell(
    tx: &DatabaseTransaction,
    scope: Scope,
    row: &subscription::Model,
    before: Option<SubscriptionStatus>,
) -> Result<EventId> {
    let removed = row.removed_at.is_some();
    let data = json!({
        "subscription_id": row.id, "previous_status": before, "removed": removed,
        "status": row.status, "failing_since": row.failing_since.map(rfc3339),
    });
    event::record_one(tx, scope, EventType::SubscriptionStatusChanged, data).await
}

/// Stops an active subscription that failed for too long, or whose receiver is gone. Its events wait.
pub(crate) async fn stop(
    tx: &DatabaseTransaction,
    at: DateTime<Utc>,
    mut row: subscription::Model,
    status: SubscriptionStatus,
) -> Result<()> {
    use subscription::Column;
    let before = std::mem::replace(&mut row.status, status);
    let stopped = subscription::Entity::update_many()
        .col_expr(Column::Status, Expr::value(status))
        .col_expr(Column::UpdatedAt, Expr::value(at))
        .filter(Column::Id.eq(row.id))
        .filter(Column::Status.eq(SubscriptionStatus::Active))
        .filter(Column::RemovedAt.is_null())
        .exec(tx)
        .await?;
    if stopped.rows_affected == 1 {
        tell(tx, Scope { property: row.property_id, at }, &row, Some(before)).await?;
        tracing::warn!(subscription = %row.id, %status, "a partner's webhook does not get its events any more");
    }
    Ok(())
}

/// Pauses what was configured by whom.
pub(crate) async fn pause_those_of(tx: &DatabaseTransaction, scope: Scope, by: Uuid) -> Result<()> {
    use subscription::Column;
    let theirs = subscription::Entity::find()
        .filter(Column::PropertyId.eq(scope.property))
        .filter(Column::CreatedBy.eq(by))
        .filter(Column::Status.eq(SubscriptionStatus::Active))
        .filter(Column::RemovedAt.is_null())
        .order_by_asc(Column::Id)
        .lock(LockType::NoKeyUpdate)
        .all(tx)
        .await?;
    for row in theirs {
        stop(tx, scope.at, row, SubscriptionStatus::Paused).await?;
    }
    Ok(())
}
