//! Limits of one process.

mod brake;
mod calendar;
mod line;
mod requests;
mod rivals;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bellhop_domain::ConnectionId;
use bellhop_domain::guest::Recipient;
use bellhop_domain::ports::{
    BatchAsk, BatchPermit, BatchPlace, Pace, Permit, RateLimiter, RequestAsk, RequestPermit,
};

use super::ticks::{NEVER, SECOND, Ticks, duration, interval, ticks};
use super::{FURTHEST, PAIR_BURST, PAIR_INTERVAL};
use brake::Brake;
use calendar::At;
use line::{GroupAsk, Line};
use requests::Requests;

/// Below this many recipients nobody looks for idle ones.
const PAIRS_MIN: usize = 1_024;

/// Limits for connections that this process alone sends on, or its share of them.
#[derive(Debug)]
pub struct InMemoryRateLimiter {
    /// Ticks are counted from here.
    start: Instant,
    state: Mutex<State>,
    requests: Requests,
}

#[derive(Debug, Default)]
struct State {
    lines: HashMap<ConnectionId, Line>,
    /// When each recipient's bucket is full again.
    pairs: HashMap<(ConnectionId, Recipient), Ticks>,
    sweep_at: usize,
    processes: u32,
    /// Nobody gets a place before.
    hold: Ticks,
}

impl Default for InMemoryRateLimiter {
    fn default() -> Self {
        Self::new()
    }
}

impl InMemoryRateLimiter {
    pub fn new() -> Self {
        let state = State { hold: NEVER, processes: 1, ..State::default() };
        Self { start: Instant::now(), state: Mutex::new(state), requests: Requests::default() }
    }

    /// Gives no place before `length` from now.
    pub(super) fn hold(&self, length: Duration) {
        let until = self.now() + ticks(length);
        self.state().hold = until;
    }

    /// How far off the connection's last place is.
    pub(super) fn booked(&self, connection: ConnectionId) -> Duration {
        let now = self.now();
        self.state().lines.get(&connection).map_or(Duration::ZERO, |line| duration(line.last() - now))
    }

    fn now(&self) -> Ticks {
        ticks(self.start.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn acquire_at(
        &self,
        now: Ticks,
        (connection, recipient): (ConnectionId, &Recipient),
        pace: Pace,
        patience: Duration,
    ) -> Permit {
        let mut state = self.state();
        state.sweep(now);
        let (hold, processes) = (state.hold, state.processes);
        let pair = (connection, recipient.clone());
        let full_at = state.pairs.get(&pair).map_or(now, |at| (*at).max(now));
        if let Some(wait) = pair_wait(full_at, now) {
            return Permit::RecipientBusy(wait);
        }
        let line = state.lines.entry(connection).or_default();
        let Some(step) = line.step(pace, processes, now) else {
            return Permit::ConnectionBusy(duration(SECOND));
        };
        let at = At { now, from: now.max(hold), step };
        match line.single(at, now + ticks(patience).min(FURTHEST)) {
            Ok(place) => {
                state.pairs.insert(pair, full_at + PAIR_INTERVAL);
                Permit::Granted { after: duration(place - now) }
            }
            Err(place) => Permit::ConnectionBusy(duration(place - now)),
        }
    }

    pub(super) fn group_at(&self, now: Ticks, ask: &BatchAsk<'_>) -> BatchPermit {
        let mut state = self.state();
        state.sweep(now);
        let State { lines, pairs, hold, processes, .. } = &mut *state;
        let line = lines.entry(ask.connection).or_default();
        let share = f64::from(*processes);
        let step = line.step(ask.pace, *processes, now);
        let own = ask.batch_pace.map(|pace| pace / share);
        let (Some(step), Ok(own_step)) = (step, own.map(|pace| interval(pace).ok_or(())).transpose()) else {
            let places = vec![BatchPlace::NotYet; ask.recipients.len()];
            return BatchPermit { places, again: duration(SECOND) };
        };
        let own_step = own.zip(own_step).and_then(|(pace, own_step)| own_interval(pace, own_step, step));
        let at = At { now, from: now.max(*hold), step };
        let ahead = ticks(ask.ahead).min(FURTHEST);
        let group = GroupAsk { batch: ask.batch, own_step, ahead, at };
        let (places, again) = line.group(group, ask.recipients, |recipient| {
            let pair = (ask.connection, recipient.clone());
            let full_at = pairs.get(&pair).map_or(now, |at| (*at).max(now));
            let wait = pair_wait(full_at, now);
            if wait.is_none() {
                pairs.insert(pair, full_at + PAIR_INTERVAL);
            }
            wait
        });
        BatchPermit { places, again }
    }

    pub(super) fn take_request_at(&self, now: Ticks, asks: &[RequestAsk]) -> RequestPermit {
        self.requests.take(now, asks)
    }

    pub(super) fn slow_down_at(&self, now: Ticks, connection: ConnectionId, pace: Pace) {
        let mut state = self.state();
        let brake = &mut state.lines.entry(connection).or_default().brake;
        *brake = Some(Brake::pressed(*brake, f64::from(pace.per_second), now));
    }

    pub(super) fn pace_at(&self, now: Ticks, connection: ConnectionId, pace: Pace) -> f64 {
        let state = self.state();
        let brake = state.lines.get(&connection).and_then(|line| line.brake);
        Brake::pace(brake, f64::from(pace.per_second), now) / f64::from(state.processes)
    }
}

/// Full in k intervals: k places are taken. One more must fit.
fn pair_wait(full_at: Ticks, now: Ticks) -> Option<Duration> {
    let wait = full_at - now - PAIR_INTERVAL * (PAIR_BURST - 1);
    (wait > 0).then(|| duration(wait))
}

/// A batch's own interval on the beat of its connection; `None` when it is no longer than that.
///
/// Places stand on the beat, so they may be a step late, and the first of a second later than the
/// last: as many as the batch may have in a second must also last a second of whole steps.
fn own_interval(pace: f64, own_step: Ticks, step: Ticks) -> Option<Ticks> {
    let whole_steps = (SECOND + step - 1) / step * step;
    let on_beat = (whole_steps as f64 / pace.ceil()).ceil() as Ticks;
    Some(own_step.max(on_beat)).filter(|own_step| *own_step > step)
}

impl State {
    /// Drops what is as good as never seen. At twice the size that was left the last time, so that
    /// it costs nothing on average.
    fn sweep(&mut self, now: Ticks) {
        if self.pairs.len() < self.sweep_at.max(PAIRS_MIN) {
            return;
        }
        self.pairs.retain(|_, full_at| *full_at > now);
        self.lines.retain(|_, line| !line.idle(now));
        self.sweep_at = self.pairs.len() * 2;
    }
}

#[async_trait]
impl RateLimiter for InMemoryRateLimiter {
    async fn acquire(
        &self,
        connection: ConnectionId,
        recipient: &Recipient,
        pace: Pace,
        patience: Duration,
    ) -> Permit {
        self.acquire_at(self.now(), (connection, recipient), pace, patience)
    }

    async fn acquire_group(&self, ask: &BatchAsk<'_>) -> BatchPermit {
        self.group_at(self.now(), ask)
    }

    async fn slow_down(&self, connection: ConnectionId, pace: Pace) {
        self.slow_down_at(self.now(), connection, pace);
    }

    async fn pace_now(&self, connection: ConnectionId, pace: Pace) -> f64 {
        self.pace_at(self.now(), connection, pace)
    }

    async fn take_request(&self, asks: &[RequestAsk]) -> RequestPermit {
        self.take_request_at(self.now(), asks)
    }

    /// Divides the connections' and the batches' paces, and the rates of requests. The recipients' buckets stay as they are:
    /// one recipient's messages mostly go through one process, and a burst of 45 bears the rest.
    fn share_among(&self, processes: u32) {
        self.state().processes = processes.max(1);
        self.requests.share_among(processes.max(1));
    }
}

#[cfg(test)]
mod tests;
