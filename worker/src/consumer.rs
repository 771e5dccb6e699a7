//! Hints from the queue.

use std::sync::Arc;
use std::time::Duration;

use bellhop_domain::ports::{Delivery, Subscription};
use bellhop_service::App;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Hints worked on at a time. A hint mostly waits for the provider, and for its pace.
const CONCURRENT: usize = 64;

/// Pause before the next try where the queue cannot be reached.
const AGAIN: Duration = Duration::from_secs(1);

pub async fn run(app: App, shutdown: CancellationToken) {
    let work = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(CONCURRENT));
    while !shutdown.is_cancelled() {
        match app.subscribe().await {
            Ok(mut hints) => consume(&app, hints.as_mut(), (&work, &slots), &shutdown).await,
            Err(error) => tracing::warn!(%error, "no hints from the queue"),
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
        let app = app.clone();
        work.spawn(async move {
            match app.dispatch(&hint.messages).await {
                // Everything that came of the hint is committed by now.
                Ok(()) => acknowledge.ack().await,
                Err(error) => tracing::error!(%error, messages = hint.messages.len(), "hint not worked off"),
            }
            drop(slot);
        });
    }
}

/// Sleeps, but not past the shutdown.
pub async fn pause(time: Duration, shutdown: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = shutdown.cancelled() => {}
    }
}
