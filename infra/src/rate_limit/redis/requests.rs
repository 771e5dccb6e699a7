//! Requests to the API, counted for all processes (`requests.lua`). The keys, which expire, are
//! `<prefix>:rate:<uuid of who asks>`.
//!
//! While Redis is away each process counts in memory, with its share, and begins with whole quotas: so an outage
//! is worth one more quota at its beginning, and what is left of Redis' at its end.

use std::sync::atomic::Ordering;

use bellhop_domain::ports::{RequestAsk, RequestPermit, RequestStanding};

use super::link::{Arguments, Script, Way};
use super::{LAST_PLACES, RedisRateLimiter};
use crate::rate_limit::ticks::{Ticks, duration};

static REQUESTS: Script = Script::new(include_str!("requests.lua"));

impl RedisRateLimiter {
    /// `None` while Redis does not answer. `at` is given by tests, which move the script's time.
    pub(super) async fn ask_request(&self, asks: &[RequestAsk], at: Option<Ticks>) -> Option<RequestPermit> {
        let share = match self.link.way() {
            Way::Open => 1,
            Way::Returning => self.processes.load(Ordering::Relaxed),
            Way::Closed => return None,
        };
        let mut values = vec![at.map(|at| at.to_string()).unwrap_or_default(), share.to_string()];
        values.extend(
            asks.iter().flat_map(|ask| [ask.rate.per_minute(), ask.rate.quota()]).map(|n| n.to_string()),
        );
        let keys = asks.iter().map(|ask| format!("{}:rate:{}", self.prefix, ask.of.simple())).collect();
        let first = || self.fallback.hold(LAST_PLACES);
        let values = self.link.ask(&Arguments { script: &REQUESTS, keys, values }, first).await?;
        permit(&values, asks.len())
    }
}

/// `None` for what the script never says.
fn permit(values: &[i64], asked: usize) -> Option<RequestPermit> {
    let standings = values.get(1..)?.chunks_exact(3).map(|numbers| match *numbers {
        [left, wait, whole_in] => Some(RequestStanding {
            left: u32::try_from(left).ok()?,
            wait: duration(wait),
            whole_in: duration(whole_in),
        }),
        _ => None,
    });
    standings.collect::<Option<Vec<_>>>().filter(|all| all.len() == asked).map(RequestPermit)
}
