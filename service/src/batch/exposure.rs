//! What a death would leave in doubt although it need not: messages that are written down as on the
//! wire and are not yet, and answers that are not stored yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bellhop_domain::batch::GROUP_MAX;
use tokio::sync::Notify;

/// Counts them, and holds up the next group while there are too many: when the database is slow,
/// answers would pile up while groups go on beginning.
#[derive(Clone, Default)]
pub(crate) struct Exposure(Arc<State>);

#[derive(Default)]
struct State {
    count: Mutex<usize>,
    fewer: Notify,
}

/// Some messages that are counted, until this is dropped.
pub(crate) struct Exposed {
    of: Exposure,
    count: usize,
}

/// Less than a group, because calls that are open come on top.
const MAX: usize = GROUP_MAX * 3 / 4;
/// Below so few a group is not worth its transaction, unless nothing else is exposed.
const WORTH: usize = MAX / 4;

impl Exposure {
    /// Waits until a group fits, and counts it in: at least one, at most `wanted`.
    pub async fn begin(&self, wanted: usize) -> Exposed {
        loop {
            let fewer = self.0.fewer.notified();
            {
                let mut count = self.count();
                let room = MAX.saturating_sub(*count);
                if room >= wanted.clamp(1, WORTH) {
                    let granted = wanted.min(room);
                    *count += granted;
                    return Exposed { of: self.clone(), count: granted };
                }
            }
            fewer.await;
        }
    }

    /// An answer came; counted whether it fits or not.
    pub fn answered(&self) -> Exposed {
        *self.count() += 1;
        Exposed { of: self.clone(), count: 1 }
    }

    fn count(&self) -> MutexGuard<'_, usize> {
        self.0.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exposed {
    pub fn len(&self) -> usize {
        self.count
    }

    /// Keeps `n` of them; the others are counted no more.
    pub fn keep(&mut self, n: usize) {
        let n = n.min(self.count);
        drop(self.take(self.count - n));
    }

    /// One of them, on its own from now on.
    pub fn one(&mut self) -> Self {
        self.take(1)
    }

    fn take(&mut self, n: usize) -> Self {
        let n = n.min(self.count);
        self.count -= n;
        Self { of: self.of.clone(), count: n }
    }
}

impl Drop for Exposed {
    fn drop(&mut self) {
        if self.count > 0 {
            *self.of.count() -= self.count;
            self.of.0.fewer.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn no_more_than_a_group_is_let_in() {
        let exposure = Exposure::default();
        let mut first = exposure.begin(30).await;
        let second = exposure.begin(64).await;
        assert_eq!((first.len(), second.len()), (30, 18));
        let waiting = tokio::spawn({
            let exposure = exposure.clone();
            async move { exposure.begin(64).await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        first.keep(20);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished(), "ten are not worth a transaction");
        let one = first.one();
        first.keep(9);
        let third = waiting.await.unwrap();
        assert_eq!(third.len(), 20);
        drop((first, one, second, third));
        let answers: Vec<_> = (0..100).map(|_| exposure.answered()).collect();
        assert_eq!(*exposure.count(), 100);
        drop(answers);
        assert_eq!(exposure.begin(64).await.len(), 48);
        assert_eq!(*exposure.count(), 0, "what was dropped is counted no more");
    }
}
