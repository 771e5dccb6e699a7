//! What every program does: read the settings, start the logs, hear the signals, end in order.

mod fleet;
mod tasks;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use bellhop_service::App;
use tokio::net::TcpListener;
use tokio::time::Instant;

pub use fleet::Fleet;
pub use tasks::Tasks;

use crate::settings::{self, Settings};
use crate::{metrics, telemetry};

/// The C library's takes a fifth of the time that a batch needs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// From the signal to stop until the end. Service managers kill after 10 s and more.
const GRACE: Duration = Duration::from_secs(9);

/// What is left of the grace for the attempts on the wire when the tasks have used theirs up.
const LAST: Duration = Duration::from_secs(1);

/// A program that does one thing, set up by its environment alone.
pub fn program<F>(name: &str, version: &str, work: impl FnOnce(Settings) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    let argument = std::env::args().nth(1);
    let ended = match argument.as_deref() {
        None => in_runtime(work),
        Some("version" | "--version" | "-V") => {
            println!("{name} {version}");
            Ok(())
        }
        Some(other) => Err(anyhow::anyhow!(
            "there is no command \"{other}\"; settings are environment variables: see docs/OPERATIONS.md"
        )),
    };
    exit(name, ended)
}

/// Says on standard error what went wrong, for the process's exit.
pub fn exit(name: &str, ended: anyhow::Result<()>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the settings, starts the logs and runs `work` to its end.
///
/// # Errors
/// For a setting that cannot be used, and those of `work`.
pub fn in_runtime<F>(work: impl FnOnce(Settings) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let settings = Settings::from_env()?;
    telemetry::init(&settings.log, settings.log_format)?;
    for name in settings::unknown_in_env() {
        tracing::warn!(name, "this setting is not known and has no effect");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.spawn(metrics::upkeep());
    runtime.block_on(work(settings))
}

/// Ctrl-C, or SIGTERM as a service manager sends it; caught from this call on.
///
/// # Errors
/// When the system has no handler left.
pub fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
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

/// Listens on the address of a setting. Returns the one that it became: port 0 is any.
///
/// # Errors
/// When the address cannot be had, with the setting's name.
pub async fn listen(setting: &str, addr: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(addr)
        .await
        .with_context(|| format!("cannot listen on {addr}; set {setting} to another address"))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Runs until `signal`, or until a task ends by itself, then stops in order.
///
/// # Errors
/// That of the task that ended first.
pub async fn run_until(signal: impl Future<Output = ()>, app: &App, mut tasks: Tasks) -> anyhow::Result<()> {
    let ended = tokio::select! {
        () = signal => Ok(()),
        ended = tasks.ended() => ended.and_then(|()| bail!("a part of it ended by itself")),
    };
    tracing::info!("stopping: what is on the wire is finished");
    stop(app, tasks).await;
    ended
}

/// No new work, then what is under way, then the attempts on the wire; all in [`GRACE`].
pub async fn stop(app: &App, tasks: Tasks) {
    let end = Instant::now() + GRACE;
    tasks.stop(end - LAST).await;
    let left = end.saturating_duration_since(Instant::now());
    // Beyond its own patience only when the database does not even close.
    if tokio::time::timeout(left + LAST / 2, app.finish(left)).await.is_err() {
        tracing::warn!("stopped without closing the database");
    }
}
