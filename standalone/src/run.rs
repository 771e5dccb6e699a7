//! Starting, and stopping so that nothing is cut off.

use std::time::Duration;

use anyhow::Context;
use bellhop_infra::clock::MovableClock;
use bellhop_infra::process::{self, Fleet, Tasks};
use bellhop_infra::settings::{Settings, http_url};
use bellhop_infra::{build, metrics};
use bellhop_service::App;
use bellhop_simulator::{SharedClock, Simulator};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::data_dir::DataDir;
use crate::handoff::Handoff;
use crate::settle_in::SimulatorPlace;
use crate::{demo, settle_in};

/// More than the simulator gives its own last answers, when everything else has stopped.
const SIMULATOR_GRACE: Duration = Duration::from_secs(2);

/// A Bellhop that listens.
pub struct Running {
    app: App,
    handoff: Handoff,
    /// API and worker.
    work: Tasks,
    /// Apart, because it has to answer until the last attempt is over.
    simulator: Tasks,
    /// Held until everything else has stopped.
    _data_dir: DataDir,
}

/// Starts everything; returns once it listens, before it is ready.
///
/// # Errors
/// When an address is taken, or the database or the data folder cannot be used.
pub async fn start(settings: Settings) -> anyhow::Result<Running> {
    let (mut work, mut simulator) = (Tasks::default(), Tasks::default());
    let data_dir = DataDir::take(&settings.data_dir)?;
    let clock = MovableClock::new();
    let (listener, address) = process::listen("BELLHOP_HTTP_ADDR", settings.http_addr).await?;
    let public_url = settings.public_url(address);
    let simulator_url = match &settings.simulator_url {
        Some(url) => url.clone(),
        None => embed_simulator(&settings, &clock, &mut simulator).await?,
    };
    build::migrate(&settings).await?;
    let app = build::build(&settings, &public_url, clock).await?;
    app.set_ready(false);
    let handoff = demo::ensure(&app, &settings, (&public_url, &simulator_url)).await?;

    if !settings.on_sqlite() {
        // Others may send on the same database.
        let fleet = Fleet::join(&app, "standalone", &settings).await?;
        work.spawn(fleet.keep(work.shutdown()));
    }
    let options = bellhop_api::Options {
        cors_origins: settings.cors_origins.clone(),
        public_url,
        metrics: Some(metrics::render),
    };
    spawn_work(&mut work, (&app, settings.sweep_interval), (listener, options));
    let place = SimulatorPlace { url: simulator_url, account: settings.simulator_account };
    let (settling, stop) = (app.clone(), work.shutdown());
    work.spawn(async move {
        settle_in::run(settling, place, stop.clone()).await;
        stop.cancelled().await;
        Ok(())
    });
    Ok(Running { app, handoff, work, simulator, _data_dir: data_dir })
}

fn spawn_work(
    work: &mut Tasks,
    (app, sweep_interval): (&App, Duration),
    (listener, options): (TcpListener, bellhop_api::Options),
) {
    let (served, stop) = (app.clone(), work.shutdown());
    work.spawn(
        async move { Ok(bellhop_api::serve(listener, served, options, stop.cancelled_owned()).await?) },
    );
    work.number_events(app);
    let (worked, stop) = (app.clone(), work.shutdown());
    work.spawn(async move {
        let config = bellhop_worker::Config { sweep_interval };
        bellhop_worker::run(worked, config, stop).await.context("the worker stopped")
    });
}

async fn embed_simulator(
    settings: &Settings,
    clock: &MovableClock,
    part: &mut Tasks,
) -> anyhow::Result<String> {
    let (listener, address) = process::listen("BELLHOP_SIMULATOR_ADDR", settings.simulator_addr).await?;
    let simulator = Simulator::open(bellhop_simulator::Config {
        account: settings.simulator_account,
        data_dir: Some(settings.data_dir.join("simulator")),
        clock: SharedClock(clock.0.clone()),
    })?;
    part.spawn(simulator.serve(listener, part.shutdown()));
    Ok(http_url(address))
}

impl Running {
    pub fn app(&self) -> &App {
        &self.app
    }

    pub fn handoff(&self) -> &Handoff {
        &self.handoff
    }

    /// Ends once `/readyz` answers 200.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        let app = self.app.clone();
        async move {
            while !matches!(app.check_ready().await, Ok(true)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// Runs until `signal` or until a part of it fails, then stops in order: no new requests, the
    /// worker's and the API's last work, the attempts under way, the simulator.
    ///
    /// # Errors
    /// The failure of the part that ended first.
    pub async fn until_stopped(mut self, signal: impl Future<Output = ()>) -> anyhow::Result<()> {
        let ended = tokio::select! {
            () = signal => Ok(()),
            ended = self.work.ended() => ended,
            ended = self.simulator.ended() => ended,
        };
        self.stop().await;
        ended
    }

    /// Stops in order.
    pub async fn stop(self) {
        process::stop(&self.app, self.work).await;
        self.simulator.stop(Instant::now() + SIMULATOR_GRACE).await;
    }
}
