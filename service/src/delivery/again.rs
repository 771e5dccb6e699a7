//! Once more: one delivery, all that failed, or a part of the log. Always with the same `webhook-id`.

use bellhop_domain::audit::AuditAction;
use bellhop_domain::delivery::DeliveryStatus;
use bellhop_domain::{DeliveryId, SubscriptionId};
use bellhop_entity::{delivery, subscription as row};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, UpdateMany,
};
use serde_json::json;

use super::list::{DeliveryDetail, find};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::db::real_now;
use crate::error::{Error, Result};
use crate::event::{Scope, rfc3339};
use crate::rows::among;
use crate::subscription;

/// Deliveries that one transaction makes due again.
const PART: u64 = 500;

/// A part of the log that is delivered once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// The first event's sequence.
    pub from: i64,
    /// The last one's; smaller than the first when there is none.
    pub to: i64,
}

impl App {
    /// Delivers one once more, also one that was taken. One that waits for its next attempt does not wait.
    pub async fn redeliver(
        &self,
        caller: &Caller,
        (id, delivery): (SubscriptionId, DeliveryId),
    ) -> Result<DeliveryDetail> {
        subscription::find(self.db.reader(), caller, id).await?;
        find(self.db.reader(), (id, delivery)).await?;
        let tx = self.db.begin().await?;
        due_again().filter(delivery::Column::Id.eq(delivery)).exec(&tx).await?;
        ask_again(&tx, id).await?;
        let entry = Entry::of(AuditAction::DeliveriesRepeated, delivery);
        let entry = entry.made(json!({"subscription_id": id, "deliveries": 1}));
        audit::record(&tx, self.scope_of(caller), caller, entry).await?;
        tx.commit().await?;
        self.deliveries.changed();
        self.delivery(caller, (id, delivery)).await
    }

    /// Delivers everything once more that failed and whose event came at that time or later; how many.
    pub async fn redeliver_failed(
        &self,
        caller: &Caller,
        id: SubscriptionId,
        since: DateTime<Utc>,
    ) -> Result<u64> {
        use delivery::Column;
        subscription::find(self.db.reader(), caller, id).await?;
        let (mut all, mut last) = (0, None);
        loop {
            let tx = self.db.begin().await?;
            let failed: Vec<DeliveryId> = delivery::Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(Column::SubscriptionId.eq(id))
                .filter(Expr::cust("status = 'failed'"))
                .filter(Column::CreatedAt.gte(since))
                // What fails again meanwhile is not meant.
                .filter(Column::Id.gt(last.unwrap_or_else(|| DeliveryId::first_of(0))))
                .order_by_asc(Column::Id)
                .limit(PART)
                .into_tuple()
                .all(&tx)
                .await?;
            let is_last = (failed.len() as u64) < PART;
            last = failed.last().copied();
            let part = due_again()
                .filter(among(&tx, Column::Id, failed))
                .filter(Expr::cust("status = 'failed'"))
                .exec(&tx)
                .await?;
            ask_again(&tx, id).await?;
            if part.rows_affected > 0 {
                // Each part has its own: what is asked for again stays so, also when the next part never comes.
                let details = json!({"since": rfc3339(since), "deliveries": part.rows_affected});
                let entry = Entry::of(AuditAction::DeliveriesRepeated, id).made(details);
                audit::record(&tx, self.scope_of(caller), caller, entry).await?;
            }
            tx.commit().await?;
            all += part.rows_affected;
            if is_last {
                break;
            }
        }
        self.deliveries.changed();
        Ok(all)
    }

    /// Delivers the events of these kinds once more from a sequence on, also those from before the subscription.
    pub async fn replay_events(&self, caller: &Caller, id: SubscriptionId, from: i64) -> Result<Again> {
        use row::Column;
        if from < 1 {
            return Err(Error::field("from_sequence", "must be 1 or more"));
        }
        let property = subscription::find(self.db.reader(), caller, id).await?.property_id;
        self.check_kept(property, from - 1).await?;
        let tx = self.db.begin().await?;
        let known = subscription::lock(&tx, caller, id).await?;
        // What comes after the cursor is delivered anyway.
        let to = Ord::max(known.cursor, known.replay_to).unwrap_or_default();
        let after = known.replay_after.map_or(from - 1, |under_way| Ord::min(under_way, from - 1));
        if after < to {
            row::Entity::update_many()
                .col_expr(Column::ReplayAfter, Expr::value(after))
                .col_expr(Column::ReplayTo, Expr::value(to))
                .filter(Column::Id.eq(id))
                .exec(&tx)
                .await?;
            let details = json!({"from_sequence": from, "to_sequence": to});
            let entry = Entry::of(AuditAction::EventsReplayed, id).made(details);
            audit::record(&tx, self.scope_of(caller), caller, entry).await?;
        }
        tx.commit().await?;
        self.deliveries.changed();
        Ok(Again { from, to })
    }

    fn scope_of(&self, caller: &Caller) -> Scope {
        Scope { property: caller.property_id, at: self.now() }
    }
}

fn due_again() -> UpdateMany<delivery::Entity> {
    use delivery::Column;
    delivery::Entity::update_many()
        .col_expr(Column::Status, Expr::value(DeliveryStatus::Pending))
        .col_expr(Column::Failures, Expr::value(0))
        .col_expr(Column::DueAt, Expr::value(real_now()))
        .col_expr(Column::HoldsUntil, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::EndedAt, Expr::value(None::<DateTime<Utc>>))
}

async fn ask_again(tx: &DatabaseTransaction, id: SubscriptionId) -> Result<()> {
    row::Entity::update_many()
        .col_expr(row::Column::AskedAgain, Expr::col(row::Column::AskedAgain).add(1))
        .filter(row::Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}
