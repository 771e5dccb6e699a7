//! Hints from the queue.

use std::sync::Arc;
use std::time::Duration;

use bellhop_domain::ports::{Delivery, Hint, Subscription};
use bellhop_service::App;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Hints worked on at a time. A hint mostly waits for the provider, and for its pace.
const CONCURRENT: usize = 64;

/// What the hints are about. Each kind has its own queue and its own slots, so that batches never
/// hold up what was sent by hand.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Messages,
    Batches,
}

/// Pause before the next try where the queue cannot be reached.
const AGAIN: Duration = Duration::from_secs(1);

pub async fn run(app: App, kind: Kind, shutdown: CancellationToken) {
    let work = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(CONCURRENT));
    while !shutdown.is_cancelled() {
        let hints = match kind {
            Kind::Messages => app.subscribe().await,
            Kind::Batches => app.subscribe_batches().await,
        };
        match hints {
            Ok(mut hints) => consume(&app, hints.as_mut(), (&work, &slots), &shutdown).await,
            Err(error) => tracing::warn!(%error, ?kind, "no hints from the queue"),
        }
        pause(AGAIN, &shutdown).await;
    }
    work.close();
    work.wait().await;
}

async fn consume(
    app: &App,
    hints: &mut dyn Subscription,
    (work, slots): (&TaskTracker, &Arc<Semaphore>),
    shutdown: &CancellationToken,
) {
    loop {
        // A slot first: a hint that is taken is worked on at once.
        let slot = tokio::select! {
            slot = Arc::clone(slots).acquire_owned() => slot,
            () = shutdown.cancelled() => return,
        };
        let Ok(slot) = slot else { return };
        let delivery = tokio::select! {
            delivery = hints.next() => delivery,
            () = shutdown.cancelled() => return,
        };
        let Some(Delivery { hint, acknowledge }) = delivery else { return };
        let (app, shutdown) = (app.clone(), shutdown.clone());
        work.spawn(async move {
            match act(&app, &hint, &shutdown).await {
                // Everything that came of the hint is committed, or under a lease.
                Ok(()) => acknowledge.ack().await,
                Err(error) => tracing::error!(%error, ?hint, "hint not worked off"),
            }
            drop(slot);
        });
    }
}

async fn act(app: &App, hint: &Hint, shutdown: &CancellationToken) -> bellhop_service::Result<()> {
    match hint {
        Hint::Messages(messages) => app.dispatch(messages).await,
        Hint::Chunk { batch, number } => app.run_lane_of_batch(*batch, *number, shutdown).await,
    }
}

/// Sleeps, but not past the shutdown.
pub async fn pause(time: Duration, shutdown: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = shutdown.cancelled() => {}
    }
}
