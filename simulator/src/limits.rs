//! The two limits of a number: messages a second, and messages to one guest.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Strict count over a sliding second, on the machine's clock: nothing is borrowed and nothing smoothed,
/// so a client that paces itself badly is told so.
#[derive(Debug, Default)]
pub(crate) struct SlidingSecond(VecDeque<Instant>);

impl SlidingSecond {
    /// Whether one more fits under `limit` (None: no limit) at `now`. Takes the place only when it does.
    pub(crate) fn admit(&mut self, limit: Option<u32>, now: Instant) -> bool {
        let Some(limit) = limit else {
            self.0.clear();
            return true;
        };
        while self.0.front().is_some_and(|first| now.duration_since(*first) >= Duration::from_secs(1)) {
            self.0.pop_front();
        }
        if self.0.len() >= limit as usize {
            return false;
        }
        self.0.push_back(now);
        true
    }

    /// Gives the newest place back, for a send that another limit refused after this one.
    pub(crate) fn give_back(&mut self) {
        self.0.pop_back();
    }
}

const PAIR_CAPACITY: f64 = 45.0;
const PAIR_REFILL_MS: f64 = 6_000.0;

/// Token bucket for one guest: 45 at once, one more every 6 s. It runs on the simulated clock: moving the
/// clock can only fill it, and a test of the refill needs no waiting.
#[derive(Debug)]
pub(crate) struct PairBucket {
    tokens: f64,
    at: i64,
}

impl Default for PairBucket {
    fn default() -> Self {
        Self { tokens: PAIR_CAPACITY, at: 0 }
    }
}

impl PairBucket {
    pub(crate) fn admit(&mut self, now_ms: i64) -> bool {
        let elapsed = (now_ms - self.at).max(0) as f64;
        self.tokens = (self.tokens + elapsed / PAIR_REFILL_MS).min(PAIR_CAPACITY);
        self.at = now_ms;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sliding_second_counts_strictly() {
        let (mut limit, start) = (SlidingSecond::default(), Instant::now());
        assert!((0..20).all(|_| limit.admit(Some(20), start)));
        assert!(!limit.admit(Some(20), start + Duration::from_millis(999)));
        assert!(limit.admit(Some(20), start + Duration::from_millis(1_000)));
        assert!(limit.admit(None, start));
    }

    #[test]
    fn a_place_given_back_can_be_taken_again() {
        let (mut limit, now) = (SlidingSecond::default(), Instant::now());
        assert!(limit.admit(Some(1), now));
        limit.give_back();
        assert!(limit.admit(Some(1), now));
    }

    #[test]
    fn pair_bucket_refills_one_in_six_seconds() {
        let mut bucket = PairBucket::default();
        assert!((0..45).all(|_| bucket.admit(1_000)));
        assert!(!bucket.admit(1_000) && !bucket.admit(6_900));
        assert!(bucket.admit(7_100));
        assert!(!bucket.admit(7_200));
        assert!(!bucket.admit(500), "a clock that goes back gives nothing");
    }
}
