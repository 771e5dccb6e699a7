//! From the numbered log to deliveries, a few hundred at a time.

use std::collections::HashMap;
use std::sync::Arc;

use bellhop_domain::delivery::DeliveryStatus;
use bellhop_domain::{DeliveryId, PropertyId, SubscriptionId};
use bellhop_entity::{delivery, event, subscription};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::line::Item;
use super::message::Fresh;
use super::{Live, lock_in_order};
use crate::app::App;
use crate::db::real_now;
use crate::error::Result;
use crate::failpoint;
use crate::rows::{Rows, among};

/// Rows that one transaction makes, whatever the number of subscriptions.
const ROWS: usize = 2000;
/// Events that are read at a time.
const EVENTS: usize = 200;

/// What a round made.
pub(super) struct Made {
    pub items: HashMap<SubscriptionId, Vec<Item>>,
    /// The cursor of all that took part.
    pub upto: i64,
}

/// The cursors have moved, or a subscription is not what it was: other events may be wanted.
pub(super) struct Lost;

impl App {
    /// Makes deliveries of what follows the cursor that these subscriptions of a property share. `None` at the
    /// log's end.
    pub(super) async fn fan_out(
        &self,
        property: PropertyId,
        (cursor, live): (i64, &[Arc<Live>]),
    ) -> Result<Option<Result<Made, Lost>>> {
        let most = (ROWS / live.len().max(1)).clamp(10, EVENTS);
        let events = self.numbered_events(property, (cursor, i64::MAX), most as u64).await?;
        let Some(upto) = events.last().and_then(|event| event.number) else { return Ok(None) };
        let now = real_now();
        let live: Vec<&Live> = live.iter().map(AsRef::as_ref).collect();
        let made = pair(&events, &live, now);
        let tx = self.db.begin().await?;
        insert(&tx, property, &made, INSERT_NEW).await?;
        let all = || among(&tx, subscription::Column::Id, live.iter().map(|live| live.id));
        let locked = lock_in_order(&tx, Condition::all().add(all())).await?;
        let same = |live: &&Live| locked.contains(&(live.id, live.row.updated_at));
        let moved = subscription::Entity::update_many()
            .col_expr(subscription::Column::Cursor, Expr::value(upto))
            .filter(all())
            .filter(subscription::Column::Cursor.eq(cursor))
            .exec(&tx)
            .await?;
        if moved.rows_affected != live.len() as u64 || !live.iter().all(same) {
            tx.rollback().await?;
            return Ok(Some(Err(Lost)));
        }
        tx.commit().await?;
        if !made.is_empty() {
            failpoint::here("deliveries_made");
        }
        let mut items: HashMap<SubscriptionId, Vec<Item>> = HashMap::new();
        for (id, made) in made {
            items.entry(id).or_default().push(made.item);
        }
        Ok(Some(Ok(Made { items, upto })))
    }

    /// Makes the next part of a replay due again. `false` when it is over.
    pub(super) async fn replay(&self, live: &Live) -> Result<bool> {
        use subscription::Column;
        let (Some(after), Some(to)) = (live.row.replay_after, live.row.replay_to) else { return Ok(false) };
        let events = self.numbered_events(live.property, (after, to), EVENTS as u64).await?;
        let made = pair(&events, &[live], real_now());
        let upto = events.last().and_then(|event| event.number).filter(|upto| *upto < to);
        let tx = self.db.begin().await?;
        lock_known(&tx, live.id, &events).await?;
        insert(&tx, live.property, &made, INSERT_AGAIN).await?;
        let noted = subscription::Entity::update_many()
            .col_expr(Column::ReplayAfter, Expr::value(upto))
            .col_expr(Column::ReplayTo, Expr::value(upto.map(|_| to)))
            .filter(Column::Id.eq(live.id))
            .filter(Column::ReplayAfter.eq(after))
            .filter(Column::ReplayTo.eq(to))
            .exec(&tx)
            .await?;
        if noted.rows_affected == 0 {
            // Another replay has begun meanwhile, or this part was made: what was delivered since stays delivered.
            tx.rollback().await?;
        } else {
            tx.commit().await?;
        }
        Ok(true)
    }

    /// Those after the first number, up to the second.
    async fn numbered_events(
        &self,
        property: PropertyId,
        (after, to): (i64, i64),
        most: u64,
    ) -> Result<Vec<event::Model>> {
        Ok(event::Entity::find()
            .filter(event::Column::PropertyId.eq(property))
            .filter(event::Column::Number.gt(after))
            .filter(event::Column::Number.lte(to))
            .order_by_asc(event::Column::Number)
            .limit(most)
            .all(self.db.reader())
            .await?)
    }
}

/// Locks what there is of these events, in the order of all who write to deliveries.
async fn lock_known(tx: &DatabaseTransaction, id: SubscriptionId, events: &[event::Model]) -> Result<()> {
    use delivery::Column;
    let known = delivery::Entity::find().select_only().column(Column::Id);
    let known = known
        .filter(Column::SubscriptionId.eq(id))
        .filter(among(tx, Column::EventId, events.iter().map(|event| event.id)))
        .order_by_asc(Column::Id)
        .lock(LockType::NoKeyUpdate);
    known.into_tuple::<DeliveryId>().all(tx).await?;
    Ok(())
}

struct New {
    row: Arc<Fresh>,
    item: Item,
}

/// Each event with each subscription that wants it.
fn pair(events: &[event::Model], live: &[&Live], now: DateTime<Utc>) -> Vec<(SubscriptionId, New)> {
    let mut made = Vec::new();
    for row in events {
        let fresh = Arc::new(Fresh::read_now(row.clone()));
        for live in live.iter().filter(|live| live.events.contains(&row.event)) {
            let conversation = row.data["conversation_id"].as_str().and_then(|id| id.parse().ok());
            let item = Item {
                id: DeliveryId::new(),
                number: row.number.unwrap_or_default(),
                conversation,
                attempts: 0,
                failures: 0,
                due_at: now,
                holds_until: None,
                fresh: Some(Arc::clone(&fresh)),
            };
            made.push((live.id, New { row: Arc::clone(&fresh), item }));
        }
    }
    made
}

const INSERT_NEW: &str = "ON CONFLICT (subscription_id, event_id) DO NOTHING";

const INSERT_AGAIN: &str = "ON CONFLICT (subscription_id, event_id) DO UPDATE SET \
    status = excluded.status, failures = 0, due_at = excluded.due_at, holds_until = NULL, ended_at = NULL, \
    created_at = excluded.created_at";

async fn insert(
    tx: &DatabaseTransaction,
    property: PropertyId,
    made: &[(SubscriptionId, New)],
    conflict: &str,
) -> Result<()> {
    let columns = [
        ("did", "uuid"),
        ("sid", "uuid"),
        ("eid", "uuid"),
        ("event", "text"),
        ("n", "int8"),
        ("cid", "uuid"),
    ];
    let rows = made.iter().map(|(subscription, New { row, item })| {
        [
            item.id.into(),
            (*subscription).into(),
            row.event.id.into(),
            row.event.event.as_str().into(),
            item.number.into(),
            item.conversation.map(bellhop_domain::ConversationId::uuid).into(),
        ]
    });
    let rows = Rows::new(columns, rows);
    let Some((_, first)) = made.first() else { return Ok(()) };
    // "WHERE true" keeps SQLite from reading ON as a join's.
    let sql = format!(
        "INSERT INTO deliveries (id, subscription_id, property_id, event_id, event, number, conversation_id, status, \
         attempts, failures, due_at, created_at) \
         SELECT did, sid, {{0}}, eid, event, n, cid, {{1}}, 0, 0, {{2}}, {{2}} FROM v WHERE true {conflict}"
    );
    let also = [property.into(), DeliveryStatus::Pending.as_str().into(), first.item.due_at.into()];
    rows.run(tx, &sql, also).await?;
    Ok(())
}
