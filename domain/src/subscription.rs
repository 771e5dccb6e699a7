//! Partners' webhooks: what one may ask for, and how it stands.

use std::time::Duration;

use chrono::TimeDelta;

use crate::text_enum;

text_enum! {
    /// How a subscription stands.
    SubscriptionStatus {
        Active = "active",
        /// Somebody paused it: its events wait.
        Paused = "paused",
        /// It failed for five days: its events wait.
        Suspended = "suspended",
        /// Its receiver answered 410 Gone: its events wait.
        Disabled = "disabled",
    }
}

text_enum! {
    /// How a subscription's URL was proven.
    Verification {
        /// It echoed the challenge.
        Echo = "echo",
        /// It has no GET route and took a signed POST.
        Weak = "weak",
    }
}

/// So long may a subscription fail before it is suspended.
pub const FAILS_FOR: TimeDelta = TimeDelta::days(5);

/// So long a former secret signs beside the new one.
pub const FORMER_SECRET_FOR: TimeDelta = TimeDelta::hours(24);

/// The most subscriptions of a property.
pub const SUBSCRIPTIONS_MAX: u64 = 100;

/// A schedule of the partner's own: so many repeats, the first after `delay`, each later one after twice the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryConfig {
    max_retries: u8,
    delay: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRetryConfig {
    #[error("max_retries must be 0 to 20")]
    MaxRetries,
    #[error("retry_delay must be 100 to 3600000 milliseconds")]
    RetryDelay,
}

impl RetryConfig {
    /// `retry_delay` in milliseconds.
    pub fn new(max_retries: i64, retry_delay: i64) -> Result<Self, BadRetryConfig> {
        let max_retries = u8::try_from(max_retries).ok().filter(|n| *n <= 20);
        let delay = u64::try_from(retry_delay).ok().filter(|ms| (100..=3_600_000).contains(ms));
        Ok(Self {
            max_retries: max_retries.ok_or(BadRetryConfig::MaxRetries)?,
            delay: Duration::from_millis(delay.ok_or(BadRetryConfig::RetryDelay)?),
        })
    }

    pub const fn max_retries(self) -> u8 {
        self.max_retries
    }

    pub const fn delay(self) -> Duration {
        self.delay
    }

    /// In milliseconds.
    pub fn retry_delay(self) -> i64 {
        i64::try_from(self.delay.as_millis()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_has_its_bounds() {
        let guide = RetryConfig::new(3, 5000).unwrap();
        assert_eq!((guide.max_retries(), guide.retry_delay()), (3, 5000));
        for (retries, delay) in [(-1, 5000), (21, 5000), (3, 99), (3, 3_600_001), (i64::MAX, i64::MAX)] {
            assert!(RetryConfig::new(retries, delay).is_err(), "{retries} {delay}");
        }
    }
}
