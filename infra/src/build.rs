//! The only place that picks implementations.

use std::sync::Arc;

use anyhow::Context;
use bellhop_domain::ports::{Cipher, Queue, RateLimiter, WindowStore};
use bellhop_provider::{CloudApi, cloud_api};
use bellhop_service::{App, Config, Database, Ports};

use crate::cipher::XChaCha;
use crate::clock::MovableClock;
use crate::queue::in_process::InProcessQueue;
use crate::queue::rabbitmq::RabbitQueue;
use crate::rate_limit::in_memory::InMemoryRateLimiter;
use crate::rate_limit::redis::RedisRateLimiter;
use crate::settings::Settings;
use crate::window::in_memory::InMemoryWindows;
use crate::window::redis::RedisWindows;
use crate::{database, metrics};

pub use crate::schema::{check_schema, migrate};

/// Where the provider's webhooks arrive, under the public URL.
pub const WEBHOOK_PATH: &str = "/api/v1/whatsapp/webhook";

/// Opens the database and wires the application as the settings say.
///
/// # Errors
/// When the database cannot be opened, the folder of media be made, or the secret key be read.
pub async fn build(settings: &Settings, public_url: &str, clock: MovableClock) -> anyhow::Result<App> {
    metrics::install();
    let (writer, reader) = database::connect(&settings.database_url).await?;
    let ports = Ports {
        provider: Arc::new(CloudApi::new(cloud_api::http_client()?)),
        queue: queue(settings, "send"),
        batch_queue: queue(settings, "batch"),
        windows: windows(settings)?,
        limiter: limiter(settings)?,
        media: Arc::new(settings.media.open(&settings.s3)?),
        cipher: cipher(settings)?,
        clock: Arc::new(clock),
    };
    let config = Config {
        lease: settings.send_lease,
        in_doubt_horizon: settings.in_doubt_horizon,
        callback_url: format!("{}{WEBHOOK_PATH}", public_url.trim_end_matches('/')),
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

fn cipher(settings: &Settings) -> anyhow::Result<Arc<dyn Cipher>> {
    let cipher = match &settings.secret_key {
        Some(key) => XChaCha::from_base64(key)?,
        None => XChaCha::load_or_create(&settings.data_dir)?,
    };
    Ok(Arc::new(cipher))
}
