//! `bellhop`: see `bellhop help`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use bellhop_infra::clock::MovableClock;
use bellhop_infra::settings::{self, Settings};
use bellhop_infra::{build, telemetry};

const HELP: &str = "\
Bellhop: messages between hotels and their guests on WhatsApp.

Usage: bellhop [COMMAND]

Without a command: API, worker and WhatsApp simulator in one process, with a demo hotel.

Commands:
  migrate   bring the database's schema up to date
  demo      make the demo hotel in any database (BELLHOP_SIMULATOR_URL names the simulator)
  openapi   print the API's OpenAPI document
  help      print this
  version   print the version

Settings are environment variables that begin with BELLHOP_: see docs/OPERATIONS.md.
";

fn main() -> ExitCode {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let command = std::env::args().nth(1).unwrap_or_default();
    match execute(&command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bellhop: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: &str) -> anyhow::Result<()> {
    match command {
        "" => in_runtime(serve),
        "migrate" => in_runtime(migrate),
        "demo" => in_runtime(demo),
        "openapi" => {
            print!("{}", bellhop_api::openapi_yaml());
            Ok(())
        }
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        "version" | "--version" | "-V" => {
            println!("bellhop {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        other => bail!("there is no command \"{other}\"; see: bellhop help"),
    }
}

/// Reads the settings, starts the logs and runs a command to its end.
fn in_runtime<F: Future<Output = anyhow::Result<()>>>(
    command: impl FnOnce(Settings) -> F,
) -> anyhow::Result<()> {
    let settings = Settings::from_env()?;
    telemetry::init(&settings.log, settings.log_format)?;
    for name in settings::unknown_in_env() {
        tracing::warn!(name, "this setting is not known and has no effect");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(command(settings))
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    // Listened for from the first moment: a stop must be clean while it is still settling in, too.
    let stop = stop_signal()?;
    let running = bellhop::start(settings).await?;
    let (ready, lines) = (running.ready(), bellhop::banner::lines(running.handoff()));
    tokio::spawn(async move {
        ready.await;
        println!("{lines}");
    });
    let ended = running.until_stopped(stop).await;
    println!("Bellhop has stopped.");
    ended
}

async fn migrate(settings: Settings) -> anyhow::Result<()> {
    match build::migrate(&settings).await? {
        0 => println!("The schema is up to date."),
        n => println!("{n} migrations applied; the schema is up to date."),
    }
    Ok(())
}

async fn demo(settings: Settings) -> anyhow::Result<()> {
    let url = settings.simulator_url.clone();
    let simulator = url.context("set BELLHOP_SIMULATOR_URL to the simulator that plays WhatsApp")?;
    let public_url = settings.public_url(settings.http_addr);
    build::migrate(&settings).await?;
    let app = build::build(&settings, &public_url, MovableClock::new()).await?;
    let handoff = bellhop::demo::ensure(&app, &settings, (&public_url, &simulator)).await?;
    bellhop::demo::make_guests(&simulator).await.context("the simulator cannot be reached")?;
    println!("{}", bellhop::banner::lines(&handoff));
    app.finish(std::time::Duration::from_secs(5)).await;
    Ok(())
}

/// Ctrl-C, or SIGTERM as a service manager sends it; caught from this call on.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
