//! `api`: serves the HTTP API and the provider's callback, and sends what can leave at once. What
//! cannot is the work of `worker`, by way of the database and RabbitMQ.

use std::collections::HashSet;
use std::process::ExitCode;

use bellhop_infra::clock::MovableClock;
use bellhop_infra::process::{self, Fleet, Tasks};
use bellhop_infra::settings::{Settings, http_url};
use bellhop_infra::{build, metrics};

fn main() -> ExitCode {
    process::program("api", env!("CARGO_PKG_VERSION"), serve)
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let stop = process::stop_signal()?;
    settings.check_split()?;
    build::check_schema(&settings).await?;
    let (listener, address) = process::listen("BELLHOP_HTTP_ADDR", settings.http_addr).await?;
    let public_url = settings.public_url(address);
    let app = build::build(&settings, &public_url, MovableClock::new()).await?;
    let fleet = Fleet::join(&app, "api", &settings).await?;

    let options = bellhop_api::Options {
        cors_origins: settings.cors_origins,
        public_url,
        metrics: Some(metrics::render),
    };
    let mut tasks = Tasks::default();
    let (served, shutdown) = (app.clone(), tasks.shutdown());
    tasks.spawn(async move {
        Ok(bellhop_api::serve(listener, served, options, shutdown.cancelled_owned()).await?)
    });
    let (settling, shutdown) = (app.clone(), tasks.shutdown());
    tasks.spawn(async move {
        bellhop_api::settle_in(settling, HashSet::new(), shutdown).await;
        Ok(())
    });
    tasks.spawn(fleet.keep(tasks.shutdown()));
    tasks.number_events(&app);
    println!("api listening on {}", http_url(address));
    process::run_until(stop, &app, tasks).await
}
