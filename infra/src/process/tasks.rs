//! Tasks that stop together.

use anyhow::Context;
use bellhop_service::App;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The parts of a process. Each ends after the token is cancelled.
#[derive(Default)]
pub struct Tasks {
    running: JoinSet<anyhow::Result<()>>,
    shutdown: CancellationToken,
}

impl Tasks {
    /// Cancelled when the tasks are to stop.
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    pub fn spawn(&mut self, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.running.spawn(task);
    }

    /// Every process numbers the events that it, or one that died, has written.
    pub fn number_events(&mut self, app: &App) {
        let (app, shutdown) = (app.clone(), self.shutdown());
        self.spawn(async move {
            app.number_events(shutdown).await;
            Ok(())
        });
    }

    /// The end of the first task; never, when there is none.
    ///
    /// # Errors
    /// The task's own, or that it panicked.
    pub async fn ended(&mut self) -> anyhow::Result<()> {
        match self.running.join_next().await {
            Some(ended) => ended.context("a part of Bellhop panicked").and_then(|end| end),
            None => std::future::pending().await,
        }
    }

    /// Stops them; what is not done at `until` is cut off.
    pub async fn stop(mut self, until: Instant) {
        self.shutdown.cancel();
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout_at(until, all).await.is_err() {
            tracing::warn!(tasks = self.running.len(), "stopped with tasks under way");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn they_are_told_to_stop_and_cut_off_in_the_end() {
        let mut tasks = Tasks::default();
        let (told, late) = (tasks.shutdown(), tasks.shutdown());
        tasks.spawn(async move {
            told.cancelled().await;
            Ok(())
        });
        tasks.spawn(async move {
            late.cancelled().await;
            std::future::pending().await
        });
        let began = Instant::now();
        tasks.stop(began + Duration::from_millis(50)).await;
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn one_that_fails_is_heard_of() {
        let mut tasks = Tasks::default();
        tasks.spawn(async { anyhow::bail!("broken") });
        assert_eq!(tasks.ended().await.unwrap_err().to_string(), "broken");
        let nothing = tokio::time::timeout(Duration::from_millis(10), tasks.ended());
        assert!(nothing.await.is_err(), "without tasks nothing ends");
    }
}
