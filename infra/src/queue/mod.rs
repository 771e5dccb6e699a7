//! Transports for hints.

pub mod in_process;
pub mod rabbitmq;

use std::time::Duration;

/// How long a hint that was dropped unacknowledged stays away: whatever made its reader fail would
/// make it fail again at once.
const REDELIVERY_DELAY: Duration = Duration::from_secs(1);
