//! How often somebody may ask the API.

use std::time::Duration;

use uuid::Uuid;

/// Requests a minute, evenly; as many as fit into [`RequestRate::WINDOW`] may come at once.
///
/// Ten seconds' worth and not a minute's: whoever opens a console asks two dozen things in one moment, while a
/// script that runs away with a minute's worth would have the database to itself for many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRate(u32);

impl RequestRate {
    pub const WINDOW: Duration = Duration::from_secs(10);
    /// A slower rate would leave nothing to divide among processes.
    pub const LEAST: u32 = 60;
    pub const MOST: u32 = 6_000_000;

    /// `None` outside of [`RequestRate::LEAST`] to [`RequestRate::MOST`].
    pub fn a_minute(requests: u32) -> Option<Self> {
        (Self::LEAST..=Self::MOST).contains(&requests).then_some(Self(requests))
    }

    pub const fn per_minute(self) -> u32 {
        self.0
    }

    /// How many may come at once; never none.
    pub const fn quota(self) -> u32 {
        self.0 / 6
    }
}

/// One of the limits that a request counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestAsk {
    /// Who is counted: a person, an API token, a property.
    pub of: Uuid,
    pub rate: RequestRate,
}

/// What came of a request: how each limit stands after it, in the order of the asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPermit(pub Vec<RequestStanding>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestStanding {
    /// Requests that may come at once now.
    pub left: u32,
    /// When this limit has room for the request; zero when it had.
    pub wait: Duration,
    /// When all of the quota is there again.
    pub whole_in: Duration,
}

impl RequestPermit {
    /// Whether every limit had room. If not, nothing was taken from any.
    pub fn is_granted(&self) -> bool {
        self.0.iter().all(|standing| standing.wait.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_its_part_of_a_minute() {
        let quota = |rate| RequestRate::a_minute(rate).map(RequestRate::quota);
        assert_eq!([quota(59), quota(60), quota(3_000)], [None, Some(10), Some(500)]);
        assert_eq!([quota(6_000_000), quota(6_000_001)], [Some(1_000_000), None]);
        assert_eq!(u64::from(RequestRate::LEAST / 6), RequestRate::WINDOW.as_secs());
    }
}
