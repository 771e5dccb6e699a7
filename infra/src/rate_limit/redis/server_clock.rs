//! Redis' clock, as this process sees it.

use std::time::Instant;

use crate::rate_limit::ticks::{SECOND, Ticks, ticks};

/// The best answer counts for this long and once more: clocks do not run quite alike.
const PERIOD: Ticks = 5 * SECOND;
/// No answer is that late, since calls are given up before.
const TOO_LATE: Ticks = SECOND / 2;

/// Tells how late an answer comes.
///
/// A place is so many ticks after Redis' now, and the answer is on the way for some time that
/// varies. Counted from its arrival, the places of a late answer would be pushed among those of the
/// next. The fastest answer of the last seconds is taken for one without delay.
#[derive(Debug)]
pub(super) struct ServerClock {
    start: Instant,
    /// Our time minus the server's, at the best: in this period and the one before.
    best: Option<[Ticks; 2]>,
    period_began: Ticks,
}

impl ServerClock {
    pub fn new() -> Self {
        Self { start: Instant::now(), best: None, period_began: 0 }
    }

    /// How late an answer is that has just come and was made when the server's clock said `server`.
    pub fn lateness(&mut self, server: Ticks) -> Ticks {
        self.lateness_at(ticks(self.start.elapsed()), server)
    }

    fn lateness_at(&mut self, now: Ticks, server: Ticks) -> Ticks {
        let sample = now - server;
        let best = match self.best {
            // The server's clock was set back, or another server answers.
            Some([this, other]) if sample > this.min(other) + TOO_LATE => [sample; 2],
            Some([this, _]) if now - self.period_began > PERIOD => {
                self.period_began = now;
                [sample, this]
            }
            Some([this, other]) => [this.min(sample), other],
            None => [sample; 2],
        };
        self.best = Some(best);
        sample - best[0].min(best[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Ticks = SECOND / 1_000;

    #[test]
    fn an_answer_is_as_late_as_it_is_slower_than_the_best() {
        let mut clock = ServerClock::new();
        let mut late = |ours: Ticks, server: Ticks| clock.lateness_at(ours * MS, server * MS) / MS;
        assert_eq!(late(10, 5_005), 0, "the first is the best so far");
        assert_eq!(late(30, 5_023), 2);
        assert_eq!(late(40, 5_037), 0, "a faster one");
        assert_eq!(late(50, 5_045), 2);
        // Set forward, and back.
        assert_eq!(late(60, 9_055), 0);
        assert_eq!(late(70, 9_064), 1);
        assert_eq!(late(80, 1_000), 0);
        assert_eq!(late(90, 1_007), 3);
    }

    #[test]
    fn the_best_is_forgotten_so_that_drift_is_followed() {
        let mut clock = ServerClock::new();
        // The server's clock loses a millisecond a second.
        let mut worst = 0;
        for second in 0..60 {
            worst = worst.max(clock.lateness_at(second * SECOND, second * (SECOND - MS)));
        }
        assert!(worst <= 12 * MS, "{worst}");
    }
}
