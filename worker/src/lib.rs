//! What runs beside the API: hints from the queue, the outbox relay, sweeps and the provider's news.
//!
//! Everything here may be killed at any line and run in several processes: the database decides
//! who does what, by leases and conditions. `bellhop` runs it as tasks, next to the API.

mod consumer;
mod timers;

use std::time::Duration;

use bellhop_service::App;
use consumer::Kind;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// How often the worker looks.
#[derive(Debug, Clone)]
pub struct Config {
    /// For leases that ran out and doubts that lasted.
    pub sweep_interval: Duration,
}

/// Runs until the token is cancelled and what was begun is done.
///
/// # Errors
/// When one of its tasks panics: a process that no longer relays or sweeps must not look healthy.
pub async fn run(app: App, config: Config, shutdown: CancellationToken) -> Result<(), JoinError> {
    let mut tasks = JoinSet::new();
    tasks.spawn(consumer::run(app.clone(), Kind::Messages, shutdown.clone()));
    tasks.spawn(consumer::run(app.clone(), Kind::Batches, shutdown.clone()));
    tasks.spawn(timers::relay(app.clone(), shutdown.clone()));
    tasks.spawn(timers::relay_chunks(app.clone(), shutdown.clone()));
    tasks.spawn(timers::sweep(app.clone(), config.sweep_interval, shutdown.clone()));
    tasks.spawn(timers::clean_up(app.clone(), shutdown.clone()));
    tasks.spawn(timers::erase(app.clone(), shutdown.clone()));
    tasks.spawn(timers::retain(app.clone(), shutdown.clone()));
    tasks.spawn(timers::roll_up(app.clone(), shutdown.clone()));
    tasks.spawn(timers::deliver(app.clone(), shutdown.clone()));
    tasks.spawn(timers::sync(app, shutdown));
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    Ok(())
}
