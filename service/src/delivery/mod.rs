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

use std::sync::Arc;
use std::time::Duration;

use bellhop_domain::event::EventType;
use bellhop_domain::signing::SigningSecret;
use bellhop_domain::subscription::RetryConfig;
use bellhop_domain::{PropertyId, SubscriptionId};
use bellhop_entity::subscription;
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
}

impl Default for Deliveries {
    fn default() -> Self {
        Self { changed: Notify::new(), room: Arc::new(Semaphore::new(ROOM)), recorder: Gather::default() }
    }
}

impl Deliveries {
    /// Lets the process look at the subscriptions at once. Others do within a second.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
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
    /// How many requests it may have under way after so many failures in a row.
    fn share(&self, failures: i32) -> usize {
        if failures >= BREAKS_AFTER && self.retry_config.is_none() { 1 } else { SHARE }
    }
}

/// Whoever writes to several subscriptions at once locks them first, by id: in the order in which their rows happen to
/// be found, two would wait for each other.
async fn lock_in_order(tx: &DatabaseTransaction, which: Condition) -> Result<()> {
    use subscription::Column;
    let locked = subscription::Entity::find().select_only().column(Column::Id).filter(which);
    let locked = locked.order_by_asc(Column::Id).lock_exclusive().into_tuple::<SubscriptionId>();
    locked.all(tx).await?;
    Ok(())
}

/// How long a process may be silent before another delivers in its place: as long as one may hold a message, but
/// within these.
fn lease_of(config: &Config) -> Duration {
    config.lease.clamp(Duration::from_secs(3), Duration::from_secs(10))
}
