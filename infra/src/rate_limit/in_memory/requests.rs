//! Requests to the API: the generic cell rate algorithm. All that is kept of whoever asks is the moment from
//! which they have their whole quota again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use bellhop_domain::ports::{RequestAsk, RequestPermit, RequestRate, RequestStanding};
use uuid::Uuid;

use crate::rate_limit::ticks::{SECOND, Ticks, duration};

/// Below this many nobody looks for idle ones.
const ASKERS_MIN: usize = 1_024;

/// Under a lock of its own: reading the API must not wait for sending.
#[derive(Debug)]
pub(super) struct Requests {
    kept: Mutex<Kept>,
    processes: AtomicU32,
}

#[derive(Debug, Default)]
struct Kept {
    whole_at: HashMap<Uuid, Ticks>,
    sweep_at: usize,
}

/// One limit, and what is gone of it.
struct Account {
    every: Ticks,
    burst: Ticks,
    gone: Ticks,
}

impl Default for Requests {
    fn default() -> Self {
        Self { kept: Mutex::default(), processes: AtomicU32::new(1) }
    }
}

impl Requests {
    pub fn share_among(&self, processes: u32) {
        self.processes.store(processes, Ordering::Relaxed);
    }

    pub fn take(&self, now: Ticks, asks: &[RequestAsk]) -> RequestPermit {
        let processes = self.processes.load(Ordering::Relaxed);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.sweep(now);
        let mut accounts: Vec<Account> = asks
            .iter()
            .map(|ask| Account::of(ask.rate, processes, kept.whole_at.get(&ask.of).map_or(0, |at| at - now)))
            .collect();
        let granted = accounts.iter().all(|account| account.wait() == 0);
        if granted {
            for (ask, account) in asks.iter().zip(&mut accounts) {
                account.gone += account.every;
                kept.whole_at.insert(ask.of, now + account.gone);
            }
        }
        RequestPermit(accounts.iter().map(|account| account.standing(granted)).collect())
    }
}

impl Account {
    fn of(rate: RequestRate, processes: u32, gone: Ticks) -> Self {
        let per_minute = Ticks::from(rate.per_minute());
        let every = (60 * SECOND * Ticks::from(processes) + per_minute - 1) / per_minute;
        let burst = Ticks::from((rate.quota() / processes).max(1));
        // Never more than all: the share of a process may have grown, or a clock been set back.
        Self { every, burst, gone: gone.clamp(0, burst * every) }
    }

    fn wait(&self) -> Ticks {
        (self.gone - (self.burst - 1) * self.every).max(0)
    }

    fn standing(&self, granted: bool) -> RequestStanding {
        let left = (self.burst * self.every - self.gone) / self.every;
        RequestStanding {
            left: u32::try_from(left).unwrap_or(0),
            // What was granted took what there was; only who was refused has to wait.
            wait: if granted { duration(0) } else { duration(self.wait()) },
            whole_in: duration(self.gone),
        }
    }
}

impl Kept {
    /// Drops who has all of their quota. At twice the size that was left the last time, so that it costs
    /// nothing on average.
    fn sweep(&mut self, now: Ticks) {
        if self.whole_at.len() < self.sweep_at.max(ASKERS_MIN) {
            return;
        }
        self.whole_at.retain(|_, whole_at| *whole_at > now);
        self.sweep_at = self.whole_at.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Ticks = 1_000_000 * SECOND;

    fn ask(of: Uuid) -> [RequestAsk; 1] {
        [RequestAsk { of, rate: RequestRate::a_minute(600).unwrap() }]
    }

    #[test]
    fn who_is_idle_is_forgotten() {
        let requests = Requests::default();
        for number in 0..50_000 {
            assert!(requests.take(START + number * SECOND / 1_000, &ask(Uuid::now_v7())).is_granted());
        }
        let kept = requests.kept.lock().unwrap().whole_at.len();
        assert!(kept <= ASKERS_MIN, "{kept}");
    }

    #[test]
    fn a_process_has_its_share() {
        let (requests, of) = (Requests::default(), Uuid::now_v7());
        requests.share_among(4);
        let granted = (0..100).filter(|_| requests.take(START, &ask(of)).is_granted()).count();
        assert_eq!(granted, 25, "of a hundred");
        let wait = requests.take(START, &ask(of)).0[0].wait;
        assert_eq!(wait, std::time::Duration::from_millis(400));
        requests.share_among(1_000);
        assert!(requests.take(START + 20_000 * SECOND, &ask(of)).is_granted(), "one at least");
    }
}
