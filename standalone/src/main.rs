//! `bellhop`: see `bellhop help`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use bellhop::create_admin::Wish;
use bellhop_infra::clock::MovableClock;
use bellhop_infra::settings::Settings;
use bellhop_infra::{build, process};

const HELP: &str = "\
Bellhop: messages between hotels and their guests on WhatsApp.

Usage: bellhop [COMMAND]

Without a command: API, worker and WhatsApp simulator in one process, with a demo hotel.

Commands:
  migrate       bring the database's schema up to date
  demo          make the demo hotel in any database (BELLHOP_SIMULATOR_URL names the simulator)
  create-admin  make an admin who can sign in, or give one a new password
  rotate-key    seal all stored credentials with another key
  openapi       print the API's OpenAPI document
  help          print this
  version       print the version

Settings are environment variables that begin with BELLHOP_: see docs/OPERATIONS.md.
";

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    process::exit("bellhop", execute(&command))
}

fn execute(command: &str) -> anyhow::Result<()> {
    match command {
        "" => process::in_runtime(serve),
        "migrate" => process::in_runtime(migrate),
        "demo" => process::in_runtime(demo),
        "create-admin" => {
            let wish = Wish::parse(std::env::args().skip(2))?;
            process::in_runtime(|settings| create_admin(settings, wish))
        }
        "rotate-key" => process::in_runtime(rotate_key),
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

async fn serve(settings: Settings) -> anyhow::Result<()> {
    // Listened for from the first moment: a stop must be clean while it is still settling in, too.
    let stop = process::stop_signal()?;
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

async fn create_admin(settings: Settings, wish: Wish) -> anyhow::Result<()> {
    build::check_schema(&settings).await?;
    let app = build::build(&settings, "", MovableClock::new()).await?;
    let told = wish.grant(&app, std::io::stdin().lock()).await?;
    app.finish(std::time::Duration::from_secs(5)).await;
    println!("{told}");
    Ok(())
}

async fn rotate_key(settings: Settings) -> anyhow::Result<()> {
    build::check_schema(&settings).await?;
    let rotated = build::rotate_key(&settings).await?;
    println!("{} secrets sealed anew; the former key opens nothing any more.", rotated.secrets);
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
