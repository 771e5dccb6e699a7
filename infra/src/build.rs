//! The only place that picks implementations.

use std::sync::Arc;

use anyhow::{Context, bail};
use bellhop_domain::ports::{Cipher, Queue, RateLimiter, Wake, WindowStore};
use bellhop_provider::{CloudApi, cloud_api};
use bellhop_service::keys::{KeyCheck, Rotated};
use bellhop_service::request_limit::RequestRates;
use bellhop_service::{App, Config, Database, Ports};

use crate::cipher::{self, KeyRing};
use crate::clock::MovableClock;
use crate::queue::in_process::InProcessQueue;
use crate::queue::rabbitmq::RabbitQueue;
use crate::rate_limit::in_memory::InMemoryRateLimiter;
use crate::rate_limit::redis::RedisRateLimiter;
use crate::settings::Settings;
use crate::wake::in_process::InProcessWake;
use crate::wake::redis::RedisWake;
use crate::webhook_client::GuardedClient;
use crate::window::in_memory::InMemoryWindows;
use crate::window::redis::RedisWindows;
use crate::{database, metrics};

pub use crate::schema::{check_schema, migrate};

/// Where the API stands, under the public URL.
const API_PATH: &str = "/api/v1/whatsapp";

/// Opens the database and wires the application as the settings say.
///
/// # Errors
/// When the database cannot be opened, the folder of media be made, or the secret key be read, or when that is
/// not the key of this database.
pub async fn build(settings: &Settings, public_url: &str, clock: MovableClock) -> anyhow::Result<App> {
    let app = wire(settings, public_url, clock).await?;
    match app.check_key().await? {
        KeyCheck::Fits => Ok(app),
        KeyCheck::Wrong => bail!("{} {WRONG_KEY}", key_place(settings)),
        KeyCheck::Unfinished => bail!("{} {UNFINISHED}", key_place(settings)),
    }
}

const WRONG_KEY: &str = "is not the key with which this database's credentials are sealed: give it its former value. \
    To change the key, set the former one as BELLHOP_SECRET_KEY_PREVIOUS beside the new one, and run `bellhop rotate-key`";
const UNFINISHED: &str = "is one of two keys of this database, whose change has not ended: set the new key as \
    BELLHOP_SECRET_KEY and the former one as BELLHOP_SECRET_KEY_PREVIOUS, and run `bellhop rotate-key` again";

fn key_place(settings: &Settings) -> String {
    match settings.secret_key {
        Some(_) => "BELLHOP_SECRET_KEY".to_owned(),
        None => format!("{} (BELLHOP_SECRET_KEY is not set)", settings.data_dir.join("secret.key").display()),
    }
}

/// Brings everything that is sealed under a new key: the one that the settings name, beside the former one, or
/// a new one in the data dir. Other processes may go on if they have both. May be repeated.
///
/// # Errors
/// When a key is missing or wrong, or the database cannot be written.
pub async fn rotate_key(settings: &Settings) -> anyhow::Result<Rotated> {
    let in_folder = settings.secret_key.is_none();
    if in_folder {
        cipher::begin_rotation(&settings.data_dir)?;
    } else if settings.secret_key_previous.is_none() {
        bail!(
            "BELLHOP_SECRET_KEY_PREVIOUS must be set to the key in use, and BELLHOP_SECRET_KEY to the new one"
        );
    }
    let app = build(settings, "", MovableClock::new()).await?;
    let rotated = app.rotate_key().await?;
    if in_folder {
        cipher::end_rotation(&settings.data_dir)?;
    }
    app.finish(std::time::Duration::from_secs(5)).await;
    Ok(rotated)
}

async fn wire(settings: &Settings, public_url: &str, clock: MovableClock) -> anyhow::Result<App> {
    metrics::install();
    let (writer, reader) = database::connect(&settings.database_url).await?;
    let ports = Ports {
        provider: Arc::new(CloudApi::new(cloud_api::http_client()?).fetching_with(cloud_api::file_client()?)),
        queue: queue(settings, "send"),
        batch_queue: queue(settings, "batch"),
        windows: windows(settings)?,
        limiter: limiter(settings)?,
        media: Arc::new(settings.media.open(&settings.s3)?),
        cipher: cipher(settings)?,
        webhooks: Arc::new(GuardedClient::new(settings.webhook_rule)?),
        clock: Arc::new(clock),
        wake: wake(settings)?,
    };
    let api_url = format!("{}{API_PATH}", public_url.trim_end_matches('/'));
    let config = Config {
        lease: settings.send_lease,
        in_doubt_horizon: settings.in_doubt_horizon,
        stop_words: settings.stop_words.clone(),
        callback_url: format!("{api_url}/webhook"),
        api_url,
        app_secret: settings.app_secret.clone(),
        allow_http_base_url: settings.allow_http_base_url,
        request_rates: RequestRates { token: settings.token_rate, property: settings.property_rate },
    };
    Ok(App::new(Database::new(writer, reader), ports, config))
}

fn queue(settings: &Settings, name: &str) -> Arc<dyn Queue> {
    match &settings.amqp_url {
        Some(url) => Arc::new(RabbitQueue::connect(url, format!("{}.{name}", settings.queue_prefix))),
        None => Arc::new(InProcessQueue::new()),
    }
}

fn windows(settings: &Settings) -> anyhow::Result<Arc<dyn WindowStore>> {
    Ok(match &settings.redis_url {
        Some(url) => Arc::new(
            RedisWindows::connect(url, &settings.queue_prefix).context("BELLHOP_REDIS_URL cannot be used")?,
        ),
        None => Arc::new(InMemoryWindows::new()),
    })
}

fn limiter(settings: &Settings) -> anyhow::Result<Arc<dyn RateLimiter>> {
    Ok(match &settings.redis_url {
        Some(url) => Arc::new(
            RedisRateLimiter::connect(url, &settings.queue_prefix)
                .context("BELLHOP_REDIS_URL cannot be used")?,
        ),
        None => Arc::new(InMemoryRateLimiter::new()),
    })
}

fn wake(settings: &Settings) -> anyhow::Result<Arc<dyn Wake>> {
    Ok(match &settings.redis_url {
        Some(url) => Arc::new(
            RedisWake::connect(url, &settings.queue_prefix).context("BELLHOP_REDIS_URL cannot be used")?,
        ),
        None => Arc::new(InProcessWake::default()),
    })
}

fn cipher(settings: &Settings) -> anyhow::Result<Arc<dyn Cipher>> {
    let cipher = match &settings.secret_key {
        Some(key) => KeyRing::of(key, settings.secret_key_previous.as_ref())?,
        None => KeyRing::of_folder(&settings.data_dir)?,
    };
    Ok(Arc::new(cipher))
}
