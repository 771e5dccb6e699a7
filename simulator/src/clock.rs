//! The movable clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, Utc};

/// Milliseconds that the simulated time is ahead of the system clock. Whoever holds a clone sees every
/// move at once, so one process shares one time.
#[derive(Clone, Debug, Default)]
pub struct SharedClock(pub Arc<AtomicI64>);

impl SharedClock {
    /// The simulated time.
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.now_ms()).unwrap_or_default()
    }

    /// The simulated time in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        system_ms().saturating_add(self.offset_ms())
    }

    /// How far the simulated time is ahead.
    pub fn offset_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn set_offset_ms(&self, offset: i64) {
        self.0.store(offset, Ordering::SeqCst);
    }

    pub(crate) fn advance_ms(&self, by: i64) -> i64 {
        self.0.fetch_add(by, Ordering::SeqCst).saturating_add(by)
    }
}

/// The machine's own clock in Unix milliseconds: status delays and webhook retries run on this one,
/// because a moved clock must not make them all due at once.
pub(crate) fn system_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
