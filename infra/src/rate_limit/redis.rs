//! Limits that several processes share.

mod link;
mod requests;
mod server_clock;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bellhop_domain::guest::Recipient;
use bellhop_domain::ports::{
    BatchAsk, BatchPermit, BatchPlace, Pace, Permit, RateLimiter, RequestAsk, RequestPermit,
};
use bellhop_domain::{ConnectionId, Secret};

use super::in_memory::InMemoryRateLimiter;
use super::ticks::{Ticks, duration, ticks};
use link::{Arguments, Link, Script, Way};
use server_clock::ServerClock;

/// A front-desk send waits no longer than this for Redis, once an outage.
const TIMEOUT: Duration = Duration::from_millis(500);

/// What Redis has given away when it falls silent passes in this time, but for single sends that
/// wait longer: batches book no further ahead.
const LAST_PLACES: Duration = Duration::from_millis(100);

/// Recipients of one group that are looked at; the others have no place yet. It bounds the script.
const MAX_GROUP: usize = 1_000;

static PACE: Script = Script::new(include_str!("redis/pace.lua"));

/// One script on Redis' clock gives all processes their places (`pace.lua`). Its keys, all of which
/// expire, are `<prefix>:pace:<connection id>` and, for a recipient's bucket,
/// `<prefix>:pace:<digest>`.
///
/// **While Redis is away**, each process paces in memory with its share of the pace. What a second
/// can hold then:
/// - When it goes, the pace, and on top what single sends still wait for: the last places of batches
///   pass while the fallback pauses for 100 ms.
/// - While it is away, the pace, as long as `share_among` is right. If only some processes cannot
///   reach it, the others have all of the pace and these their share on top.
/// - When it returns, the pace: for a second and a half each process asks Redis for its share only,
///   as others may still be on their own; and Redis' places begin after those that this process
///   gave away itself.
///
/// When Redis loses its keys, places begin anew, and those that were booked before come on top.
pub struct RedisRateLimiter {
    link: Arc<Link>,
    prefix: String,
    clock: Mutex<ServerClock>,
    fallback: InMemoryRateLimiter,
    processes: AtomicU32,
}

/// An address that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("no address of a Redis server")]
pub struct BadAddress(#[source] pub(crate) redis::RedisError);

/// A script's answer that came in time.
#[derive(Debug)]
struct Reply {
    /// As the script says, the server's time first.
    values: Vec<i64>,
    /// How late it is.
    late: Ticks,
}

impl RedisRateLimiter {
    /// Does not connect yet, so Redis may be away. Calls need a Tokio runtime.
    ///
    /// # Errors
    /// When `url` is none for Redis.
    pub fn connect(url: &Secret, prefix: &str) -> Result<Self, BadAddress> {
        Self::with_timeout(url, prefix, TIMEOUT)
    }

    fn with_timeout(url: &Secret, prefix: &str, timeout: Duration) -> Result<Self, BadAddress> {
        let client = redis::Client::open(url.expose()).map_err(BadAddress)?;
        Ok(Self {
            link: Arc::new(Link::new(client, format!("{prefix}:pace:probe"), timeout)),
            prefix: prefix.to_owned(),
            clock: Mutex::new(ServerClock::new()),
            fallback: InMemoryRateLimiter::new(),
            processes: AtomicU32::new(1),
        })
    }

    fn key(&self, connection: ConnectionId) -> String {
        format!("{}:pace:{connection}", self.prefix)
    }

    /// `at` is given by tests, which move the script's time.
    async fn ask(&self, mut question: Question<'_>, at: Option<Ticks>) -> Option<Reply> {
        let (share, not_before) = match self.link.way() {
            Way::Open => (1, Duration::ZERO),
            Way::Returning => {
                (self.processes.load(Ordering::Relaxed), self.fallback.booked(question.connection))
            }
            Way::Closed => return None,
        };
        let at = at.map(|at| at.to_string()).unwrap_or_default();
        let pace = question.pace.per_second.to_string();
        let (share, not_before) = (share.to_string(), ticks(not_before).to_string());
        let mut values = vec![question.word.to_owned(), at, pace, share, not_before];
        values.append(&mut question.values);
        let mut keys = vec![self.key(question.connection)];
        keys.extend(question.recipients.iter().map(|recipient| {
            format!("{}:pace:{:016x}", self.prefix, digest(question.connection, recipient))
        }));
        let first = || self.fallback.hold(LAST_PLACES);
        let values = self.link.ask(&Arguments { script: &PACE, keys, values }, first).await?;
        let late = self.clock.lock().unwrap_or_else(PoisonError::into_inner).lateness(*values.first()?);
        Some(Reply { values, late })
    }

    async fn ask_single(
        &self,
        (connection, recipient): (ConnectionId, &Recipient),
        pace: Pace,
        patience: Duration,
        at: Option<Ticks>,
    ) -> Option<Reply> {
        let recipients = std::slice::from_ref(recipient);
        let values = vec![ticks(patience).to_string()];
        self.ask(Question { word: "one", connection, pace, recipients, values }, at).await
    }

    async fn ask_group(&self, ask: &BatchAsk<'_>, at: Option<Ticks>) -> Option<Reply> {
        let recipients = &ask.recipients[..ask.recipients.len().min(MAX_GROUP)];
        let own = ask.batch_pace.map(|pace| pace.to_string()).unwrap_or_default();
        let values = vec![ticks(ask.ahead).to_string(), ask.batch.to_string(), own];
        let BatchAsk { connection, pace, .. } = *ask;
        self.ask(Question { word: "group", connection, pace, recipients, values }, at).await
    }

    /// For what is asked of a connection alone.
    async fn ask_line(
        &self,
        word: &'static str,
        connection: ConnectionId,
        pace: Pace,
        at: Option<Ticks>,
    ) -> Option<Reply> {
        self.ask(Question { word, connection, pace, recipients: &[], values: vec![] }, at).await
    }
}

struct Question<'a> {
    word: &'static str,
    connection: ConnectionId,
    pace: Pace,
    recipients: &'a [Recipient],
    values: Vec<String>,
}

/// FNV-1a: a digest, so that no phone number stands in Redis' logs, and one that does not change
/// between two releases that run side by side. Two recipients share one so rarely that one of them
/// waiting for the other is a fair price.
fn digest(connection: ConnectionId, recipient: &Recipient) -> u64 {
    let kind = match recipient {
        Recipient::Number(_) => b'n',
        Recipient::Bsuid(_) => b'b',
    };
    let connection = connection.uuid().into_bytes();
    let bytes = connection.into_iter().chain([kind]).chain(recipient.as_str().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// `None` for what the script never says.
fn permit(reply: &Reply) -> Option<Permit> {
    match reply.values[..] {
        [_, 0, after] => Some(Permit::Granted { after: duration(after - reply.late) }),
        [_, 1, wait] => Some(Permit::ConnectionBusy(duration(wait))),
        [_, 2, wait] => Some(Permit::RecipientBusy(duration(wait))),
        _ => None,
    }
}

fn batch_permit(reply: &Reply, asked: usize) -> Option<BatchPermit> {
    let [_, again, places @ ..] = &reply.values[..] else { return None };
    let mut places: Vec<BatchPlace> = places
        .iter()
        .map(|&place| match place {
            0.. => BatchPlace::After(duration(place - reply.late)),
            ..0 => BatchPlace::RecipientBusy(duration(-place)),
        })
        .collect();
    places.resize(asked, BatchPlace::NotYet);
    Some(BatchPermit { places, again: duration(*again) })
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    async fn acquire(
        &self,
        connection: ConnectionId,
        recipient: &Recipient,
        pace: Pace,
        patience: Duration,
    ) -> Permit {
        let reply = self.ask_single((connection, recipient), pace, patience, None).await;
        match reply.as_ref().and_then(permit) {
            Some(permit) => permit,
            None => self.fallback.acquire(connection, recipient, pace, patience).await,
        }
    }

    async fn acquire_group(&self, ask: &BatchAsk<'_>) -> BatchPermit {
        let reply = self.ask_group(ask, None).await;
        match reply.as_ref().and_then(|reply| batch_permit(reply, ask.recipients.len())) {
            Some(permit) => permit,
            None => self.fallback.acquire_group(ask).await,
        }
    }

    async fn slow_down(&self, connection: ConnectionId, pace: Pace) {
        if self.ask_line("slow", connection, pace, None).await.is_none() {
            self.fallback.slow_down(connection, pace).await;
        }
    }

    async fn pace_now(&self, connection: ConnectionId, pace: Pace) -> f64 {
        let reply = self.ask_line("pace", connection, pace, None).await;
        match reply.as_ref().map(|reply| &reply.values[..]) {
            Some([_, thousandths]) => *thousandths as f64 / 1_000.0,
            Some(_) | None => self.fallback.pace_now(connection, pace).await,
        }
    }

    async fn take_request(&self, asks: &[RequestAsk]) -> RequestPermit {
        match self.ask_request(asks, None).await {
            Some(permit) => permit,
            None => self.fallback.take_request(asks).await,
        }
    }

    /// Redis gives out the whole pace in one place, so this counts only while it is away.
    fn share_among(&self, processes: u32) {
        self.processes.store(processes.max(1), Ordering::Relaxed);
        self.fallback.share_among(processes);
    }
}

#[cfg(test)]
mod tests;
