//! The numbers to watch: counted where things happen, or read from the database when somebody
//! looks. Labels are ids, codes and words; never a phone number.

use std::time::{Duration, Instant};

use bellhop_domain::answer::Answer;
use bellhop_domain::connection::ConnectionStatus;
use bellhop_domain::{ConnectionId, MessageStatus};
use bellhop_entity::{connection, conversation, media_fetch, message};
use chrono::{DateTime, Utc};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::sync::Mutex;

use crate::app::App;
use crate::db::real_now;
use crate::delivery;
use crate::dispatch::in_lane;
use crate::error::Result;

const ATTEMPTS: &str = "bellhop_attempts_total";
const PROVIDER_LATENCY: &str = "bellhop_provider_latency_seconds";
const WEBHOOK_LAG: &str = "bellhop_webhook_lag_seconds";
const MEDIA_FETCHES: &str = "bellhop_media_fetches_total";
const MEDIA_BYTES: &str = "bellhop_media_fetched_bytes_total";
const EVENTS_NUMBERED: &str = "bellhop_events_numbered_total";
const EVENT_STREAMS: &str = "bellhop_event_streams";
const STREAMS_TOO_SLOW: &str = "bellhop_event_streams_too_slow_total";
const REQUESTS_REFUSED: &str = "bellhop_requests_refused_total";
const DATABASE_UP: &str = "bellhop_database_up";
const QUEUE_AGE: &str = "bellhop_queue_age_seconds";
const IN_DOUBT: &str = "bellhop_in_doubt";
const MEDIA_WAITING: &str = "bellhop_media_waiting";
const MEDIA_WAIT: &str = "bellhop_media_wait_seconds";
const WINDOWS_OPEN: &str = "bellhop_windows_open";
const PACE_LIMIT: &str = "bellhop_pace_limit";
const PACE_NOW: &str = "bellhop_pace_now";
const QUALITY: &str = "bellhop_quality";
const NEEDS_CREDENTIALS: &str = "bellhop_needs_credentials";

/// The histograms with the upper ends of their buckets, in seconds.
pub const BUCKETS: [(&str, &[f64]); 3] = [
    // WhatsApp answers in some hundred milliseconds; a call is given up after 20 s.
    (PROVIDER_LATENCY, &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0]),
    // A partner has 15 s.
    (delivery::numbers::LATENCY, &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0]),
    // Its times are whole seconds. It repeats what did not get through for up to seven days.
    (WEBHOOK_LAG, &[1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0]),
];

/// The content type of Prometheus's text format.
pub const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Meta's words. Others count as the last, so that the provider cannot make new series.
const RATINGS: [&str; 4] = ["GREEN", "YELLOW", "RED", "UNKNOWN"];

/// Of a message in a lane: it is the lane's head.
const NOTHING_AHEAD: &str = "NOT EXISTS (SELECT 1 FROM messages ahead \
    WHERE ahead.conversation_id = messages.conversation_id AND ahead.seq < messages.seq \
    AND ahead.status IN ('queued', 'sending') AND ahead.seq IS NOT NULL)";

/// However many scrape, the database is asked once in this time.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// Scrapers give up after 10 s; a database that hangs must not take the counters with it.
const PATIENCE: Duration = Duration::from_secs(3);

/// When the gauges were last read. One for the process, as the recorder of the gauges is.
static READ_AT: Mutex<Option<Instant>> = Mutex::const_new(None);

/// Tells the recorder what each number means. After the recorder was installed.
pub fn describe() {
    describe_counter!(ATTEMPTS, "Attempts to send by what the provider answered; code is its error code");
    describe_histogram!(PROVIDER_LATENCY, "How long the provider took to answer a send");
    describe_histogram!(WEBHOOK_LAG, "From a message's or a status's own time until it arrived here");
    describe_counter!(MEDIA_FETCHES, "Attempts to fetch a file that a guest sent, by what came of them");
    describe_counter!(MEDIA_BYTES, "Bytes of files that guests sent and that are here");
    describe_counter!(EVENTS_NUMBERED, "Events that this process gave their place in the log");
    describe_gauge!(EVENT_STREAMS, "Streams of the live feed that are open");
    describe_counter!(STREAMS_TOO_SLOW, "Streams that were closed because their client did not keep up");
    describe_counter!(
        REQUESTS_REFUSED,
        "Requests to the API that came too fast, by the limit that had no room"
    );
    describe_gauge!(DATABASE_UP, "Whether the numbers below could be read from the database");
    describe_gauge!(
        QUEUE_AGE,
        "How long the oldest message that could leave and that nobody has claimed has been due"
    );
    describe_gauge!(IN_DOUBT, "Messages of which it is not known whether they left");
    describe_gauge!(MEDIA_WAITING, "Files that guests sent and that are not here yet");
    describe_gauge!(MEDIA_WAIT, "How long the oldest of them has been waited for");
    describe_gauge!(WINDOWS_OPEN, "Conversations whose customer service window is open");
    describe_gauge!(PACE_LIMIT, "Messages per second that the number may send at most");
    describe_gauge!(PACE_NOW, "Messages per second that the number is given at present");
    describe_gauge!(QUALITY, "1 for the rating that the number has at the provider, 0 for the others");
    describe_gauge!(NEEDS_CREDENTIALS, "1 while the provider refuses the number's access token");
    delivery::numbers::describe();
}

/// Awaits the provider's answer to a send.
pub(crate) async fn timed(call: impl Future<Output = Answer>) -> Answer {
    let began = Instant::now();
    let answer = call.await;
    histogram!(PROVIDER_LATENCY).record(began.elapsed());
    answer
}

/// Counts an attempt by its outcome.
pub(crate) fn attempt(outcome: &'static str, answer: &Answer) {
    let code = match answer {
        Answer::Refused(error) if error.is_known() => error.code.to_string(),
        Answer::Refused(_) => "other".to_owned(),
        Answer::Accepted(_) | Answer::NeverSent { .. } | Answer::Unknown { .. } => "none".to_owned(),
    };
    counter!(ATTEMPTS, "outcome" => outcome, "code" => code).increment(1);
}

/// Counts a file that came.
pub(crate) fn media_fetched(bytes: u64) {
    counter!(MEDIA_FETCHES, "outcome" => "stored").increment(1);
    counter!(MEDIA_BYTES).increment(bytes);
}

/// Counts a file that did not come.
pub(crate) fn media_missed(is_over: bool) {
    let outcome = if is_over { "given_up" } else { "missed" };
    counter!(MEDIA_FETCHES, "outcome" => outcome).increment(1);
}

/// Counts events that got their numbers.
pub(crate) fn events_numbered(count: u64) {
    counter!(EVENTS_NUMBERED).increment(count);
}

/// Counts a stream of the live feed for as long as it lives.
pub(crate) struct OpenStream;

impl OpenStream {
    pub fn new() -> Self {
        gauge!(EVENT_STREAMS).increment(1.0);
        Self
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        gauge!(EVENT_STREAMS).decrement(1.0);
    }
}

/// Counts a stream that did not keep up.
pub(crate) fn stream_too_slow() {
    counter!(STREAMS_TOO_SLOW).increment(1);
}

/// Counts a request that came too fast for a limit.
pub(crate) fn request_refused(limit: &'static str) {
    counter!(REQUESTS_REFUSED, "limit" => limit).increment(1);
}

/// Notes how late something of a webhook is. Both times are the domain's.
pub(crate) fn webhook_lag(at: DateTime<Utc>, now: DateTime<Utc>) {
    // Another clock than ours: it may be ahead.
    histogram!(WEBHOOK_LAG).record((now - at).to_std().unwrap_or_default());
}

impl App {
    /// Brings the gauges that stand for rows up to date, for a scrape.
    pub async fn read_numbers(&self) {
        let mut read_at = READ_AT.lock().await;
        if read_at.is_some_and(|at| at.elapsed() < FRESH_FOR) {
            return;
        }
        let up = match tokio::time::timeout(PATIENCE, self.read_gauges()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "numbers not read");
                false
            }
            Err(_) => {
                tracing::warn!("numbers not read: the database is too slow");
                false
            }
        };
        gauge!(DATABASE_UP).set(f64::from(u8::from(up)));
        *read_at = Some(Instant::now());
    }

    async fn read_gauges(&self) -> Result<()> {
        gauge!(QUEUE_AGE).set(self.queue_age().await?.as_secs_f64());
        gauge!(IN_DOUBT).set(self.in_doubt().await?);
        let (waiting, longest) = self.media_waiting().await?;
        gauge!(MEDIA_WAITING).set(waiting);
        gauge!(MEDIA_WAIT).set(longest.as_secs_f64());
        gauge!(WINDOWS_OPEN).set(self.windows_open().await?);
        self.read_delivery_gauges().await?;
        for connection in self.connections().await?.iter() {
            let now = self.ports.limiter.pace_now(connection.id, connection.pace).await;
            gauge!(PACE_LIMIT, "connection" => connection.id.to_string()).set(connection.pace.per_second);
            gauge!(PACE_NOW, "connection" => connection.id.to_string()).set(now);
        }
        for (id, rating, status) in self.standings().await? {
            let refused = f64::from(u8::from(status == ConnectionStatus::NeedsCredentials));
            gauge!(NEEDS_CREDENTIALS, "connection" => id.to_string()).set(refused);
            for word in RATINGS {
                let has = f64::from(u8::from(word == rating));
                gauge!(QUALITY, "connection" => id.to_string(), "rating" => word).set(has);
            }
        }
        Ok(())
    }

    async fn queue_age(&self) -> Result<Duration> {
        use message::Column;
        let now = real_now();
        let oldest: Option<DateTime<Utc>> = message::Entity::find()
            .select_only()
            .column(Column::DueAt)
            // What waits in a batch has no place in a lane, and what waits behind another message
            // of its conversation is not to leave yet: both are as they should be.
            .filter(in_lane())
            .filter(Expr::cust(NOTHING_AHEAD))
            .filter(Column::Status.eq(MessageStatus::Queued))
            .filter(Column::DueAt.lte(now))
            .filter(Condition::any().add(Column::LeaseUntil.is_null()).add(Column::LeaseUntil.lte(now)))
            .order_by_asc(Column::DueAt)
            .limit(1)
            .into_tuple()
            .one(self.db.reader())
            .await?;
        Ok(oldest.and_then(|due| (now - due).to_std().ok()).unwrap_or_default())
    }

    async fn in_doubt(&self) -> Result<f64> {
        let count: Option<i64> = message::Entity::find()
            .select_only()
            .column_as(Expr::col(message::Column::Id).count(), "number")
            .filter(Expr::cust("status = 'in_doubt'"))
            .into_tuple()
            .one(self.db.reader())
            .await?;
        Ok(as_gauge(count))
    }

    /// How many, and for how long the oldest.
    async fn media_waiting(&self) -> Result<(f64, Duration)> {
        use media_fetch::Column;
        let pending = || media_fetch::Entity::find().select_only().filter(Expr::cust("status = 'pending'"));
        let count: Option<i64> = pending()
            .column_as(Expr::col(Column::MediaId).count(), "number")
            .into_tuple()
            .one(self.db.reader())
            .await?;
        let oldest: Option<DateTime<Utc>> = pending()
            .column(Column::CreatedAt)
            .order_by_asc(Column::CreatedAt)
            .limit(1)
            .into_tuple()
            .one(self.db.reader())
            .await?;
        let longest = oldest.and_then(|oldest| (self.now() - oldest).to_std().ok());
        Ok((as_gauge(count), longest.unwrap_or_default()))
    }

    async fn windows_open(&self) -> Result<f64> {
        let count: Option<i64> = conversation::Entity::find()
            .select_only()
            .column_as(Expr::col(conversation::Column::Id).count(), "number")
            .filter(conversation::Column::WindowExpiresAt.gt(self.now()))
            .filter(conversation::Column::MergedInto.is_null())
            .into_tuple()
            .one(self.db.reader())
            .await?;
        Ok(as_gauge(count))
    }

    /// How each number stands with the provider: its rating, as one of [`RATINGS`], and whether it may send.
    async fn standings(&self) -> Result<Vec<(ConnectionId, &'static str, ConnectionStatus)>> {
        use connection::Column;
        let rows: Vec<(ConnectionId, Option<String>, ConnectionStatus)> = connection::Entity::find()
            .select_only()
            .columns([Column::Id, Column::QualityRating, Column::Status])
            .filter(Column::Id.is_in(self.connections().await?.iter().map(|c| c.id)))
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let word = |given: Option<String>| {
            let known = RATINGS.into_iter().find(|word| given.as_deref() == Some(word));
            known.unwrap_or("UNKNOWN")
        };
        Ok(rows.into_iter().map(|(id, rating, status)| (id, word(rating), status)).collect())
    }
}

fn as_gauge(count: Option<i64>) -> f64 {
    // Exact up to 2^53 rows.
    count.unwrap_or_default() as f64
}
