use chrono::{DateTime, Utc};

/// What the domain calls time: windows, schedules, retention, expiry. Tests may move it.
///
/// Leases, deadlines, pacing and retry delays run on real time and do not ask a clock.
pub trait Clock: Send + Sync {
    /// Now, in whole milliseconds: PostgreSQL keeps micro-, SQLite nanoseconds, the API shows
    /// milliseconds, and a value must be read as it was written.
    fn now(&self) -> DateTime<Utc>;
}
