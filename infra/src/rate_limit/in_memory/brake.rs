//! The pace after a refusal.

use crate::rate_limit::ticks::{SECOND, Ticks};

/// A pace that was lowered; it climbs by itself, as a function of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Brake {
    value: f64,
    at: Ticks,
}

/// From nothing to the full pace, in a twentieth each second.
pub(super) const CLIMB: Ticks = 20 * SECOND;

impl Brake {
    /// Messages per second.
    pub fn pace(brake: Option<Self>, full: f64, now: Ticks) -> f64 {
        let Some(Self { value, at }) = brake else { return full };
        full.min(value + full / 20.0 * (now - at).max(0) as f64 / SECOND as f64)
    }

    /// The brake after a refusal: one refusal seldom comes alone, so those of one second count once.
    pub fn pressed(brake: Option<Self>, full: f64, now: Ticks) -> Self {
        match brake {
            Some(brake) if (0..SECOND).contains(&(now - brake.at)) => brake,
            Some(_) | None => {
                let value = Self::pace(brake, full, now) * 2.0 / 3.0;
                Self { value: value.max(full.min(1.0)), at: now }
            }
        }
    }

    pub const fn climbs_until(self) -> Ticks {
        self.at + CLIMB
    }
}
