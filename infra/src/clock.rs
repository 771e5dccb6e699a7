//! The clock that tests, and the simulator's clock door, move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bellhop_domain::ports::Clock;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// The system's clock plus an offset in milliseconds, which all clones share.
#[derive(Debug, Clone, Default)]
pub struct MovableClock(pub Arc<AtomicI64>);

impl MovableClock {
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock of everybody who shares it.
    pub fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> DateTime<Utc> {
        let now = Utc::now();
        let offset = TimeDelta::try_milliseconds(self.0.load(Ordering::Relaxed)).unwrap_or_default();
        now.checked_add_signed(offset).unwrap_or(now).trunc_subsecs(3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_move_together_and_show_whole_milliseconds() {
        let clock = MovableClock::new();
        let before = clock.clone().now();
        clock.advance(TimeDelta::hours(25));
        let after = clock.clone().now();
        assert!(after - before >= TimeDelta::hours(25) && after - before < TimeDelta::hours(26));
        assert_eq!(after.timestamp_subsec_nanos() % 1_000_000, 0);
        clock.0.store(i64::MAX, Ordering::Relaxed);
        clock.now();
    }
}
