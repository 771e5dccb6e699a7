//! How often something may be tried: so many at once, then one each while. In this process only, and in
//! bounded memory: what it keeps is lost by a restart and is no harm.
//!
//! The generic cell rate algorithm: all that is kept of a key is the moment from which it has its whole
//! allowance again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What each key has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    /// So many at once.
    pub burst: u32,
    /// One more each.
    pub every: Duration,
}

/// The allowances of many keys.
pub(crate) struct Allowances<K> {
    quota: Quota,
    /// Keys that are remembered.
    most: usize,
    whole_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq + Clone> Allowances<K> {
    pub fn new(quota: Quota, most: usize) -> Self {
        Self { quota, most, whole_at: Mutex::default() }
    }

    /// Whether there is one left; if not, how long until there is.
    pub fn check(&self, key: &K) -> Result<(), Duration> {
        let kept = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.at(&kept, key, Instant::now()).map(|_| ())
    }

    /// Takes one, or says how long until there is one.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        self.take_at(key, Instant::now())
    }

    /// Takes back what was taken.
    pub fn give_back(&self, key: &K) {
        let mut kept = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(whole_at) = kept.get_mut(key) {
            *whole_at = whole_at.checked_sub(self.quota.every).unwrap_or(*whole_at);
        }
    }

    fn take_at(&self, key: &K, now: Instant) -> Result<(), Duration> {
        let mut kept = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        let whole_at = self.at(&kept, key, now)? + self.quota.every;
        if kept.len() >= self.most && !kept.contains_key(key) {
            make_room(&mut kept, now);
        }
        kept.insert(key.clone(), whole_at);
        Ok(())
    }

    /// When the key has its whole allowance again, if there is one left of it.
    fn at(&self, kept: &HashMap<K, Instant>, key: &K, now: Instant) -> Result<Instant, Duration> {
        let whole_at = kept.get(key).copied().unwrap_or(now).max(now);
        let gone = whole_at - now;
        let most = self.quota.every * self.quota.burst.saturating_sub(1);
        if gone <= most { Ok(whole_at) } else { Err(gone - most) }
    }
}

/// Forgets those that have all of their allowance; if there are none, whoever is the closest to it.
fn make_room<K: Hash + Eq + Clone>(kept: &mut HashMap<K, Instant>, now: Instant) {
    let before = kept.len();
    kept.retain(|_, whole_at| *whole_at > now);
    if kept.len() == before {
        let next = kept.iter().min_by_key(|(_, whole_at)| **whole_at).map(|(key, _)| key.clone());
        next.map(|key| kept.remove(&key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn three(most: usize) -> Allowances<u32> {
        Allowances::new(Quota { burst: 3, every: SECOND }, most)
    }

    #[test]
    fn a_burst_then_one_each_while() {
        let (allowances, now) = (three(10), Instant::now());
        for _ in 0..3 {
            assert_eq!(allowances.take_at(&1, now), Ok(()));
        }
        assert_eq!(allowances.take_at(&1, now), Err(SECOND));
        assert_eq!(allowances.take_at(&2, now), Ok(()), "another key has its own");
        assert_eq!(allowances.take_at(&1, now + SECOND / 4), Err(SECOND * 3 / 4));
        assert_eq!(allowances.take_at(&1, now + SECOND), Ok(()));
        assert_eq!(allowances.take_at(&1, now + SECOND), Err(SECOND));
        allowances.give_back(&1);
        assert_eq!(allowances.take_at(&1, now + SECOND), Ok(()));
        // However long nobody came, it is a burst and no more.
        let later = now + SECOND * 1000;
        assert_eq!((0..5).filter(|_| allowances.take_at(&1, later).is_ok()).count(), 3);
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let (allowances, now) = (three(10), Instant::now());
        for _ in 0..3 {
            allowances.take_at(&0, now).unwrap();
        }
        for key in 1..10_000 {
            allowances.take_at(&key, now).unwrap();
        }
        assert!(allowances.whole_at.lock().unwrap().len() <= 10);
        assert!(allowances.take_at(&0, now).is_err());
    }
}
