//! Who delivers what in this process: leases of properties, a runner for each active subscription, and the rounds in
//! which the log becomes deliveries.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellhop_domain::subscription::SubscriptionStatus;
use bellhop_domain::{PropertyId, SubscriptionId};
use bellhop_entity::{event, subscription};
use futures_util::StreamExt;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::fan_out::{Lost, Made};
use super::runner::{Inbox, Runner};
use super::{Lease, Live, ROOM, lease_of};
use crate::app::App;
use crate::db::in_time;
use crate::error::Result;

/// How stale a process's idea of the subscriptions may be.
const REFRESH: Duration = Duration::from_secs(1);
/// How long an attempt takes at most, with its record.
const UNDER_WAY: Duration = Duration::from_secs(20);
/// Rounds of a property before another one has its turn.
const ROUNDS: usize = 10;

struct Engine {
    app: App,
    /// Of the leases that this process holds.
    token: Uuid,
    houses: HashMap<PropertyId, House>,
}

/// A property whose events this process delivers.
struct House {
    property: PropertyId,
    lease: Arc<Lease>,
    places: BTreeMap<SubscriptionId, Place>,
}

/// A subscription at work.
struct Place {
    live: Arc<Live>,
    /// Of the last event that became a delivery.
    cursor: Option<i64>,
    inbox: Arc<Inbox>,
    stop: CancellationToken,
    runner: JoinHandle<()>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl App {
    /// Delivers events to partners until the token is cancelled.
    pub async fn deliver_webhooks(&self, stop: CancellationToken) {
        let token = crate::send::lease_token();
        let mut engine = Engine { app: self.clone(), token, houses: HashMap::new() };
        let mut news = self.ports.wake.subscribe();
        let mut refreshed: Option<Instant> = None;
        while !stop.is_cancelled() {
            if refreshed.is_none_or(|at| at.elapsed() >= REFRESH) {
                if let Err(error) = in_time(engine.refresh()).await {
                    tracing::warn!(%error, "partners' webhooks not read");
                }
                refreshed = Some(Instant::now());
            }
            if !engine.go_round().await {
                refreshed = None;
                continue;
            }
            tokio::select! {
                () = self.deliveries.changed.notified() => refreshed = None,
                _ = news.next() => {}
                () = tokio::time::sleep(REFRESH) => {}
                () = stop.cancelled() => {}
            }
        }
        drop(engine);
        // Until nothing is under way: what another process finds pending, it sends.
        let grace = tokio::time::timeout(UNDER_WAY, self.deliveries.room.acquire_many(ROOM as u32));
        if grace.await.is_err() {
            tracing::warn!("stopped with deliveries under way; their leases will run out");
            return;
        }
        if let Err(error) = in_time(self.release_deliveries(token)).await {
            tracing::debug!(%error, "leases of deliveries not released; they run out");
        }
    }

    async fn active_subscriptions(&self) -> Result<Vec<Live>> {
        let rows = subscription::Entity::find()
            .filter(subscription::Column::Status.eq(SubscriptionStatus::Active))
            .filter(subscription::Column::RemovedAt.is_null())
            .order_by_asc(subscription::Column::Id)
            .all(self.db.reader())
            .await?;
        let mut active = Vec::with_capacity(rows.len());
        for row in rows {
            let id = row.id;
            match self.live(row) {
                Ok(live) => active.push(live),
                // One unreadable secret must not silence the others.
                Err(error) => tracing::error!(subscription = %id, %error, "a partner's webhook left out"),
            }
        }
        Ok(active)
    }

    /// The cursor of a subscription, which begins behind its own first event once that has its number.
    async fn begin_cursor(&self, live: &Live) -> Result<Option<i64>> {
        if live.cursor.is_some() {
            return Ok(live.cursor);
        }
        let number: Option<Option<i64>> = event::Entity::find()
            .select_only()
            .column(event::Column::Number)
            .filter(event::Column::Id.eq(live.row.begins_after))
            .into_tuple()
            .one(self.db.reader())
            .await?;
        let Some(number) = number.flatten() else { return Ok(None) };
        let tx = self.db.begin().await?;
        subscription::Entity::update_many()
            .col_expr(subscription::Column::Cursor, Expr::value(number))
            .filter(subscription::Column::Id.eq(live.id))
            .filter(subscription::Column::Cursor.is_null())
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(Some(number))
    }
}

impl Engine {
    /// Reads the subscriptions again, and holds on to the properties that have some.
    async fn refresh(&mut self) -> Result<()> {
        let mut of: HashMap<PropertyId, Vec<Live>> = HashMap::new();
        for live in self.app.active_subscriptions().await? {
            of.entry(live.property).or_default().push(live);
        }
        self.houses.retain(|property, _| of.contains_key(property));
        for (property, all) in of {
            let house = self.houses.entry(property).or_insert_with(|| House::of(property));
            if house.hold(&self.app, self.token).await? {
                house.refresh(&self.app, all).await?;
            } else {
                self.leave(property);
            }
        }
        Ok(())
    }

    /// Another process has the lease, or had it meanwhile.
    fn leave(&mut self, property: PropertyId) {
        if self.houses.remove(&property).is_some_and(|house| !house.places.is_empty()) {
            tracing::warn!(%property, "another process delivers this property's events now");
        }
    }

    /// A round for every property. `false` when something is not as it was.
    async fn go_round(&mut self) -> bool {
        let mut as_it_was = true;
        for (property, house) in &mut self.houses {
            match in_time(house.go_round(&self.app, self.token)).await {
                Ok(fine) => as_it_was &= fine,
                Err(error) => tracing::warn!(%property, %error, "events not made into deliveries"),
            }
        }
        as_it_was
    }
}

impl House {
    fn of(property: PropertyId) -> Self {
        Self { property, lease: Arc::default(), places: BTreeMap::new() }
    }

    /// Renews the lease when a third of it is gone; whether it is this process's.
    async fn hold(&self, app: &App, token: Uuid) -> Result<bool> {
        let whole = lease_of(&app.config);
        if self.lease.left() > whole * 2 / 3 {
            return Ok(true);
        }
        // From before it was asked for: the database may have been slow to answer.
        let until = Instant::now() + whole;
        let held = app.hold_deliveries(self.property, token).await?;
        if held {
            self.lease.lasts(until);
        }
        Ok(held)
    }

    async fn refresh(&mut self, app: &App, all: Vec<Live>) -> Result<()> {
        let ids: HashSet<SubscriptionId> = all.iter().map(|live| live.id).collect();
        self.places.retain(|id, _| ids.contains(id));
        for live in all {
            let cursor = app.begin_cursor(&live).await?;
            let live = Arc::new(live);
            match self.places.get_mut(&live.id).filter(|place| place.serves(&live)) {
                Some(place) => {
                    place.inbox.renew(Arc::clone(&live));
                    // Also what was committed without this process learning that.
                    if place.cursor != cursor || place.live.asked() != live.asked() {
                        place.inbox.look_again();
                    }
                    place.cursor = cursor;
                    place.live = live;
                }
                None => {
                    let place = Place::begin(app, (live, cursor), &self.lease);
                    self.places.insert(place.live.id, place);
                }
            }
        }
        Ok(())
    }

    /// Whether everything was as it is known here.
    async fn go_round(&mut self, app: &App, token: Uuid) -> Result<bool> {
        for _ in 0..ROUNDS {
            let mut by_cursor: BTreeMap<i64, Vec<Arc<Live>>> = BTreeMap::new();
            for place in self.places.values() {
                if let Some(cursor) = place.cursor {
                    by_cursor.entry(cursor).or_default().push(Arc::clone(&place.live));
                }
            }
            let mut moved = false;
            // Those that are furthest first: one that has much to catch up with holds up nobody.
            for (cursor, live) in by_cursor.into_iter().rev() {
                if !self.hold(app, token).await? {
                    return Ok(false);
                }
                match app.fan_out(self.property, (cursor, &live)).await? {
                    None => {}
                    Some(Err(Lost)) => return Ok(false),
                    Some(Ok(made)) => {
                        moved = true;
                        self.hand_over(&live, made);
                    }
                }
            }
            if !moved {
                break;
            }
        }
        self.replay(app).await
    }

    fn hand_over(&mut self, to: &[Arc<Live>], Made { mut items, upto }: Made) {
        for live in to {
            let Some(place) = self.places.get_mut(&live.id) else { continue };
            place.cursor = Some(upto);
            if let Some(items) = items.remove(&live.id) {
                place.inbox.hand_over(items);
            }
        }
    }

    /// A part of each replay that was asked for.
    async fn replay(&mut self, app: &App) -> Result<bool> {
        let mut none = true;
        for place in self.places.values() {
            if app.replay(&place.live).await? {
                place.inbox.look_again();
                none = false;
            }
        }
        Ok(none)
    }
}

impl Place {
    fn begin(app: &App, (live, cursor): (Arc<Live>, Option<i64>), lease: &Arc<Lease>) -> Self {
        let inbox = Arc::new(Inbox::new(Arc::clone(&live)));
        let stop = CancellationToken::new();
        let runner = Runner::new(app.clone(), Arc::clone(&inbox), (Arc::clone(lease), stop.clone()));
        let runner = app.tasks.spawn(runner.run());
        Self { live, cursor, inbox, stop, runner }
    }

    /// Whether it can go on with the subscription as it is now. A runner ends when its receiver is gone, and
    /// somebody may have said at once that it is back.
    fn serves(&self, live: &Live) -> bool {
        self.live.ordered == live.ordered && !self.runner.is_finished()
    }
}
