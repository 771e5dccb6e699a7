//! How often the API may be asked: by one token, and by everybody of one hotel.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bellhop_domain::ports::{RequestAsk, RequestRate, RequestStanding};
use bellhop_domain::problem::Problem;
use sea_orm::prelude::Uuid;
use serde_json::json;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::numbers;

/// The settings; `None`: no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestRates {
    pub token: Option<RequestRate>,
    pub property: Option<RequestRate>,
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestLimit {
    /// Of an API token, or of a person, however many sessions they have.
    Token,
    /// Of everybody who belongs to a property.
    Property,
}

/// A request, counted.
#[derive(Debug, Clone)]
pub struct Counted(Vec<CountedLimit>);

/// One limit after the request was counted.
#[derive(Debug, Clone, Copy)]
pub struct CountedLimit {
    pub limit: RequestLimit,
    pub rate: RequestRate,
    pub standing: RequestStanding,
}

impl RequestLimit {
    /// The same on every answer and in every number.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Property => "property",
        }
    }

    const fn refusal(self) -> &'static str {
        match self {
            Self::Token => "There were too many requests from you in a short time. Wait a moment.",
            Self::Property => "There were too many requests from your hotel in a short time. Wait a moment.",
        }
    }
}

impl App {
    /// Counts a request; `None` where nothing limits it.
    pub async fn count_request(&self, caller: &Caller) -> Option<Counted> {
        let RequestRates { token, property } = self.config.request_rates;
        let (limits, asks): (Vec<_>, Vec<_>) = [
            (RequestLimit::Token, caller.uuid(), token),
            (RequestLimit::Property, caller.property_id.uuid(), property),
        ]
        .into_iter()
        .filter_map(|(limit, of, rate)| Some((limit, RequestAsk { of, rate: rate? })))
        .unzip();
        if asks.is_empty() {
            return None;
        }
        let permit = self.ports.limiter.take_request(&asks).await;
        let limits = limits.into_iter().zip(asks).zip(permit.0);
        let counted = limits.map(|((limit, ask), standing)| CountedLimit { limit, rate: ask.rate, standing });
        Some(Counted(counted.collect()))
    }
}

impl Counted {
    pub fn limits(&self) -> &[CountedLimit] {
        &self.0
    }

    /// The limit that has no room for the longest time, else the one of which the least is left.
    pub fn closest(&self) -> Option<&CountedLimit> {
        self.0.iter().min_by_key(|limit| (std::cmp::Reverse(limit.standing.wait), limit.standing.left))
    }

    /// `RATE_LIMIT_EXCEEDED` when a limit had no room.
    pub fn check(&self) -> Result<()> {
        let Some(limit) = self.closest().filter(|limit| !limit.standing.wait.is_zero()) else {
            return Ok(());
        };
        numbers::request_refused(limit.limit.name());
        let details = json!({"limit": limit.limit.name(), "retry_after": whole_seconds(limit.standing.wait)});
        Err(Error::with(Problem::RateLimitExceeded, limit.limit.refusal(), details))
    }
}

impl CountedLimit {
    /// Seconds until there is room again, of a limit that had none; else until all of it is there.
    pub fn reset(&self) -> u64 {
        let RequestStanding { wait, whole_in, .. } = self.standing;
        whole_seconds(if wait.is_zero() { whole_in } else { wait })
    }
}

/// Rounded up: who waits as long as told must not come too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Live feeds that one token or person may have open at one process. One screen has one; a browser that forgets
/// to close them is stopped before it holds the memory of all others.
pub const STREAMS_MAX: usize = 100;

/// The open live feeds of this process, by whose they are.
#[derive(Default)]
pub(crate) struct Seats(Arc<Mutex<HashMap<Uuid, usize>>>);

/// The right to one live feed, for as long as it lives.
pub(crate) struct Seat {
    of: Uuid,
    taken: Arc<Mutex<HashMap<Uuid, usize>>>,
}

impl Seats {
    pub fn take(&self, caller: &Caller) -> Result<Seat> {
        let of = caller.uuid();
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = taken.entry(of).or_default();
        if *open >= STREAMS_MAX {
            numbers::request_refused("streams");
            let message = format!("You have {STREAMS_MAX} live feeds open already. Close one of them first.");
            let details = json!({"limit": "streams", "open": STREAMS_MAX, "retry_after": 15});
            return Err(Error::with(Problem::RateLimitExceeded, message, details));
        }
        *open += 1;
        Ok(Seat { of, taken: Arc::clone(&self.0) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = taken.get_mut(&self.of) {
            *open -= 1;
            if *open == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bellhop_domain::rights::{Role, Scopes};
    use bellhop_domain::{PropertyId, TokenId};

    use super::*;
    use crate::auth::Who;

    fn counted(limit: RequestLimit, left: u32, wait_ms: u64) -> CountedLimit {
        let (wait, whole_in) = (Duration::from_millis(wait_ms), Duration::from_millis(4_001));
        let standing = RequestStanding { left, wait, whole_in };
        CountedLimit { limit, rate: RequestRate::a_minute(60).unwrap(), standing }
    }

    #[test]
    fn the_closest_limit_is_told() {
        let closest = |token, property| {
            let counted = Counted(vec![token, property]);
            let told = counted.closest().map(|limit| (limit.limit.name(), limit.reset()));
            (told.unwrap(), counted.check().err().map(|error| error.problem()))
        };
        let token = |left, wait| counted(RequestLimit::Token, left, wait);
        let property = |left, wait| counted(RequestLimit::Property, left, wait);
        assert_eq!(closest(token(3, 0), property(3, 0)), (("token", 5), None));
        assert_eq!(closest(token(3, 0), property(2, 0)), (("property", 5), None));
        let refused = Some(Problem::RateLimitExceeded);
        assert_eq!(closest(token(0, 0), property(0, 1)), (("property", 1), refused));
        assert_eq!(closest(token(0, 1_001), property(0, 1_000)), (("token", 2), refused));
    }

    #[test]
    fn a_seat_is_free_again_when_its_feed_ends() {
        let caller = || {
            let who = Who::Program {
                token: TokenId::new(),
                role: Role::Staff,
                scopes: Scopes::of_role(Role::Staff),
            };
            Caller { property_id: PropertyId::new(), who }
        };
        let (seats, one, other) = (Seats::default(), caller(), caller());
        let mut taken: Vec<_> = (0..STREAMS_MAX).map(|_| seats.take(&one).unwrap()).collect();
        assert!(seats.take(&one).is_err());
        assert!(seats.take(&other).is_ok(), "each has their own");
        taken.pop();
        taken.push(seats.take(&one).unwrap());
        assert!(seats.take(&one).is_err());
        taken.clear();
        assert!(seats.0.lock().unwrap().is_empty());
    }
}
