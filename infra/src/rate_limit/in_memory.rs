//! Limits of one process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bellhop_domain::ConnectionId;
use bellhop_domain::guest::Recipient;
use bellhop_domain::ports::{Pace, Permit, RateLimiter};

/// The window over which a number's throughput is counted.
const SECOND: Duration = Duration::from_secs(1);
/// To one recipient: one message in six seconds, of which 45 may be taken in advance. Source: Meta's
/// throughput page, 2026.
const PAIR_INTERVAL: Duration = Duration::from_secs(6);
const PAIR_BURST: u32 = 45;
/// Below this many recipients nobody looks for idle ones.
const PAIRS_MIN: usize = 1_024;

/// Limits for connections that only this process sends on.
#[derive(Default)]
pub struct InMemoryRateLimiter {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The places of the last second and of those who wait, oldest first.
    ///
    /// A list, not GCRA: GCRA with a burst of b lets through b + n in some second, and one without
    /// spreads what a front desk sends at once.
    grants: HashMap<ConnectionId, VecDeque<Instant>>,
    /// When each recipient's bucket is full again.
    pairs: HashMap<(ConnectionId, Recipient), Instant>,
    sweep_at: usize,
}

impl InMemoryRateLimiter {
    pub fn new() -> Self {
        Self::default()
    }

    fn acquire_at(
        &self,
        now: Instant,
        (connection, recipient): (ConnectionId, &Recipient),
        pace: Pace,
        patience: Duration,
    ) -> Permit {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sweep(now);
        let pair = (connection, recipient.clone());
        let full_at = state.pairs.get(&pair).map_or(now, |at| (*at).max(now));
        // Full in k intervals: k places are taken. One more must fit.
        let taken = full_at - now;
        if let Some(wait) = taken.checked_sub(PAIR_INTERVAL * (PAIR_BURST - 1))
            && !wait.is_zero()
        {
            return Permit::RecipientBusy(wait);
        }
        let grants = state.grants.entry(connection).or_default();
        while grants.front().is_some_and(|granted| now.saturating_duration_since(*granted) >= SECOND) {
            grants.pop_front();
        }
        let per_second = usize::try_from(pace.per_second).unwrap_or(usize::MAX);
        let place = match grants.len().checked_sub(per_second) {
            None => now,
            // So many places back, a second later. The pace may have changed: never before the last.
            Some(nth) => {
                let leaves = grants.get(nth).map_or(now + SECOND, |granted| *granted + SECOND);
                grants.back().map_or(leaves, |last| leaves.max(*last)).max(now)
            }
        };
        if place - now > patience {
            return Permit::ConnectionBusy(place - now);
        }
        grants.push_back(place);
        state.pairs.insert(pair, full_at + PAIR_INTERVAL);
        Permit::Granted { after: place - now }
    }
}

impl State {
    /// Drops what is as good as never seen. At twice the size that was left the last time, so that
    /// it costs nothing on average.
    fn sweep(&mut self, now: Instant) {
        if self.pairs.len() < self.sweep_at.max(PAIRS_MIN) {
            return;
        }
        self.pairs.retain(|_, full_at| *full_at > now);
        self.grants.retain(|_, grants| {
            grants.back().is_some_and(|last| now.saturating_duration_since(*last) < SECOND)
        });
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
        self.acquire_at(Instant::now(), (connection, recipient), pace, patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(number: usize) -> Recipient {
        Recipient::Number(number.to_string())
    }

    const AT_ONCE: Permit = Permit::Granted { after: Duration::ZERO };

    const fn pace(per_second: u32) -> Pace {
        Pace { per_second }
    }

    /// Asks every few milliseconds, in uneven steps, for `length`; the grants.
    fn flood(
        limiter: &InMemoryRateLimiter,
        connection: ConnectionId,
        start: Instant,
        per_second: u32,
    ) -> Vec<Instant> {
        let mut grants = Vec::new();
        let (mut now, mut step, mut number) = (start, 1, 0);
        while now < start + Duration::from_secs(10) {
            number += 1;
            match limiter.acquire_at(now, (connection, &guest(number)), pace(per_second), Duration::ZERO) {
                Permit::Granted { after } => grants.push(now + after),
                Permit::ConnectionBusy(wait) => {
                    assert!(!wait.is_zero() && wait <= SECOND);
                    step = (step * 7 + 3) % 11;
                    now += if step < 4 { wait } else { Duration::from_micros(step * 900) };
                }
                Permit::RecipientBusy(_) => panic!("every message has its own recipient"),
            }
        }
        grants
    }

    #[test]
    fn no_second_has_more_than_the_pace_and_long_runs_have_all_of_it() {
        for per_second in [1, 20, 80, 1_000] {
            let grants = flood(&InMemoryRateLimiter::new(), ConnectionId::new(), Instant::now(), per_second);
            let n = per_second as usize;
            for (first, after) in grants.iter().zip(grants.iter().skip(n)) {
                assert!(*after - *first >= SECOND, "{n} + 1 messages in {:?}", *after - *first);
            }
            assert!(grants.len() >= n * 9, "{} in 10 s at {n}", grants.len());
        }
    }

    #[test]
    fn a_wait_is_as_long_as_it_says() {
        let (limiter, connection, start) = (InMemoryRateLimiter::new(), ConnectionId::new(), Instant::now());
        for number in 0..3 {
            let at = start + Duration::from_millis(100) * number;
            assert_eq!(
                limiter.acquire_at(at, (connection, &guest(number as usize)), pace(3), Duration::ZERO),
                AT_ONCE
            );
        }
        let now = start + Duration::from_millis(400);
        let busy = |ms| Permit::ConnectionBusy(Duration::from_millis(ms));
        assert_eq!(limiter.acquire_at(now, (connection, &guest(9)), pace(3), Duration::ZERO), busy(600));
        assert_eq!(
            limiter.acquire_at(now, (connection, &guest(9)), pace(2), Duration::ZERO),
            busy(700),
            "a lower pace"
        );
        assert_eq!(limiter.acquire_at(now, (connection, &guest(9)), pace(0), Duration::ZERO), busy(1_000));
        assert_eq!(
            limiter.acquire_at(now, (ConnectionId::new(), &guest(9)), pace(3), Duration::ZERO),
            AT_ONCE
        );
        let just = start + Duration::from_micros(999_999);
        assert_eq!(
            limiter.acquire_at(just, (connection, &guest(9)), pace(3), Duration::ZERO),
            Permit::ConnectionBusy(Duration::from_micros(1))
        );
        assert_eq!(
            limiter.acquire_at(start + SECOND, (connection, &guest(9)), pace(3), Duration::ZERO),
            AT_ONCE
        );
    }

    #[test]
    fn a_recipient_gets_45_at_once_and_then_one_in_six_seconds() {
        let (limiter, connection, start) = (InMemoryRateLimiter::new(), ConnectionId::new(), Instant::now());
        let ask = |after_ms: u64| {
            limiter.acquire_at(
                start + Duration::from_millis(after_ms),
                (connection, &guest(1)),
                pace(80),
                Duration::ZERO,
            )
        };
        for _ in 0..45 {
            assert_eq!(ask(0), AT_ONCE);
        }
        assert_eq!(ask(0), Permit::RecipientBusy(Duration::from_secs(6)));
        assert_eq!(ask(5_999), Permit::RecipientBusy(Duration::from_millis(1)));
        assert_eq!(ask(6_000), AT_ONCE);
        assert_eq!(ask(6_000), Permit::RecipientBusy(Duration::from_secs(6)));
        assert_eq!(
            limiter.acquire_at(
                start + Duration::from_secs(6),
                (connection, &guest(2)),
                pace(80),
                Duration::ZERO
            ),
            AT_ONCE
        );
        // Full again: 45 more, not one more.
        let later = 6_000 + 45 * 6_000;
        let granted = (0..60).filter(|_| ask(later) == AT_ONCE).count();
        assert_eq!(granted, 45);
    }

    #[test]
    fn a_refusal_takes_neither_place() {
        let (limiter, connection, start) = (InMemoryRateLimiter::new(), ConnectionId::new(), Instant::now());
        for _ in 0..45 {
            assert_eq!(limiter.acquire_at(start, (connection, &guest(1)), pace(46), Duration::ZERO), AT_ONCE);
        }
        for _ in 0..10 {
            assert!(matches!(
                limiter.acquire_at(start, (connection, &guest(1)), pace(46), Duration::ZERO),
                Permit::RecipientBusy(_)
            ));
        }
        assert_eq!(limiter.acquire_at(start, (connection, &guest(2)), pace(46), Duration::ZERO), AT_ONCE);
        for _ in 0..100 {
            assert!(matches!(
                limiter.acquire_at(start, (connection, &guest(3)), pace(46), Duration::ZERO),
                Permit::ConnectionBusy(_)
            ));
        }
        let later = start + SECOND;
        let granted = (0..60).filter(|_| {
            limiter.acquire_at(later, (connection, &guest(3)), pace(1_000), Duration::ZERO) == AT_ONCE
        });
        assert_eq!(granted.count(), 45, "the refusals took nothing from the third guest");
    }

    #[test]
    fn idle_recipients_are_forgotten() {
        let (limiter, start) = (InMemoryRateLimiter::new(), Instant::now());
        for number in 0..50_000 {
            let at = start + Duration::from_millis(100) * number;
            assert_eq!(
                limiter.acquire_at(
                    at,
                    (ConnectionId::new(), &guest(number as usize)),
                    pace(80),
                    Duration::ZERO
                ),
                AT_ONCE
            );
        }
        let state = limiter.state.lock().unwrap();
        assert!(state.pairs.len() <= PAIRS_MIN && state.grants.len() <= PAIRS_MIN, "{}", state.pairs.len());
    }

    #[test]
    fn those_who_wait_have_each_their_own_place() {
        let (limiter, connection, start) = (InMemoryRateLimiter::new(), ConnectionId::new(), Instant::now());
        let mut places = Vec::new();
        let mut refused = 0;
        for number in 0..400 {
            let at = start + Duration::from_micros(number * 10);
            let patience = Duration::from_secs(3);
            match limiter.acquire_at(at, (connection, &guest(number as usize)), pace(80), patience) {
                Permit::Granted { after } => places.push(at + after),
                Permit::ConnectionBusy(wait) => {
                    assert!(wait > patience);
                    refused += 1;
                }
                Permit::RecipientBusy(_) => panic!("every message has its own recipient"),
            }
        }
        // The present second's places and those of the three seconds that somebody waits for.
        assert!((240..=320).contains(&places.len()) && refused == 400 - places.len(), "{}", places.len());
        for (first, after) in places.iter().zip(places.iter().skip(80)) {
            assert!(*after - *first >= SECOND);
        }
    }

    #[tokio::test]
    async fn the_port_uses_the_present() {
        let limiter = InMemoryRateLimiter::new();
        let connection = ConnectionId::new();
        assert_eq!(limiter.acquire(connection, &guest(1), pace(1), Duration::ZERO).await, AT_ONCE);
        assert!(matches!(
            limiter.acquire(connection, &guest(2), pace(1), Duration::ZERO).await,
            Permit::ConnectionBusy(_)
        ));
    }
}
