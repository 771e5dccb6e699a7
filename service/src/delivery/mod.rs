//! Events on their way to partners.
//!
//! One process at a time delivers a property's events: it holds `delivery_leases`. It reads the log once for all the
//! property's subscriptions and makes a row of `deliveries` for each that wants an event (`fan_out.rs`), in the
//! transaction that moves their cursors. A task for each subscription (`runner.rs`) sends what is due and stores what
//! came of it (`record.rs`); which comes next is decided in memory (`line.rs`), and the rows are the truth.

mod again;
mod clean;
mod engine;
mod fan_out;
mod lease;
mod line;
mod list;
mod load;
mod message;
pub(crate) mod numbers;
mod record;
mod runner;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bellhop_domain::event::EventType;
use bellhop_domain::signing::SigningSecret;
use bellhop_domain::subscription::RetryConfig;
use bellhop_domain::{DeliveryId, PropertyId, SubscriptionId};
use bellhop_entity::subscription;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::LockType;
use sea_orm::{Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::sync::{Notify, Semaphore};

use crate::app::{App, Config};
use crate::error::Result;
use crate::gather::Gather;
use crate::subscription::{events_of, retry_config};

pub(crate) use message::{Message, signed};

pub use again::Again;
pub use list::{AttemptView, DeliveryDetail, DeliveryFilter, DeliveryView};

/// Requests to partners that a process has under way.
const ROOM: usize = 512;
/// And one subscription of them.
const SHARE: usize = 8;
/// Failures in a row after which a subscription gets no more than one request at a time, until one is taken: a
/// partner that hangs must not use up the room. One with a schedule of its own keeps its share, and so its times.
const BREAKS_AFTER: i32 = 5;

/// What the deliveries of a process share.
pub(crate) struct Deliveries {
    /// Subscriptions were made or changed.
    changed: Notify,
    room: Arc<Semaphore>,
    recorder: Gather<record::Outcome, ()>,
    under_way: Mutex<HashSet<DeliveryId>>,
}

/// A delivery that this process has under way. A subscription that is stopped and taken up again gets a runner that
/// knows nothing of what the former one still waits for.
struct UnderWay<'a> {
    of: &'a Deliveries,
    id: DeliveryId,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.of.under_way().remove(&self.id);
    }
}

/// How long a property's deliveries are this process's. Nothing leaves afterwards, however long whoever renews it
/// is kept from that.
#[derive(Default)]
struct Lease(Mutex<Option<Instant>>);

impl Lease {
    fn lasts(&self, until: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn left(&self) -> Duration {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}

impl Default for Deliveries {
    fn default() -> Self {
        Self {
            changed: Notify::new(),
            room: Arc::new(Semaphore::new(ROOM)),
            recorder: Gather::default(),
            under_way: Mutex::default(),
        }
    }
}

impl Deliveries {
    /// Lets the process look at the subscriptions at once. Others do within a second.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }

    fn under_way(&self) -> MutexGuard<'_, HashSet<DeliveryId>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` when it is under way already.
    fn begin(&self, id: DeliveryId) -> Option<UnderWay<'_>> {
        self.under_way().insert(id).then_some(UnderWay { of: self, id })
    }
}

/// An active subscription, its secrets opened.
struct Live {
    id: SubscriptionId,
    property: PropertyId,
    url: String,
    events: Vec<EventType>,
    secrets: Vec<SigningSecret>,
    retry_config: Option<RetryConfig>,
    ordered: bool,
    cursor: Option<i64>,
    failures: i32,
    row: subscription::Model,
}

impl App {
    fn live(&self, row: subscription::Model) -> Result<Live> {
        Ok(Live {
            id: row.id,
            property: row.property_id,
            url: row.url.clone(),
            events: events_of(&row),
            secrets: self.signing_secrets(&row)?,
            retry_config: retry_config(&row),
            ordered: row.ordered,
            cursor: row.cursor,
            failures: row.failures,
            row,
        })
    }
}

impl Live {
    /// What somebody wants once more.
    fn asked(&self) -> (i32, Option<i64>, Option<i64>) {
        (self.row.asked_again, self.row.replay_after, self.row.replay_to)
    }

    /// How many requests it may have under way after so many failures in a row.
    fn share(&self, failures: i32) -> usize {
        if failures >= BREAKS_AFTER && self.retry_config.is_none() { 1 } else { SHARE }
    }
}

/// Whoever writes to several subscriptions at once locks them first, by id: in the order in which their rows happen to
/// be found, two would wait for each other. Not for keys, which new deliveries hold shared in whatever order. Answers
/// with when each was changed last.
async fn lock_in_order(
    tx: &DatabaseTransaction,
    which: Condition,
) -> Result<Vec<(SubscriptionId, DateTime<Utc>)>> {
    use subscription::Column;
    let locked = subscription::Entity::find().select_only().columns([Column::Id, Column::UpdatedAt]);
    let locked = locked.filter(which).order_by_asc(Column::Id).lock(LockType::NoKeyUpdate);
    Ok(locked.into_tuple().all(tx).await?)
}

/// How long a process may be silent before another delivers in its place: as long as one may hold a message, but
/// within these.
fn lease_of(config: &Config) -> Duration {
    config.lease.clamp(Duration::from_secs(3), Duration::from_secs(10))
}
