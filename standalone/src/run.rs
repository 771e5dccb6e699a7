//! Starting, and stopping so that nothing is cut off.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bellhop_infra::build;
use bellhop_infra::clock::MovableClock;
use bellhop_infra::settings::{Settings, http_url};
use bellhop_service::App;
use bellhop_simulator::{SharedClock, Simulator};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::data_dir::DataDir;
use crate::handoff::Handoff;
use crate::settle_in::SimulatorPlace;
use crate::{demo, settle_in};

/// How long attempts under way may take after the signal to stop.
const GRACE: Duration = Duration::from_secs(10);

/// A Bellhop that listens.
pub struct Running {
    app: App,
    handoff: Handoff,
    /// API and worker.
    work: Part,
    /// Apart, because it has to answer until the last attempt is over.
    simulator: Part,
    /// Held until everything else has stopped.
    _data_dir: DataDir,
}

/// Tasks that stop together.
#[derive(Default)]
struct Part {
    tasks: JoinSet<anyhow::Result<()>>,
    shutdown: CancellationToken,
}

impl Part {
    fn spawn(&mut self, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// The end of the first task; never, when there is none.
    async fn ended(&mut self) -> anyhow::Result<()> {
        match self.tasks.join_next().await {
            Some(ended) => ended.context("a part of Bellhop panicked").and_then(|end| end),
            None => std::future::pending().await,
        }
    }

    async fn stop(mut self) {
        self.shutdown.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        // The API has the same grace for its open requests, and comes first.
        if tokio::time::timeout(GRACE + Duration::from_secs(1), all).await.is_err() {
            tracing::warn!("stopped with tasks under way");
        }
    }
}

/// Starts everything; returns once it listens, before it is ready.
///
/// # Errors
/// When an address is taken, or the database or the data folder cannot be used.
pub async fn start(settings: Settings) -> anyhow::Result<Running> {
    let (mut work, mut simulator) = (Part::default(), Part::default());
    let data_dir = DataDir::take(&settings.data_dir)?;
    let clock = MovableClock::new();
    let (listener, address) = listen("BELLHOP_HTTP_ADDR", settings.http_addr).await?;
    let public_url = settings.public_url(address);
    let simulator_url = match &settings.simulator_url {
        Some(url) => url.clone(),
        None => embed_simulator(&settings, &clock, &mut simulator).await?,
    };
    build::migrate(&settings).await?;
    let app = build::build(&settings, &public_url, clock).await?;
    app.set_ready(false);
    let handoff = demo::ensure(&app, &settings, (&public_url, &simulator_url)).await?;
    let connection = app
        .connection_of_number(&bellhop_simulator::well_known(settings.simulator_account).phone_number_id)
        .await?
        .context("the demo has no connection")?;

    let options = bellhop_api::Options { cors_origins: settings.cors_origins.clone(), public_url };
    spawn_work(&mut work, (&app, settings.sweep_interval), (listener, options));
    let place = SimulatorPlace { url: simulator_url, account: settings.simulator_account };
    let (settling, stop) = (app.clone(), work.shutdown.clone());
    work.spawn(async move {
        settle_in::run(settling, (connection, place), stop.clone()).await;
        stop.cancelled().await;
        Ok(())
    });
    Ok(Running { app, handoff, work, simulator, _data_dir: data_dir })
}

fn spawn_work(
    work: &mut Part,
    (app, sweep_interval): (&App, Duration),
    (listener, options): (TcpListener, bellhop_api::Options),
) {
    let (served, stop) = (app.clone(), work.shutdown.clone());
    work.spawn(
        async move { Ok(bellhop_api::serve(listener, served, options, stop.cancelled_owned()).await?) },
    );
    let (worked, stop) = (app.clone(), work.shutdown.clone());
    work.spawn(async move {
        let config = bellhop_worker::Config { sweep_interval };
        bellhop_worker::run(worked, config, stop).await.context("the worker stopped")
    });
}

async fn listen(setting: &str, addr: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(addr)
        .await
        .with_context(|| format!("cannot listen on {addr}; set {setting} to another address"))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn embed_simulator(
    settings: &Settings,
    clock: &MovableClock,
    part: &mut Part,
) -> anyhow::Result<String> {
    let (listener, address) = listen("BELLHOP_SIMULATOR_ADDR", settings.simulator_addr).await?;
    let simulator = Simulator::open(bellhop_simulator::Config {
        account: settings.simulator_account,
        data_dir: Some(settings.data_dir.join("simulator")),
        clock: SharedClock(clock.0.clone()),
    })?;
    part.spawn(simulator.serve(listener, part.shutdown.clone()));
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
        self.work.stop().await;
        self.app.finish(GRACE).await;
        self.simulator.stop().await;
    }
}
