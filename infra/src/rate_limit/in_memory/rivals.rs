//! Equal shares for the batches of one connection.
//!
//! Nobody is refused for the sake of fairness, since places that the others then do not take would be
//! lost. A batch that is ahead of another only books half as far: what lies beyond is found by the
//! one that is behind, and falls to whoever comes when it does not.

use std::collections::HashMap;

use bellhop_domain::BatchId;

use super::calendar::{At, Own};
use super::line::GroupAsk;
use crate::rate_limit::FORGET;
use crate::rate_limit::ticks::{NEVER, Ticks};

/// One batch that asks, or asked a moment ago.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rival {
    pub own: Own,
    /// Places given, counted from the level of those it met.
    pub served: u64,
    /// Its own pace holds it back, so it does not hold back the others.
    pub by_own: bool,
    /// It is reckoned with until then.
    pub until: Ticks,
}

/// How far a batch may book.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    pub ticks: Ticks,
    /// Others want places too.
    pub crowded: bool,
}

#[derive(Debug, Default)]
pub(super) struct Rivals(HashMap<BatchId, Rival>);

impl Rivals {
    /// The batch as it stands among the others, and how far it may book.
    pub fn enter(&mut self, ask: &GroupAsk) -> (Rival, Reach) {
        let GroupAsk { batch, own_step, ahead, at: At { now, step, .. } } = *ask;
        self.0.retain(|_, rival| rival.until >= now || rival.own.strict > now);
        let (mut least, mut slow, mut crowded) = (None, false, false);
        for (_, rival) in self.0.iter().filter(|(id, rival)| **id != batch && rival.until >= now) {
            crowded = true;
            slow |= rival.by_own;
            if !rival.by_own {
                least = Some(least.map_or(rival.served, |least: u64| least.min(rival.served)));
            }
        }
        let known = self.0.get(&batch).copied();
        let new = Rival { own: Own::NONE, served: 0, by_own: own_step.is_some(), until: NEVER };
        let mut rival = known.unwrap_or(new);
        rival.own.step = own_step;
        if own_step.is_none() {
            (rival.own.due, rival.own.strict) = (NEVER, NEVER);
        }
        if let Some(least) = least {
            if rival.until < now {
                // What the others got before is not made good.
                rival.served = least;
            } else if rival.by_own {
                rival.served = rival.served.max(least);
            }
        }
        let mut reach = ahead;
        if slow && !rival.by_own {
            // Free stretches at the end, for those who need a place at their own time.
            reach = reach * 2 / 3;
        }
        // One with its own pace comes for few places at a time, more often than the others.
        let lead = if rival.by_own { u64::try_from(ahead / step).unwrap_or(0) } else { 0 };
        if least.is_some_and(|least| rival.served > least + lead) {
            reach /= 2;
        }
        (rival, Reach { ticks: reach, crowded })
    }

    /// Remembers it; `wait` is when it was told to come again.
    pub fn leave(&mut self, batch: BatchId, mut rival: Rival, now: Ticks, wait: Ticks) {
        rival.until = now + wait + FORGET;
        self.0.insert(batch, rival);
    }

    pub fn idle(&self, now: Ticks) -> bool {
        self.0.values().all(|rival| rival.until < now && rival.own.strict <= now)
    }
}
