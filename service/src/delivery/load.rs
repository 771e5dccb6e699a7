//! Pending deliveries, read from their rows: after a start, and when there are more than memory holds.

use bellhop_domain::SubscriptionId;
use bellhop_entity::{delivery, subscription};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::line::{Item, LINE_MAX};
use crate::app::App;
use crate::error::Result;

/// Of a backlog, read at a time.
const PART: u64 = 200;

/// What was read.
pub(super) struct Loaded {
    pub items: Vec<Item>,
    /// Everything that is pending up to this number; `None` when there is more than memory holds, and these are
    /// some that are due.
    pub all_upto: Option<i64>,
}

impl App {
    pub(super) async fn load_pending(
        &self,
        id: SubscriptionId,
        ordered: bool,
        now: DateTime<Utc>,
    ) -> Result<Loaded> {
        use delivery::Column;
        // Before the rows: what has a smaller number is among them.
        let cursor: Option<Option<i64>> = subscription::Entity::find_by_id(id)
            .select_only()
            .column(subscription::Column::Cursor)
            .into_tuple()
            .one(self.db.reader())
            .await?;
        let pending = delivery::Entity::find()
            .filter(Column::SubscriptionId.eq(id))
            .filter(Expr::cust("status = 'pending'"));
        let rows =
            pending.order_by_asc(Column::DueAt).limit(LINE_MAX as u64 + 1).all(self.db.reader()).await?;
        if rows.len() <= LINE_MAX {
            let newest = rows.iter().map(|row| row.number).max();
            let all_upto = Some(Ord::max(newest, cursor.flatten()).unwrap_or_default());
            return Ok(Loaded { items: rows.into_iter().map(item).collect(), all_upto });
        }
        let rows = self.heads(id, ordered, now).await?;
        Ok(Loaded { items: rows.into_iter().map(item).collect(), all_upto: None })
    }

    /// Some that are due; of a conversation the first, unless that one's hold is over.
    async fn heads(
        &self,
        id: SubscriptionId,
        ordered: bool,
        now: DateTime<Utc>,
    ) -> Result<Vec<delivery::Model>> {
        use delivery::Column;
        let mut query = delivery::Entity::find()
            .filter(Column::SubscriptionId.eq(id))
            .filter(Expr::cust("deliveries.status = 'pending'"))
            .filter(Column::DueAt.lte(now));
        if ordered {
            query = query.filter(Expr::exists(ahead(now)).not());
        }
        let query = query.order_by_asc(Column::DueAt).order_by_asc(Column::Number).limit(PART);
        Ok(query.all(self.db.reader()).await?)
    }
}

fn item(row: delivery::Model) -> Item {
    Item {
        id: row.id,
        number: row.number,
        conversation: row.conversation_id,
        attempts: row.attempts,
        failures: row.failures,
        due_at: row.due_at,
        holds_until: row.holds_until,
        fresh: None,
    }
}

/// What is before the delivery in its conversation and still holds it back.
fn ahead(now: DateTime<Utc>) -> SelectStatement {
    use delivery::Column;
    let ahead = |column| Expr::col((Alias::new("ahead"), column));
    let own = |column| (delivery::Entity, column);
    Query::select()
        .expr(Expr::val(1))
        .from_as(delivery::Entity, Alias::new("ahead"))
        .and_where(ahead(Column::SubscriptionId).equals(own(Column::SubscriptionId)))
        .and_where(Expr::cust("ahead.status = 'pending'"))
        .and_where(ahead(Column::ConversationId).equals(own(Column::ConversationId)))
        .and_where(ahead(Column::Number).lt(Expr::col(own(Column::Number))))
        .and_where(ahead(Column::HoldsUntil).is_null().or(ahead(Column::HoldsUntil).gt(now)))
        .to_owned()
}
