//! `worker`: sends what `api` could not at once, and everything that comes round again.

use std::process::ExitCode;

use anyhow::Context;
use bellhop_infra::clock::MovableClock;
use bellhop_infra::process::{self, Fleet, Tasks};
use bellhop_infra::settings::{Settings, http_url};
use bellhop_infra::{build, listener};

fn main() -> ExitCode {
    process::program("worker", env!("CARGO_PKG_VERSION"), work)
}

async fn work(settings: Settings) -> anyhow::Result<()> {
    let stop = process::stop_signal()?;
    settings.check_split()?;
    build::check_schema(&settings).await?;
    let setting = "BELLHOP_WORKER_HTTP_ADDR";
    let (socket, address) = process::listen(setting, settings.worker_http_addr).await?;
    let public_url = settings.public_url(settings.http_addr);
    let app = build::build(&settings, &public_url, MovableClock::new()).await?;
    let fleet = Fleet::join(&app, "worker", &settings).await?;

    let mut tasks = Tasks::default();
    let (watched, shutdown) = (app.clone(), tasks.shutdown());
    tasks.spawn(async move {
        listener::serve(socket, watched, shutdown).await;
        Ok(())
    });
    let (worked, shutdown) = (app.clone(), tasks.shutdown());
    tasks.spawn(async move {
        let config = bellhop_worker::Config { sweep_interval: settings.sweep_interval };
        bellhop_worker::run(worked, config, shutdown).await.context("the worker stopped")
    });
    tasks.spawn(fleet.keep(tasks.shutdown()));
    tasks.number_events(&app);
    println!("worker listening on {}", http_url(address));
    process::run_until(stop, &app, tasks).await
}
