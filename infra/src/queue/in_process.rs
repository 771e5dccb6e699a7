//! Hints within one process.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bellhop_domain::ports::{Acknowledge, Delivery, Hint, Queue, QueueError, Subscription};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::REDELIVERY_DELAY;

/// Hints that wait; each holds up to 100 ids, so at most some 16 MB.
const MAX: usize = 10_000;

/// A queue inside the process. What does not fit is refused: the sweep publishes it again.
#[derive(Clone, Default)]
pub struct InProcessQueue {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    hints: Mutex<VecDeque<Hint>>,
    more: Notify,
}

#[derive(Debug, thiserror::Error)]
#[error("{MAX} hints wait already")]
struct Full;

impl InProcessQueue {
    pub fn new() -> Self {
        Self::default()
    }
}

impl Shared {
    fn hints(&self) -> MutexGuard<'_, VecDeque<Hint>> {
        self.hints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, hint: Hint) -> Result<(), Full> {
        {
            let mut hints = self.hints();
            if hints.len() >= MAX {
                return Err(Full);
            }
            hints.push_back(hint);
        }
        self.more.notify_one();
        Ok(())
    }

    fn pop(&self) -> Option<Hint> {
        let mut hints = self.hints();
        let hint = hints.pop_front();
        if !hints.is_empty() {
            // Wake-ups do not add up while nobody waits: each reader wakes the next.
            self.more.notify_one();
        }
        hint
    }
}

#[async_trait]
impl Queue for InProcessQueue {
    async fn publish(&self, hint: &Hint) -> Result<(), QueueError> {
        self.shared.push(hint.clone()).map_err(|full| QueueError(full.into()))
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>, QueueError> {
        Ok(Box::new(Reader { shared: self.shared.clone() }))
    }
}

struct Reader {
    shared: Arc<Shared>,
}

#[async_trait]
impl Subscription for Reader {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            let more = self.shared.more.notified();
            if let Some(hint) = self.shared.pop() {
                let receipt = Receipt { shared: self.shared.clone(), hint: Some(hint.clone()) };
                return Some(Delivery { hint, acknowledge: Box::new(receipt) });
            }
            more.await;
        }
    }
}

/// Holds the hint until it is acknowledged.
struct Receipt {
    shared: Arc<Shared>,
    hint: Option<Hint>,
}

#[async_trait]
impl Acknowledge for Receipt {
    async fn ack(mut self: Box<Self>) {
        self.hint = None;
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the next one sweeps.
        let (Some(hint), Ok(runtime)) = (self.hint.take(), Handle::try_current()) else { return };
        let shared = self.shared.clone();
        runtime.spawn(async move {
            tokio::time::sleep(REDELIVERY_DELAY).await;
            if let Err(full) = shared.push(hint) {
                tracing::debug!(%full, "a hint was dropped");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellhop_domain::MessageId;
    use std::time::Duration;
    use tokio::time::timeout;

    fn hint() -> Hint {
        Hint::Messages(vec![MessageId::new()])
    }

    async fn is_silent(reader: &mut Box<dyn Subscription>) -> bool {
        timeout(Duration::from_millis(50), reader.next()).await.is_err()
    }

    #[tokio::test]
    async fn acknowledged_hints_come_once_in_order() {
        let queue = InProcessQueue::new();
        let (one, two) = (hint(), hint());
        queue.publish(&one).await.unwrap();
        queue.publish(&two).await.unwrap();
        let mut reader = queue.subscribe().await.unwrap();
        for expected in [one, two] {
            let delivery = reader.next().await.unwrap();
            assert_eq!(delivery.hint, expected);
            delivery.acknowledge.ack().await;
        }
        tokio::time::sleep(REDELIVERY_DELAY).await;
        assert!(is_silent(&mut reader).await);
    }

    #[tokio::test]
    async fn an_unacknowledged_hint_comes_again() {
        let queue = InProcessQueue::new();
        let sent = hint();
        queue.publish(&sent).await.unwrap();
        let (mut one, mut two) = (queue.subscribe().await.unwrap(), queue.subscribe().await.unwrap());
        drop(one.next().await.unwrap());
        assert!(is_silent(&mut two).await, "not at once");
        let again = timeout(REDELIVERY_DELAY * 3, two.next()).await.unwrap().unwrap();
        assert_eq!(again.hint, sent);
    }

    #[tokio::test]
    async fn readers_share_the_work_and_waiting_ones_are_woken() {
        let queue = InProcessQueue::new();
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let queue = queue.clone();
                tokio::spawn(async move {
                    let mut reader = queue.subscribe().await.unwrap();
                    let mut seen = Vec::new();
                    while let Ok(delivery) = timeout(Duration::from_millis(300), reader.next()).await {
                        let delivery = delivery.unwrap();
                        seen.push(delivery.hint);
                        delivery.acknowledge.ack().await;
                        tokio::task::yield_now().await;
                    }
                    seen
                })
            })
            .collect();
        let sent: Vec<Hint> = (0..200).map(|_| hint()).collect();
        for hint in &sent {
            queue.publish(hint).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut seen = Vec::new();
        for reader in readers {
            seen.extend(reader.await.unwrap());
        }
        seen.sort();
        assert_eq!(seen, sent);
    }

    #[tokio::test]
    async fn a_reader_that_gave_up_waiting_loses_nothing() {
        let queue = InProcessQueue::new();
        let (mut one, mut two) = (queue.subscribe().await.unwrap(), queue.subscribe().await.unwrap());
        assert!(is_silent(&mut one).await && is_silent(&mut two).await);
        let sent = hint();
        queue.publish(&sent).await.unwrap();
        assert_eq!(timeout(Duration::from_secs(1), two.next()).await.unwrap().unwrap().hint, sent);
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let queue = InProcessQueue::new();
        for _ in 0..MAX {
            queue.publish(&hint()).await.unwrap();
        }
        let error = queue.publish(&hint()).await.unwrap_err();
        assert_eq!(error.to_string(), "the queue cannot be reached: 10000 hints wait already");
        queue.subscribe().await.unwrap().next().await.unwrap().acknowledge.ack().await;
        queue.publish(&hint()).await.unwrap();
    }
}
