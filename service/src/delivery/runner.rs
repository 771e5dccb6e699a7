//! One subscription's deliveries, sent as they are due.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bellhop_domain::delivery::{AfterAttempt, HOLDS_BACK_FOR, Verdict, after_attempt, verdict};
use bellhop_domain::ports::{Bounce, Reply};
use chrono::TimeDelta;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::line::{Item, LINE_MAX, Line};
use super::message::{logged, signed};
use super::numbers;
use super::record::{Next, Outcome};
use super::{Lease, Live};
use crate::app::App;
use crate::db::{in_time, real_now};
use crate::failpoint;

/// Between two reads of a backlog that gave nothing new.
const RELOAD: Duration = Duration::from_millis(250);
/// The same, of one that gave nothing new again and again: a partner that is away for days.
const RELOAD_MOST: Duration = Duration::from_secs(5);
/// After an attempt that could not be made, or of which nothing could be stored.
const REST: Duration = Duration::from_secs(1);

/// What a runner is told.
pub(super) struct Inbox {
    what: Mutex<Told>,
    news: Notify,
}

struct Told {
    live: Arc<Live>,
    items: Vec<Item>,
    /// There are rows that were not handed over.
    more: bool,
}

impl Inbox {
    pub fn new(live: Arc<Live>) -> Self {
        Self { what: Mutex::new(Told { live, items: Vec::new(), more: true }), news: Notify::new() }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.what.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deliveries whose rows were just made.
    pub fn hand_over(&self, items: Vec<Item>) {
        let mut told = self.told();
        if told.items.len() + items.len() > LINE_MAX {
            told.more = true;
        } else {
            told.items.extend(items);
        }
        drop(told);
        self.news.notify_one();
    }

    /// Rows have become due that somebody else wrote.
    pub fn look_again(&self) {
        self.told().more = true;
        self.news.notify_one();
    }

    /// The subscription as it is now.
    pub fn renew(&self, live: Arc<Live>) {
        self.told().live = live;
    }
}

/// A runner at work.
pub(super) struct Runner {
    app: App,
    inbox: Arc<Inbox>,
    line: Line,
    live: Arc<Live>,
    under_way: usize,
    /// In a row, over all deliveries.
    failures: i32,
    /// There are rows that are not in the line.
    more: bool,
    reload_at: Instant,
    reload_gap: Duration,
    /// Nothing begins before: the database is away.
    rests_until: Instant,
    lease: Arc<Lease>,
    stop: CancellationToken,
    /// What has this number or a smaller one was read from the rows.
    read_upto: i64,
}

/// An attempt that is over.
struct Ended {
    item: Item,
    result: Attempted,
}

enum Attempted {
    Stored(Next),
    /// There is nothing to deliver any more.
    NotWanted,
    /// It was not made, or nothing of it could be stored: the row says that it is still to be made.
    Unstored,
}

impl Runner {
    pub fn new(app: App, inbox: Arc<Inbox>, (lease, stop): (Arc<Lease>, CancellationToken)) -> Self {
        let live = Arc::clone(&inbox.told().live);
        Self {
            line: Line::new(live.ordered),
            under_way: 0,
            failures: live.failures,
            more: true,
            reload_at: Instant::now(),
            reload_gap: RELOAD,
            rests_until: Instant::now(),
            lease,
            stop,
            read_upto: 0,
            app,
            inbox,
            live,
        }
    }

    /// Until it is stopped; what is under way then ends by itself.
    pub async fn run(mut self) {
        let (done, mut ended) = mpsc::unbounded_channel();
        let stop = self.stop.clone();
        while !stop.is_cancelled() {
            self.take_in();
            if self.more && self.reload_at <= Instant::now() && !self.line.can_go(real_now()) {
                self.reload().await;
            }
            self.start(&done);
            tokio::select! {
                Some(over) = ended.recv() => {
                    if self.settle(over) {
                        return;
                    }
                }
                () = self.inbox.news.notified() => {}
                () = tokio::time::sleep(self.pause()) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    fn take_in(&mut self) {
        let now = real_now();
        let (items, more) = {
            let mut told = self.inbox.told();
            self.live = Arc::clone(&told.live);
            (std::mem::take(&mut told.items), std::mem::take(&mut told.more))
        };
        self.more |= more;
        if more || !items.is_empty() {
            self.reload_gap = RELOAD;
            self.reload_at = Ord::min(self.reload_at, Instant::now() + RELOAD);
        }
        for item in items {
            // While there are rows that are not here, all come from the rows, in their order.
            if item.number > self.read_upto && (self.more || !self.line.offer(item, now)) {
                self.more = true;
            }
        }
    }

    async fn reload(&mut self) {
        self.reload_at = Instant::now() + self.reload_gap;
        self.reload_gap = Ord::min(self.reload_gap * 2, RELOAD_MOST);
        let now = real_now();
        self.line.make_room(now);
        match in_time(self.app.load_pending(self.live.id, self.live.ordered, now)).await {
            Ok(loaded) => {
                let mut fits = true;
                for item in loaded.items {
                    fits &= self.line.offer(item, now);
                }
                if self.line.can_go(now) {
                    // What comes after it is read as soon as it is under way.
                    (self.reload_gap, self.reload_at) = (RELOAD, Instant::now());
                }
                if let Some(upto) = loaded.all_upto {
                    self.read_upto = self.read_upto.max(upto);
                    self.more = !fits;
                }
            }
            Err(error) => {
                tracing::warn!(subscription = %self.live.id, %error, "pending deliveries not read");
            }
        }
    }

    fn start(&mut self, done: &mpsc::UnboundedSender<Ended>) {
        let share = self.live.share(self.failures);
        while self.under_way < share
            && self.rests_until <= Instant::now()
            && let Some(item) = self.line.next(real_now())
        {
            self.under_way += 1;
            let (app, live, done) = (self.app.clone(), Arc::clone(&self.live), done.clone());
            let (lease, stop) = (Arc::clone(&self.lease), self.stop.clone());
            self.app.tasks.spawn(async move {
                let may = || !stop.is_cancelled() && !lease.left().is_zero();
                let result = app.attempt(&live, &item, may).await;
                // The runner may be gone.
                done.send(Ended { item, result }).ok();
            });
        }
    }

    /// Whether the receiver wants nothing any more.
    fn settle(&mut self, Ended { mut item, result }: Ended) -> bool {
        self.under_way -= 1;
        match result {
            Attempted::Stored(Next::Delivered) => {
                self.failures = 0;
                self.line.ended(&item);
            }
            Attempted::NotWanted => self.line.ended(&item),
            Attempted::Stored(Next::Again { failures, due_at, holds_until }) => {
                self.failures += 1;
                item.attempts += 1;
                item.fresh = None;
                (item.failures, item.due_at, item.holds_until) = (failures, due_at, Some(holds_until));
                self.line.again(item);
            }
            Attempted::Stored(Next::Failed { .. }) => {
                self.failures += 1;
                self.line.ended(&item);
            }
            Attempted::Stored(Next::Gone { .. }) => return true,
            Attempted::Unstored => {
                // It keeps its place, or those behind it would overtake it.
                let now = real_now();
                item.due_at = now + TimeDelta::from_std(REST).unwrap_or_default();
                item.fresh = None;
                item.holds_until = Some(item.holds_until.unwrap_or(now + HOLDS_BACK_FOR));
                self.line.again(item);
                self.rests_until = Instant::now() + REST;
            }
        }
        false
    }

    fn pause(&self) -> Duration {
        let now = real_now();
        let rest = self.rests_until.saturating_duration_since(Instant::now());
        if self.under_way < self.live.share(self.failures) && self.line.can_go(now) {
            // It became due a moment ago, or the database is away.
            return rest.max(Duration::from_millis(1));
        }
        let due = self.line.wakes_at(now).map(|at| (at - now).to_std().unwrap_or_default());
        // While something may go, it goes when another ends.
        let reload = (self.more && !self.line.can_go(now))
            .then(|| self.reload_at.saturating_duration_since(Instant::now()));
        let soon = due.into_iter().chain(reload).min().unwrap_or(Duration::from_secs(60));
        // Times are kept in milliseconds.
        soon.max(Duration::from_millis(1))
    }
}

impl App {
    async fn attempt(&self, live: &Live, item: &Item, may: impl Fn() -> bool) -> Attempted {
        // Never closed.
        let _place = self.deliveries.room.acquire().await;
        let Some(_under_way) = self.deliveries.begin(item.id) else { return Attempted::Unstored };
        let message = match in_time(self.message_of(item)).await {
            Ok(Some(message)) => message,
            // Somebody delivered it meanwhile.
            Ok(None) => return Attempted::NotWanted,
            Err(error) => {
                tracing::warn!(subscription = %live.id, %error, "an event was not read; its delivery waits");
                return Attempted::Unstored;
            }
        };
        if !may() {
            return Attempted::Unstored;
        }
        let (request, timestamp) = signed(&live.url, &live.secrets, &message);
        let sent = logged(&request);
        failpoint::here("delivery_before_call");
        let began = Instant::now();
        let answer = self.ports.webhooks.send(request).await;
        failpoint::here("delivery_answered");
        let took = began.elapsed();
        numbers::attempted(took, answer.as_ref().map(|reply| reply.status).ok());
        let next = decide(live, item, &answer);
        let (status, error, answer) = match answer {
            Ok(Reply { status, body, .. }) => (Some(status), None, readable(&body)),
            Err(bounce) => (None, Some(bounce.to_string()), String::new()),
        };
        let outcome = Outcome {
            subscription: live.id,
            delivery: item.id,
            number: item.attempts + 1,
            url: live.url.clone(),
            timestamp,
            request: sent,
            took_ms: i32::try_from(took.as_millis()).unwrap_or(i32::MAX),
            status,
            error,
            answer,
            next,
        };
        if self.record_delivery(outcome).await { Attempted::Stored(next) } else { Attempted::Unstored }
    }
}

/// What follows from an answer.
fn decide(live: &Live, item: &Item, answer: &Result<Reply, Bounce>) -> Next {
    let failures = item.failures + 1;
    let retry_after = match answer {
        Ok(reply) => match verdict(reply.status) {
            Verdict::Taken => return Next::Delivered,
            Verdict::Gone => return Next::Gone { failures },
            Verdict::Refused => reply.retry_after,
        },
        // Also a URL that leads where nothing may go: a name can be mended.
        Err(Bounce::BadUrl(_) | Bounce::TooLate | Bounce::Unreachable(_)) => None,
    };
    match after_attempt(live.retry_config, failures, retry_after, rand::random()) {
        AfterAttempt::GiveUp => Next::Failed { failures },
        AfterAttempt::RetryIn(delay) => {
            let now = real_now();
            let due_at = now + TimeDelta::from_std(delay).unwrap_or(TimeDelta::hours(24));
            Next::Again { failures, due_at, holds_until: item.holds_until.unwrap_or(now + HOLDS_BACK_FOR) }
        }
    }
}

/// As far as it is text. PostgreSQL takes no NUL.
fn readable(body: &[u8]) -> String {
    String::from_utf8_lossy(body).replace('\0', "\u{fffd}")
}
