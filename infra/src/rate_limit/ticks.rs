//! The limiters' time: whole sixteenths of a microsecond since a moment of their own.
//!
//! Whole, so that no rounding adds up; and fine enough that an interval, which is rounded up, costs
//! less than 0.1 % below 16,000/s. Lua counts in `f64`, which holds them exactly until 2042.

use std::time::Duration;

pub(super) type Ticks = i64;

pub(super) const SECOND: Ticks = 16_000_000;

/// Earlier than any time that is asked about, and far from an overflow.
pub(super) const NEVER: Ticks = -(1 << 50);

/// Rounded down.
pub(super) fn ticks(duration: Duration) -> Ticks {
    Ticks::try_from(duration.as_nanos() * 2 / 125).unwrap_or(Ticks::MAX)
}

/// Rounded down, to nanoseconds. What is negative has passed: zero.
pub(super) fn duration(ticks: Ticks) -> Duration {
    let ticks = u64::try_from(ticks).unwrap_or(0);
    Duration::from_nanos(ticks.saturating_mul(125) / 2)
}

/// The time between two of so many a second, rounded up; `None` when there are none.
pub(super) fn interval(per_second: f64) -> Option<Ticks> {
    // A day: a slower pace is a mistake, and must not overflow.
    const LONGEST: f64 = 86_400.0 * SECOND as f64;
    // NaN is no pace either.
    (per_second > 0.0).then(|| (SECOND as f64 / per_second).ceil().clamp(1.0, LONGEST) as Ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_survive_and_intervals_are_never_too_short() {
        for micros in [0, 1, 6_000_000, 86_400_000_000] {
            assert_eq!(duration(ticks(Duration::from_micros(micros))), Duration::from_micros(micros));
        }
        assert_eq!(duration(-5), Duration::ZERO);
        assert_eq!(ticks(Duration::MAX), Ticks::MAX);
        for per_second in [1, 7, 60, 80, 1_000, 15_999] {
            let interval = interval(f64::from(per_second)).unwrap();
            let all = interval * Ticks::from(per_second);
            assert!((SECOND..=SECOND + SECOND / 1_000).contains(&all), "{per_second}: {all}");
        }
        assert_eq!(interval(1_000_000.0), Some(16));
        for none in [0.0, -1.0, f64::NAN] {
            assert_eq!(interval(none), None);
        }
        assert_eq!(interval(1e-300), Some(86_400 * SECOND));
    }
}
