//! The simulator as a program of its own: all in memory, so that a restart is a fresh start.

use std::{env, io::Write, net::SocketAddr};

use anyhow::Context;
use bellhop_simulator::{Account, Config, SharedClock, Simulator};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

fn main() -> anyhow::Result<()> {
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    let filter = EnvFilter::try_from_env("BELLHOP_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    tokio::runtime::Runtime::new().context("the runtime could not be started")?.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let address: SocketAddr = setting("BELLHOP_SIMULATOR_ADDR", "127.0.0.1:8090")?;
    let account: u32 = setting("BELLHOP_SIMULATOR_ACCOUNT", "1")?;
    anyhow::ensure!(account > 0, "BELLHOP_SIMULATOR_ACCOUNT starts at 1");
    let simulator = Simulator::open(Config { account, data_dir: None, clock: SharedClock::default() })?;
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("{address} could not be listened on"))?;
    let stop = stop_signal()?;
    // In one piece, and nobody has to read it to the end.
    std::io::stdout().write_all(greeting(listener.local_addr()?, &simulator.account()).as_bytes()).ok();
    let shutdown = CancellationToken::new();
    tokio::spawn({
        let shutdown = shutdown.clone();
        async move {
            stop.await;
            shutdown.cancel();
        }
    });
    simulator.serve(listener, shutdown).await
}

/// Where it is, and what a connection to it needs, as lines that a shell takes as they are.
fn greeting(address: SocketAddr, account: &Account) -> String {
    let Account { waba_id, phone_number_id, access_token, app_secret, .. } = account;
    format!(
        "simulator listening on http://{address}\n\
         # the guests' phones: http://{address}/   the number they write to: +{}\n\
         # to connect the number:\n\
         base_url=http://{address}\n\
         waba_id={waba_id}\n\
         phone_number_id={phone_number_id}\n\
         access_token={access_token}\n\
         app_secret={app_secret}\n",
        account.display_phone_number
    )
}

fn setting<T: std::str::FromStr>(name: &str, default: &str) -> anyhow::Result<T> {
    let text = env::var(name).ok().filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned());
    text.parse().map_err(|_| anyhow::anyhow!("{name} cannot be {text:?}; {default} is the default"))
}

/// Listens for the signals at once, and answers a future that ends with the first of them: a signal that
/// comes right after the address was printed must find its handler.
#[cfg(unix)]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        tokio::signal::ctrl_c().await.ok();
    })
}
