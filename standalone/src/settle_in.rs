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

/// Registers the demo's callback, reads pace and templates and makes the demo's guests, trying on while
/// the simulator is away. Then the process is ready, and the other numbers have their turn.
pub async fn run(app: App, place: SimulatorPlace, shutdown: CancellationToken) {
    let mut pause = Duration::from_millis(50);
    while let Err(error) = once(&app, &place).await {
        tracing::warn!(error = format!("{error:#}"), "not ready yet: WhatsApp cannot be reached; trying on");
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            () = shutdown.cancelled() => return,
        }
    }
    app.set_ready(true);
    let done = demo_number(&app, &place).await.ok().flatten().into_iter().collect();
    bellhop_api::settle_in(app, done, shutdown).await;
}

/// `None` when an admin took it away.
async fn demo_number(app: &App, place: &SimulatorPlace) -> anyhow::Result<Option<ConnectionId>> {
    let number = bellhop_simulator::well_known(place.account).phone_number_id;
    Ok(app.connection_of_number(&number).await?)
}

async fn once(app: &App, simulator: &SimulatorPlace) -> anyhow::Result<()> {
    if let Some(connection) = demo_number(app, simulator).await?
        && app.registers_callback(connection).await?
    {
        app.register_callback(connection).await.context("the callback cannot be registered")?;
    }
    app.sync_connections().await?;
    demo::label_templates(app, simulator.account).await?;
    demo::make_guests(&simulator.url).await.context("the demo's guests cannot be made")
}
