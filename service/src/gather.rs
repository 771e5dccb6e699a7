//! Work that costs less when it is done for many at once. Whoever comes while nobody works begins to, for
//! all who come meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

/// The most that is done at once.
pub(crate) const MOST: usize = bellhop_domain::batch::GROUP_MAX;
/// So many are not worth a wait for more.
const ENOUGH: usize = MOST / 4;
/// How long the first one waits for others.
const WAIT: Duration = Duration::from_millis(5);

pub(crate) struct Gather<T, R>(Arc<Mutex<Waiting<T, R>>>);

struct Waiting<T, R> {
    items: Vec<Asked<T, R>>,
    working: bool,
}

/// One of those that somebody waits for. Dropped without an answer, they learn that.
pub(crate) struct Asked<T, R> {
    pub what: T,
    done: oneshot::Sender<R>,
}

impl<T, R> Asked<T, R> {
    /// Nobody waits any more.
    pub fn is_abandoned(&self) -> bool {
        self.done.is_closed()
    }

    pub fn answer(self, result: R) {
        // Nobody may wait any more.
        self.done.send(result).ok();
    }
}

impl<T, R> Default for Gather<T, R> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Waiting { items: Vec::new(), working: false })))
    }
}

impl<T: Send + 'static, R: Send + 'static> Gather<T, R> {
    /// Hands `what` in and waits for its answer. `None` when `work`, which is for whoever begins, died.
    pub async fn submit<F>(
        &self,
        tasks: &TaskTracker,
        what: T,
        work: impl Fn(Vec<Asked<T, R>>) -> F + Send + 'static,
    ) -> Option<R>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (done, answer) = oneshot::channel();
        let begin = {
            let mut waiting = lock(&self.0);
            waiting.items.push(Asked { what, done });
            !std::mem::replace(&mut waiting.working, true)
        };
        if begin {
            let mut working = Working { of: Self(Arc::clone(&self.0)), ended: false };
            tasks.spawn(async move {
                while let Some(group) = working.next().await {
                    work(group).await;
                }
            });
        }
        answer.await.ok()
    }
}

/// Whoever works; when it panics, those who wait learn that, and the next one begins anew.
struct Working<T, R> {
    of: Gather<T, R>,
    ended: bool,
}

impl<T, R> Working<T, R> {
    async fn next(&mut self) -> Option<Vec<Asked<T, R>>> {
        if lock(&self.of.0).items.len() < ENOUGH {
            tokio::time::sleep(WAIT).await;
        }
        let mut waiting = lock(&self.of.0);
        let n = waiting.items.len().min(MOST);
        if n == 0 {
            waiting.working = false;
            self.ended = true;
            return None;
        }
        Some(waiting.items.drain(..n).collect())
    }
}

impl<T, R> Drop for Working<T, R> {
    fn drop(&mut self) {
        if !self.ended {
            let mut waiting = lock(&self.of.0);
            waiting.working = false;
            waiting.items.clear();
        }
    }
}

fn lock<T, R>(waiting: &Mutex<Waiting<T, R>>) -> MutexGuard<'_, Waiting<T, R>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_who_come_meanwhile_are_done_together_and_a_death_is_told() {
        let gather: Arc<Gather<u32, usize>> = Arc::default();
        let tasks = TaskTracker::new();
        let submit = |n: u32| {
            let (gather, tasks) = (Arc::clone(&gather), tasks.clone());
            tokio::spawn(async move {
                let work = |group: Vec<Asked<u32, usize>>| async move {
                    assert!(group.iter().all(|asked| asked.what != 7), "seven is unlucky");
                    let size = group.len();
                    group.into_iter().for_each(|asked| asked.answer(size));
                };
                gather.submit(&tasks, n, work).await
            })
        };
        let asked: Vec<_> = (100..150).map(submit).collect();
        for answer in asked {
            assert_eq!(answer.await.unwrap(), Some(50));
        }
        assert_eq!(submit(7).await.unwrap(), None);
        assert_eq!(submit(8).await.unwrap(), Some(1), "goes on after a death");
    }
}
