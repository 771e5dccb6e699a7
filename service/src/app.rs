//! What every use case needs: the database, the ports and the settings that are about behaviour.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bellhop_domain::consent::StopWords;
use bellhop_domain::ports::{
    Cipher, Clock, MediaStore, Provider, Queue, RateLimiter, Wake, WebhookClient, WindowStore,
};
use bellhop_domain::{ConnectionId, Secret};
use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::auth::{Doors, Uses};
use crate::batch::{Exposure, Recorder, Room};
use crate::connection::{ConnectionCache, News};
use crate::db::Database;
use crate::delivery::Deliveries;
use crate::error::Result;
use crate::event::Feeds;
use crate::ingest::Statuses;
use crate::media::{Fetches, HandOvers};
use crate::password::Passwords;
use crate::request_limit::RequestRates;

/// The implementations that `infra` chose.
#[derive(Clone)]
pub struct Ports {
    pub provider: Arc<dyn Provider>,
    /// Hints about single messages.
    pub queue: Arc<dyn Queue>,
    /// Hints about parts of batches: their own queue, so that neither waits behind the other.
    pub batch_queue: Arc<dyn Queue>,
    pub windows: Arc<dyn WindowStore>,
    pub limiter: Arc<dyn RateLimiter>,
    pub media: Arc<dyn MediaStore>,
    pub cipher: Arc<dyn Cipher>,
    /// To partners.
    pub webhooks: Arc<dyn WebhookClient>,
    pub clock: Arc<dyn Clock>,
    /// News of event logs.
    pub wake: Arc<dyn Wake>,
}

/// How long things may take, and what else is the same for every hotel.
#[derive(Debug, Clone)]
pub struct Config {
    /// How long a claimed message is its claimer's; at most 20 s.
    pub lease: Duration,
    /// How long, in time with webhooks getting through, a message stays in doubt before the
    /// property's policy decides.
    pub in_doubt_horizon: Duration,
    /// Where others reach the API, with its base path and without a trailing slash.
    pub api_url: String,
    /// Where the provider sends webhooks.
    pub callback_url: String,
    /// By which guests stop marketing.
    pub stop_words: StopWords,
    /// Of the connections that have none of their own.
    pub app_secret: Option<Secret>,
    /// Whether a base URL may be http on another machine.
    pub allow_http_base_url: bool,
    /// How often the API may be asked.
    pub request_rates: RequestRates,
}

/// Cheap to clone; one per process.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// Public only because `Deref` names it; its fields are the crate's own.
pub struct Inner {
    pub(crate) db: Database,
    pub(crate) ports: Ports,
    pub(crate) config: Config,
    pub(crate) connections: ConnectionCache,
    pub(crate) news: Mutex<HashMap<(News, ConnectionId), Instant>>,
    /// Answers of batches, stored by groups.
    pub(crate) recorder: Recorder,
    /// Holds up batches while too much would be in doubt after a death.
    pub(crate) exposure: Exposure,
    /// Statuses of webhooks, applied by groups.
    pub(crate) statuses: Statuses,
    /// Files on their way to the provider.
    pub(crate) hand_overs: HandOvers,
    /// Files of guests on their way from the provider.
    pub(crate) fetches: Fetches,
    /// Events on their way to partners.
    pub(crate) deliveries: Deliveries,
    /// Room for calls and lanes of batches.
    pub(crate) room: Room,
    /// How often strangers may try.
    pub(crate) doors: Doors,
    pub(crate) passwords: Passwords,
    /// Tokens whose last use is being written down.
    pub(crate) uses: Uses,
    /// Woken when hints about chunks are due before their time.
    pub(crate) wake: Notify,
    /// Who follows event logs.
    pub(crate) feeds: Feeds,
    /// Attempts that this process has under way.
    pub(crate) tasks: TaskTracker,
    ready: AtomicBool,
}

impl std::ops::Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    pub fn new(db: Database, ports: Ports, config: Config) -> Self {
        Self(Arc::new(Inner {
            db,
            ports,
            config,
            connections: ConnectionCache::default(),
            news: Mutex::default(),
            recorder: Recorder::default(),
            exposure: Exposure::default(),
            statuses: Statuses::default(),
            hand_overs: HandOvers::default(),
            fetches: Fetches::default(),
            deliveries: Deliveries::default(),
            room: Room::default(),
            doors: Doors::default(),
            passwords: Passwords::default(),
            uses: Uses::default(),
            wake: Notify::new(),
            feeds: Feeds::default(),
            tasks: TaskTracker::new(),
            ready: AtomicBool::new(true),
        }))
    }

    /// The domain's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.ports.clock.now()
    }

    /// Whether the process can do its work: start-up is over and the database answers.
    pub async fn check_ready(&self) -> Result<bool> {
        self.db.ping().await?;
        Ok(self.ready.load(Ordering::Acquire))
    }

    /// Waits until hints about chunks are due before their time.
    pub async fn chunks_due(&self) {
        self.wake.notified().await;
    }

    /// Says that start-up has still something to do (false) or is over (true).
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Waits for the attempts under way, at most `grace`. What is cut off is taken over by its
    /// lease, as after a crash.
    pub async fn finish(&self, grace: Duration) {
        self.end_feeds();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                attempts = self.tasks.len(),
                "stopped with attempts under way; their leases will run out"
            );
        }
        if let Err(error) = self.db.clone().close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }

    /// Lets the database count tables again that have grown, in the background: work goes on without, only
    /// slower.
    pub(crate) fn count_again(&self, tables: &'static [&'static str]) {
        let app = self.clone();
        self.tasks.spawn(async move {
            if let Err(error) = app.db.count_again(tables).await {
                tracing::debug!(%error, "tables not counted again");
            }
        });
    }

    /// Whether this is the connection's first of its kind in about a second.
    pub(crate) fn is_news(&self, kind: News, connection: ConnectionId) -> bool {
        let mut seen = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let fresh = seen.get(&(kind, connection)).is_none_or(|at| now - *at >= Duration::from_secs(1));
        if fresh {
            seen.insert((kind, connection), now);
        }
        fresh
    }
}
