//! The live feed: for each property and process one reader of the log, whose ring all its streams share.
//!
//! A stream begins in the log, in pages, and goes over to the ring when it has reached it. Who is slower than
//! the ring is long is cut off, and resumes from the log.

use std::collections::{HashMap, VecDeque};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bellhop_domain::PropertyId;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::read::{Event, EventFilter};
use crate::app::App;
use crate::auth::Caller;
use crate::db::in_time;
use crate::error::{Error, Result};
use crate::numbers::{self, OpenStream};
use crate::request_limit::{Seat, Seats};

/// Events that a stream may be behind: some seconds of a hotel's busiest time.
const RING: usize = 1_024;
/// Events that the reader takes from the log at a time; a part of the ring, so that one reading alone never
/// laps a stream.
const READ_AT_ONCE: u64 = 250;
/// Events that a stream takes from the log at a time.
const PAGE: u64 = 100;
/// How often the reader looks without being woken.
const LOOK: Duration = Duration::from_secs(1);

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// With what happens from now on.
    End,
    /// After this number.
    After(i64),
}

/// An event as all streams of a process share it.
pub struct Live {
    event: Event,
    text: OnceLock<Bytes>,
}

/// One stream.
pub struct EventFeed {
    app: App,
    property: PropertyId,
    filter: EventFilter,
    after: i64,
    /// Read from the log and not taken yet.
    waiting: VecDeque<Arc<Live>>,
    /// The ring, and the number after which it has everything.
    ring: Option<(broadcast::Receiver<Arc<Live>>, i64)>,
    _open: OpenStream,
    _seat: Seat,
}

/// The rings of this process.
#[derive(Default)]
pub(crate) struct Feeds {
    rings: Arc<Mutex<Rings>>,
    seats: Seats,
    ended: CancellationToken,
}

type Rings = HashMap<PropertyId, Ring>;

struct Ring {
    sender: broadcast::Sender<Arc<Live>>,
    /// The latest number that went into it.
    last: i64,
}

impl Live {
    fn of(event: Event) -> Arc<Self> {
        Arc::new(Self { event, text: OnceLock::new() })
    }

    /// What `render` makes of it: called once, however many streams there are.
    pub fn text(&self, render: impl FnOnce(&Event) -> Bytes) -> Bytes {
        self.text.get_or_init(|| render(&self.event)).clone()
    }
}

impl Deref for Live {
    type Target = Event;
    fn deref(&self) -> &Event {
        &self.event
    }
}

impl App {
    /// Follows the property's log.
    pub async fn follow_events(
        &self,
        caller: &Caller,
        mut filter: EventFilter,
        from: From,
    ) -> Result<EventFeed> {
        caller.require(Right::ReadEvents)?;
        let property = caller.property_id;
        let seat = self.feeds.seats.take(caller)?;
        self.find_conversation(property, &mut filter).await?;
        let mut feed = EventFeed {
            app: self.clone(),
            property,
            filter,
            after: 0,
            waiting: VecDeque::new(),
            ring: None,
            _open: OpenStream::new(),
            _seat: seat,
        };
        match from {
            From::After(number) => {
                self.check_cursor(property, number).await?;
                feed.after = number;
            }
            From::End => {
                let (ring, last) = self.join_ring(property).await?;
                feed.after = last;
                feed.ring = Some((ring, last));
            }
        }
        Ok(feed)
    }

    /// Ends all streams, now and for good: the process stops.
    pub fn end_feeds(&self) {
        self.feeds.ended.cancel();
    }

    /// A place at the property's ring, and the number after which it has everything.
    async fn join_ring(&self, property: PropertyId) -> Result<(broadcast::Receiver<Arc<Live>>, i64)> {
        loop {
            if self.feeds.ended.is_cancelled() {
                return Err(Error::because(Problem::Unavailable, "The server is stopping; connect again."));
            }
            if let Some(ring) = lock(&self.feeds.rings).get(&property) {
                return Ok((ring.sender.subscribe(), ring.last));
            }
            let last = self.last_event(property).await?;
            if let Some(reader) = self.feeds.begin(property, last) {
                self.tasks.spawn(reader.run(self.clone(), last));
            }
        }
    }
}

impl Feeds {
    /// Makes the property's ring; `None` when somebody else did.
    fn begin(&self, property: PropertyId, last: i64) -> Option<Reader> {
        let mut rings = lock(&self.rings);
        if rings.contains_key(&property) {
            return None;
        }
        let sender = broadcast::channel(RING).0;
        rings.insert(property, Ring { sender: sender.clone(), last });
        Some(Reader { property, sender, rings: Arc::clone(&self.rings) })
    }
}

/// Who reads for a ring. However it ends, its ring ends too, and no stream waits for it in vain.
struct Reader {
    property: PropertyId,
    sender: broadcast::Sender<Arc<Live>>,
    rings: Arc<Mutex<Rings>>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut rings = lock(&self.rings);
        // The next one may have begun already.
        if rings.get(&self.property).is_some_and(|ring| ring.sender.same_channel(&self.sender)) {
            rings.remove(&self.property);
        }
    }
}

impl Reader {
    /// Until no stream is left, or all streams are ended.
    async fn run(self, app: App, last: i64) {
        tokio::select! {
            () = app.feeds.ended.cancelled() => {}
            () = self.read(&app, last) => {}
        }
    }

    async fn read(&self, app: &App, mut last: i64) {
        let mut news = app.ports.wake.subscribe();
        let all = EventFilter::default();
        while self.is_wanted() {
            match in_time(app.events_after(self.property, &all, (last, READ_AT_ONCE))).await {
                Ok(page) => {
                    last = page.next_after;
                    self.pass_on(page.events, last);
                    if page.has_more {
                        // A stream that keeps up must get its turn before it is lapped.
                        tokio::task::yield_now().await;
                        continue;
                    }
                }
                Err(error) => tracing::warn!(property = %self.property, %error, "event log not read"),
            }
            let look_at = Instant::now() + LOOK;
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(look_at) => break,
                    Some(heard) = news.next() => {
                        if heard.property == self.property && heard.last > last {
                            break;
                        }
                    }
                }
            }
        }
    }

    fn pass_on(&self, events: Vec<Event>, last: i64) {
        let events: Vec<_> = events.into_iter().map(Live::of).collect();
        // Under the lock: who joins gets all of these from the log, or all from the ring.
        if let Some(ring) = lock(&self.rings).get_mut(&self.property) {
            for event in events {
                // Without streams there is nobody to miss it.
                ring.sender.send(event).ok();
            }
            ring.last = last;
        }
    }

    /// Takes the ring away when nobody is there, in one step: nobody joins a ring without a reader.
    fn is_wanted(&self) -> bool {
        let mut rings = lock(&self.rings);
        let wanted = rings.get(&self.property).is_some_and(|ring| ring.sender.receiver_count() > 0);
        if !wanted {
            rings.remove(&self.property);
        }
        wanted
    }
}

impl EventFeed {
    /// Everything up to this number was taken from the feed, or is none of what it is for.
    pub fn position(&self) -> i64 {
        self.waiting.front().map_or(self.after, |next| next.sequence - 1)
    }

    /// The next event; `None` when the stream has to end, and its client to resume: it was too slow, the
    /// process stops, or the database fails. Nothing is lost when the call is given up and made again.
    pub async fn next(&mut self) -> Option<Arc<Live>> {
        let ended = self.app.feeds.ended.clone();
        tokio::select! {
            () = ended.cancelled() => None,
            next = self.take() => next,
        }
    }

    async fn take(&mut self) -> Option<Arc<Live>> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            match &mut self.ring {
                Some((ring, whole_after)) if self.after >= *whole_after => match ring.recv().await {
                    Ok(event) if event.sequence <= self.after => {}
                    Ok(event) => {
                        self.after = event.sequence;
                        if self.filter.fits(&event) {
                            return Some(event);
                        }
                    }
                    Err(RecvError::Lagged(_)) => {
                        numbers::stream_too_slow();
                        return None;
                    }
                    Err(RecvError::Closed) => return None,
                },
                // In a box: a stream spends its life in the ring, and room for a query is large.
                Some(_) | None => {
                    if let Err(error) = Box::pin(self.read_on()).await {
                        tracing::debug!(property = %self.property, %error, "a stream of events ended");
                        return None;
                    }
                }
            }
        }
    }

    /// Takes a page from the log, and a place at the ring once the log has no more.
    async fn read_on(&mut self) -> Result<()> {
        let page = in_time(self.app.events_after(self.property, &self.filter, (self.after, PAGE))).await?;
        if !page.has_more && self.ring.is_none() {
            self.ring = Some(self.app.join_ring(self.property).await?);
        }
        self.after = page.next_after;
        self.waiting.extend(page.events.into_iter().map(Live::of));
        Ok(())
    }
}

fn lock(rings: &Mutex<Rings>) -> MutexGuard<'_, Rings> {
    rings.lock().unwrap_or_else(PoisonError::into_inner)
}
