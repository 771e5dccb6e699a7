//! How long words and files are kept, and how far an erasure is.

use crate::text_enum;

/// The fewest and the most days that a property may say.
const DAYS: std::ops::RangeInclusive<i64> = 7..=3_650;

/// For how many days something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RetentionDays(u16);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {} to {} days, or null to keep it for good", DAYS.start(), DAYS.end())]
pub struct BadRetentionDays;

impl RetentionDays {
    pub fn days(self) -> u16 {
        self.0
    }
}

impl TryFrom<i64> for RetentionDays {
    type Error = BadRetentionDays;
    fn try_from(days: i64) -> Result<Self, BadRetentionDays> {
        let good = u16::try_from(days).ok().filter(|_| DAYS.contains(&days));
        good.map(Self).ok_or(BadRetentionDays)
    }
}

text_enum! {
    /// Whether an erasure is over.
    ErasureStatus {
        Running = "running",
        Completed = "completed",
    }
}

text_enum! {
    /// What an erasure overwrites, in this order: events tell of messages, raw webhooks bring both.
    ErasureStep {
        Messages = "messages",
        Events = "events",
        Webhooks = "webhooks",
        /// The audit trail, and what batches refused.
        Records = "records",
        /// The bytes of the guest's files.
        Files = "files",
    }
}

impl ErasureStep {
    /// What comes after it; `None` at the end.
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::Messages => Some(Self::Events),
            Self::Events => Some(Self::Webhooks),
            Self::Webhooks => Some(Self::Records),
            Self::Records => Some(Self::Files),
            Self::Files => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_bounds() {
        for bad in [-1, 0, 6, 3_651, i64::MAX] {
            assert_eq!(RetentionDays::try_from(bad), Err(BadRetentionDays), "{bad}");
        }
        assert_eq!(RetentionDays::try_from(7).map(RetentionDays::days), Ok(7));
        assert_eq!(RetentionDays::try_from(3_650).map(RetentionDays::days), Ok(3_650));
    }

    #[test]
    fn an_erasure_takes_every_step_once() {
        let all: Vec<_> = std::iter::successors(Some(ErasureStep::Messages), |step| step.next()).collect();
        assert_eq!(all, ErasureStep::ALL);
    }
}
