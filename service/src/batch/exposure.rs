//! What a death would leave in doubt although it need not: messages that are written down as on the
//! wire and are not yet, and answers that are not stored yet.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bellhop_domain::batch::GROUP_MAX;
use tokio::sync::Notify;

/// Counts them, and holds up the next group while there are too many: when the database is slow,
/// answers would pile up while groups go on beginning.
#[derive(Default)]
pub(crate) struct Exposure {
    count: Mutex<usize>,
    fewer: Notify,
}

/// Less than a group, because calls that are open come on top.
const MAX: usize = GROUP_MAX * 3 / 4;
/// Below so few a group is not worth its transaction, unless nothing else is exposed.
const WORTH: usize = MAX / 4;

impl Exposure {
    /// Waits until a group fits, and counts it in: at least one, at most `wanted`.
    pub async fn begin(&self, wanted: usize) -> usize {
        loop {
            let fewer = self.fewer.notified();
            {
                let mut count = self.count();
                let room = MAX.saturating_sub(*count);
                if room >= wanted.clamp(1, WORTH) {
                    let granted = wanted.min(room);
                    *count += granted;
                    return granted;
                }
            }
            fewer.await;
        }
    }

    /// One more: an answer came.
    pub fn add(&self) {
        *self.count() += 1;
    }

    /// So many fewer: they went on the wire, or their answers are stored, or they were not begun.
    pub fn remove(&self, n: usize) {
        if n > 0 {
            let mut count = self.count();
            *count = count.saturating_sub(n);
            drop(count);
            self.fewer.notify_waiters();
        }
    }

    fn count(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[tokio::test]
    async fn no_more_than_a_group_is_let_in() {
        let exposure = Arc::new(Exposure::default());
        assert_eq!(exposure.begin(30).await, 30);
        assert_eq!(exposure.begin(64).await, 18);
        let waiting = tokio::spawn({
            let exposure = Arc::clone(&exposure);
            async move { exposure.begin(64).await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        exposure.remove(10);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished(), "ten are not worth a transaction");
        exposure.remove(10);
        assert_eq!(waiting.await.unwrap(), 20);
        exposure.remove(48);
        assert_eq!(exposure.begin(1).await, 1);
        // An answer is there, whether it fits or not.
        (0..100).for_each(|_| exposure.add());
        exposure.remove(101);
        assert_eq!(exposure.begin(64).await, 48);
    }
}
