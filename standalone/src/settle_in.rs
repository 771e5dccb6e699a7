//! What has to happen between listening and being ready.

use std::time::Duration;

use anyhow::Context;
use bellhop_domain::ConnectionId;
use bellhop_service::App;
use tokio_util::sync::CancellationToken;

use crate::demo;

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The simulator that plays WhatsApp.
pub struct SimulatorPlace {
    pub url: String,
    pub account: u32,
}

/// Registers the callback, reads pace and templates and makes the demo's guests, trying on while
/// the provider is away. Then the process is ready.
pub async fn run(app: App, (connection, place): (ConnectionId, SimulatorPlace), shutdown: CancellationToken) {
    let mut pause = Duration::from_millis(50);
    while let Err(error) = once(&app, connection, &place).await {
        tracing::warn!(error = format!("{error:#}"), "not ready yet: WhatsApp cannot be reached; trying on");
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            () = shutdown.cancelled() => return,
        }
    }
    app.set_ready(true);
}

async fn once(app: &App, connection: ConnectionId, simulator: &SimulatorPlace) -> anyhow::Result<()> {
    app.register_callback(connection).await.context("the callback cannot be registered")?;
    app.sync_connections().await?;
    demo::label_templates(app, simulator.account).await?;
    demo::make_guests(&simulator.url).await.context("the demo's guests cannot be made")
}
