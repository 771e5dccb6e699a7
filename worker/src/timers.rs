//! Rounds that come again.

use std::time::{Duration, Instant};

use bellhop_service::App;
use tokio_util::sync::CancellationToken;

use crate::consumer::pause;

const RELAY: Duration = Duration::from_millis(200);
const CLEAN_UP: Duration = Duration::from_secs(3600);
/// Numbers and templates change by hand, at the provider.
const SYNC: Duration = Duration::from_secs(300);
/// How old the numbers of a busy hotel's last days may be.
const ROLL_UP: Duration = Duration::from_secs(60);
/// Adding up takes one part in so many of a worker's time, however much there is.
const ROLL_UP_SHARE: u32 = 20;
/// A look at an index that is almost always empty.
const ERASE: Duration = Duration::from_secs(1);
/// Nobody minds some minutes after weeks.
const RETAIN: Duration = Duration::from_secs(600);

pub async fn relay(app: App, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if let Err(error) = app.relay_outbox().await {
            tracing::warn!(%error, "outbox not relayed");
        }
        pause(RELAY, &shutdown).await;
    }
}

pub async fn relay_chunks(app: App, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if let Err(error) = app.relay_chunks().await {
            tracing::warn!(%error, "chunks not relayed");
            pause(RELAY, &shutdown).await;
        }
        tokio::select! {
            () = app.chunks_due() => {}
            () = pause(RELAY, &shutdown) => {}
        }
    }
}

pub async fn sweep(app: App, every: Duration, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if let Err(error) = app.sweep().await {
            tracing::warn!(%error, "sweep not finished");
        }
        pause(every, &shutdown).await;
    }
}

pub async fn clean_up(app: App, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if let Err(error) = app.clean_up().await {
            tracing::warn!(%error, "clean-up not finished");
        }
        pause(CLEAN_UP, &shutdown).await;
    }
}

pub async fn erase(app: App, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if let Err(error) = app.carry_on_erasures().await {
            tracing::warn!(%error, "erasures not carried on");
        }
        pause(ERASE, &shutdown).await;
    }
}

pub async fn retain(app: App, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        // Years of history take long; every part of them stands for itself.
        let applied = tokio::select! {
            applied = app.apply_retention() => applied,
            () = shutdown.cancelled() => return,
        };
        match applied {
            Ok(0) => {}
            Ok(overwritten) => tracing::info!(overwritten, "what was too old was overwritten"),
            Err(error) => tracing::warn!(%error, "retention not applied"),
        }
        pause(RETAIN, &shutdown).await;
    }
}

pub async fn deliver(app: App, shutdown: CancellationToken) {
    app.deliver_webhooks(shutdown).await;
}

pub async fn sync(app: App, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        pause(SYNC, &shutdown).await;
        if !shutdown.is_cancelled()
            && let Err(error) = app.sync_connections().await
        {
            tracing::warn!(%error, "numbers and templates not read");
        }
    }
}

pub async fn roll_up(app: App, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let began = Instant::now();
        // Years of history take long, and every day of them stands for itself.
        let added_up = tokio::select! {
            added_up = app.roll_up_analytics() => added_up,
            () = shutdown.cancelled() => return,
        };
        if let Err(error) = added_up {
            tracing::warn!(%error, "days not added up");
        }
        pause(ROLL_UP.max(began.elapsed() * ROLL_UP_SHARE), &shutdown).await;
    }
}
