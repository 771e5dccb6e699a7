//! What an API process owes the provider, once it listens.

use std::collections::HashSet;
use std::time::Duration;

use bellhop_domain::ConnectionId;
use bellhop_service::App;
use tokio_util::sync::CancellationToken;

/// Pauses between two tries.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Registers the callback of every connection that is not in `done` and reads its number and templates, once
/// each; tries on with those that fail, and looks for new ones, until the token is cancelled.
///
/// Readiness does not wait for it: the provider checks the callback by calling it, and a balancer
/// lets that call in only when the process is ready. Two processes that register the same address
/// do no harm.
pub async fn settle_in(app: App, mut done: HashSet<ConnectionId>, shutdown: CancellationToken) {
    let mut pause = PAUSE_MIN;
    while !shutdown.is_cancelled() {
        pause = match once(&app, &mut done).await {
            Ok(0) => PAUSE_MAX,
            Ok(_) => (pause * 2).min(PAUSE_MAX),
            Err(error) => {
                tracing::warn!(%error, "callbacks not registered; trying on");
                (pause * 2).min(PAUSE_MAX)
            }
        };
        shutdown.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

/// Returns how many connections are still without a callback.
async fn once(app: &App, done: &mut HashSet<ConnectionId>) -> bellhop_service::Result<usize> {
    let before = done.len();
    let failed = app.register_callbacks(done).await?;
    if done.len() > before {
        app.sync_connections().await?;
    }
    Ok(failed)
}
