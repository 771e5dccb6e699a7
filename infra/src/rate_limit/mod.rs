//! The provider's limits, held by ourselves.
//!
//! One algorithm twice: in Rust for one process ([`in_memory`]), and as a script for all of them
//! (`redis/pace.lua`). The tests ask both the same at the same times and want the same answers, so
//! whoever changes one changes the other.

pub mod in_memory;
pub mod redis;
mod ticks;

#[cfg(test)]
mod suite;

use ticks::{SECOND, Ticks};

/// To one recipient: one message in six seconds, of which 45 may be taken in advance. Source: Meta's
/// throughput page, 2026.
const PAIR_INTERVAL: Ticks = 6 * SECOND;
const PAIR_BURST: Ticks = 45;

/// Nobody gets a place further off, whatever the patience: so a last place beyond it tells that a
/// clock was set back, and does not block the connection until then.
const FURTHEST: Ticks = 60 * SECOND;

/// A batch that does not ask for so long after it was told to is no longer reckoned with.
const FORGET: Ticks = 3 * SECOND / 10;
