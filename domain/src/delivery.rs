//! Events on their way to partners: what an answer means, and when it is tried again.

use std::time::Duration;

use chrono::TimeDelta;

use crate::subscription::RetryConfig;
use crate::text_enum;

text_enum! {
    /// Where a delivery stands.
    DeliveryStatus {
        /// It goes out when it is due.
        Pending = "pending",
        Delivered = "delivered",
        /// Its attempts are used up.
        Failed = "failed",
    }
}

/// How long an event that fails holds back the later ones of its conversation.
pub const HOLDS_BACK_FOR: TimeDelta = TimeDelta::minutes(5);

/// How long deliveries and their attempts are kept.
pub const KEPT_FOR: TimeDelta = TimeDelta::days(30);

/// The longest that a `Retry-After` is obeyed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);
/// The longest step of a schedule of the partner's own.
const STEP_MAX: Duration = Duration::from_secs(6 * 3600);

/// The delays between the ten attempts that Standard Webhooks 1.0.0 recommends; three days in all.
const STANDARD: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(24 * 3600),
];

/// What a receiver's status means. Source: Standard Webhooks 1.0.0, "Deliverability and reliability".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Taken,
    Refused,
    /// It wants nothing any more.
    Gone,
}

/// Nothing but 2xx is success; a redirect is none, and is not followed.
pub const fn verdict(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Taken,
        410 => Verdict::Gone,
        0..=199 | 300..=409 | 411..=u16::MAX => Verdict::Refused,
    }
}

/// What follows an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterAttempt {
    RetryIn(Duration),
    GiveUp,
}

/// The next step after the `nth` failure in a row (from 1). `jitter` in 0..1 spreads those that failed together: up
/// to a fifth later, never earlier. The receiver may ask for more time.
pub fn after_attempt(
    config: Option<RetryConfig>,
    nth: i32,
    retry_after: Option<Duration>,
    jitter: f64,
) -> AfterAttempt {
    let before = usize::try_from(nth - 1).unwrap_or(0);
    let step = match config {
        Some(config) if before >= usize::from(config.max_retries()) => None,
        Some(config) => {
            let factor = u32::checked_pow(2, u32::try_from(before).unwrap_or(u32::MAX)).unwrap_or(u32::MAX);
            // A single delay may be longer than the longest step that it grows to.
            Some(config.delay().saturating_mul(factor).min(STEP_MAX))
        }
        None => STANDARD.get(before).copied(),
    };
    let Some(step) = step else { return AfterAttempt::GiveUp };
    let step = step.mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 5.0);
    AfterAttempt::RetryIn(step.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(config: Option<RetryConfig>) -> Vec<u64> {
        let step = |nth| match after_attempt(config, nth, None, 0.0) {
            AfterAttempt::RetryIn(delay) => Some(delay.as_secs()),
            AfterAttempt::GiveUp => None,
        };
        (1..100).map_while(step).collect()
    }

    #[test]
    fn the_standard_gives_ten_attempts_in_three_days() {
        let delays = delays(None);
        assert_eq!(delays.len() + 1, 10);
        assert!(delays.is_sorted());
        let days = delays.iter().sum::<u64>() as f64 / 86_400.0;
        assert!((3.0..3.5).contains(&days), "{days}");
    }

    #[test]
    fn a_partners_own_schedule_doubles_and_ends() {
        assert_eq!(delays(RetryConfig::new(3, 5000).ok()), [5, 10, 20]);
        assert_eq!(delays(RetryConfig::new(0, 5000).ok()), [0u64; 0]);
        let long = delays(RetryConfig::new(20, 3_600_000).ok());
        assert_eq!((long.len(), long.last()), (20, Some(&(6 * 3600))));
    }

    #[test]
    fn jitter_only_delays_and_the_receiver_is_heard() {
        let config = RetryConfig::new(3, 5000).ok();
        let after = |retry_after, jitter| after_attempt(config, 1, retry_after, jitter);
        assert_eq!(after(None, 1.0), AfterAttempt::RetryIn(Duration::from_secs(6)));
        let minute = Duration::from_secs(60);
        assert_eq!(after(Some(minute), 0.5), AfterAttempt::RetryIn(minute));
        assert_eq!(after(Some(minute * 10_000), 0.5), AfterAttempt::RetryIn(RETRY_AFTER_MAX));
        assert_eq!(after_attempt(config, 4, Some(minute), 0.5), AfterAttempt::GiveUp);
    }

    #[test]
    fn only_2xx_is_success() {
        for (status, means) in
            [(200, Verdict::Taken), (204, Verdict::Taken), (299, Verdict::Taken), (410, Verdict::Gone)]
        {
            assert_eq!(verdict(status), means);
        }
        for status in [100, 199, 300, 301, 308, 400, 404, 409, 411, 429, 500, 503] {
            assert_eq!(verdict(status), Verdict::Refused, "{status}");
        }
    }
}
