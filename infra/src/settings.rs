//! Settings: environment variables with the prefix `BELLHOP_`, read once, in one flat struct.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use bellhop_domain::Secret;
use bellhop_domain::consent::StopWords;
use bellhop_domain::ports::RequestRate;
use lapin::uri::AMQPUri;

use crate::media::{MediaPlace, S3};
use crate::webhook_client::Rule;

use vars::Vars;

/// Every variable that is read.
pub const NAMES: &[&str] = &[
    "BELLHOP_HTTP_ADDR",
    "BELLHOP_WORKER_HTTP_ADDR",
    "BELLHOP_SIMULATOR_ADDR",
    "BELLHOP_SIMULATOR_URL",
    "BELLHOP_SIMULATOR_ACCOUNT",
    "BELLHOP_PUBLIC_URL",
    "BELLHOP_CORS_ORIGINS",
    "BELLHOP_TRUSTED_PROXIES",
    "BELLHOP_TOKEN_RATE",
    "BELLHOP_PROPERTY_RATE",
    "BELLHOP_DATA_DIR",
    "BELLHOP_DATABASE_URL",
    "BELLHOP_AMQP_URL",
    "BELLHOP_REDIS_URL",
    "BELLHOP_QUEUE_PREFIX",
    "BELLHOP_SECRET_KEY",
    "BELLHOP_SECRET_KEY_PREVIOUS",
    "BELLHOP_APP_SECRET",
    "BELLHOP_ALLOW_HTTP_BASE_URL",
    "BELLHOP_WEBHOOK_ALLOW_INSECURE",
    "BELLHOP_MEDIA_URL",
    "BELLHOP_S3_ENDPOINT",
    "BELLHOP_S3_REGION",
    "BELLHOP_S3_ACCESS_KEY_ID",
    "BELLHOP_S3_SECRET_ACCESS_KEY",
    "BELLHOP_SEND_LEASE_SECONDS",
    "BELLHOP_IN_DOUBT_HORIZON_SECONDS",
    "BELLHOP_SWEEP_INTERVAL_MS",
    "BELLHOP_STOP_WORDS",
    "BELLHOP_LOG",
    "BELLHOP_LOG_FORMAT",
];

const DATABASE_FILE: &str = "bellhop.db";

/// What the process runs with. An empty variable counts as unset.
#[derive(Debug, Clone)]
pub struct Settings {
    pub http_addr: SocketAddr,
    /// Where `worker` shows its numbers and its health.
    pub worker_http_addr: SocketAddr,
    pub simulator_addr: SocketAddr,
    /// Without a trailing slash. Set: that simulator is used, none is started.
    pub simulator_url: Option<String>,
    /// Which well-known account the simulator plays, counted from 1.
    pub simulator_account: u32,
    /// Without a trailing slash; see [`Settings::public_url`].
    pub public_url: Option<String>,
    /// As browsers write them: `https://desk.example`.
    pub cors_origins: Vec<String>,
    /// Reverse proxies in front of the API that add to `X-Forwarded-For`.
    pub trusted_proxies: u32,
    /// How often one person or API token may ask; `None`: as often as they like.
    pub token_rate: Option<RequestRate>,
    /// The same for everybody of a property together.
    pub property_rate: Option<RequestRate>,
    pub data_dir: PathBuf,
    /// These three may carry a password.
    pub database_url: Secret,
    pub amqp_url: Option<Secret>,
    pub redis_url: Option<Secret>,
    /// Begins the names of RabbitMQ queues and Redis keys, so that a broker can be shared.
    pub queue_prefix: String,
    /// 32 bytes in base64.
    pub secret_key: Option<Secret>,
    /// Still opens what was sealed with it, until a rotation is over.
    pub secret_key_previous: Option<Secret>,
    /// Of the connections that have none of their own.
    pub app_secret: Option<Secret>,
    /// Whether a connection's base URL may be http on another machine.
    pub allow_http_base_url: bool,
    /// Where partners' webhooks may go.
    pub webhook_rule: Rule,
    /// Where uploaded files are kept.
    pub media: MediaPlace,
    /// How they are reached, where that is a bucket.
    pub s3: S3,
    /// How long an attempt may hold a message before another process takes over.
    pub send_lease: Duration,
    /// How long a message stays in doubt before the policy decides.
    pub in_doubt_horizon: Duration,
    /// How often what nobody claimed is published again.
    pub sweep_interval: Duration,
    /// By which guests stop marketing.
    pub stop_words: StopWords,
    /// A `tracing` filter.
    pub log: String,
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// A variable that cannot be used, in a sentence for whoever starts the process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct BadSetting {
    pub name: &'static str,
    /// `None` for a secret.
    pub given: Option<String>,
    pub allowed: &'static str,
}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.given {
            Some(given) => write!(f, "{} is {given:?}, but must be {}", self.name, self.allowed),
            None => write!(f, "{} has a value that cannot be used: it must be {}", self.name, self.allowed),
        }
    }
}

impl Settings {
    /// # Errors
    /// For the first variable that cannot be used.
    pub fn from_env() -> Result<Self, BadSetting> {
        for name in NAMES {
            if let Some(value) = std::env::var_os(name)
                && value.to_str().is_none()
            {
                return Err(BadSetting { name, given: None, allowed: "valid UTF-8" });
            }
        }
        Self::read(|name| std::env::var(name).ok())
    }

    /// # Errors
    /// For the first variable that cannot be used.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, BadSetting> {
        let vars = Vars(&lookup);
        let data_dir = PathBuf::from(vars.text("BELLHOP_DATA_DIR").unwrap_or_else(|| "./data".into()));
        let database_url = vars.secret_url("BELLHOP_DATABASE_URL", vars::DATABASE)?;
        let sweep_ms = "a whole number of milliseconds from 10 to 60000";
        let sweep_ms = vars.number("BELLHOP_SWEEP_INTERVAL_MS", sweep_ms, 1_000, 10..=60_000)?;
        let account = "a whole number from 1 to 999";
        let proxies = "a whole number from 0 to 9";
        // At most 20 s: what a killed process held must be taken over within 30 s.
        let lease = "a number of seconds from 1 to 20";
        let horizon = "a number of seconds from 0.1 to 604800 (a week)";
        Ok(Self {
            http_addr: vars.parsed("BELLHOP_HTTP_ADDR", ADDRESS, "127.0.0.1:8080")?,
            worker_http_addr: vars.parsed("BELLHOP_WORKER_HTTP_ADDR", ADDRESS, "127.0.0.1:8081")?,
            simulator_addr: vars.parsed("BELLHOP_SIMULATOR_ADDR", ADDRESS, "127.0.0.1:8090")?,
            simulator_url: vars.url("BELLHOP_SIMULATOR_URL")?,
            simulator_account: vars.number("BELLHOP_SIMULATOR_ACCOUNT", account, 1, 1..=999)?,
            public_url: vars.url("BELLHOP_PUBLIC_URL")?,
            cors_origins: vars.origins("BELLHOP_CORS_ORIGINS")?,
            trusted_proxies: vars.number("BELLHOP_TRUSTED_PROXIES", proxies, 0, 0..=9)?,
            token_rate: vars.request_rate("BELLHOP_TOKEN_RATE", 3_000)?,
            property_rate: vars.request_rate("BELLHOP_PROPERTY_RATE", 12_000)?,
            database_url: database_url.unwrap_or_else(|| sqlite_url(&data_dir)),
            media: vars.media("BELLHOP_MEDIA_URL", &data_dir)?,
            s3: vars.s3()?,
            data_dir,
            amqp_url: vars.secret("BELLHOP_AMQP_URL", vars::AMQP, |url| url.parse::<AMQPUri>().is_ok())?,
            redis_url: vars.secret_url("BELLHOP_REDIS_URL", vars::REDIS)?,
            queue_prefix: vars.prefix("BELLHOP_QUEUE_PREFIX")?,
            secret_key: vars.secret("BELLHOP_SECRET_KEY", KEY, is_key)?,
            secret_key_previous: vars.secret("BELLHOP_SECRET_KEY_PREVIOUS", KEY, is_key)?,
            app_secret: vars.secret("BELLHOP_APP_SECRET", "text", |_| true)?,
            allow_http_base_url: vars.parsed("BELLHOP_ALLOW_HTTP_BASE_URL", "true or false", "false")?,
            webhook_rule: vars.webhook_rule("BELLHOP_WEBHOOK_ALLOW_INSECURE")?,
            send_lease: vars.seconds("BELLHOP_SEND_LEASE_SECONDS", lease, 20.0, 1.0..=20.0)?,
            in_doubt_horizon: vars.seconds(
                "BELLHOP_IN_DOUBT_HORIZON_SECONDS",
                horizon,
                900.0,
                0.1..=604_800.0,
            )?,
            sweep_interval: Duration::from_millis(sweep_ms.into()),
            stop_words: vars.stop_words("BELLHOP_STOP_WORDS")?,
            log: vars.log("BELLHOP_LOG")?,
            log_format: vars.parsed("BELLHOP_LOG_FORMAT", "text or json", "text")?,
        })
    }

    /// Where others reach the API: as set, else where it listens.
    pub fn public_url(&self, listening_on: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| http_url(listening_on))
    }
}

/// The address of a server on this machine that listens on `addr`.
pub fn http_url(addr: SocketAddr) -> String {
    // "All interfaces" is no address to connect to.
    match (addr.ip().is_unspecified(), addr) {
        (false, addr) => format!("http://{addr}"),
        (true, SocketAddr::V4(addr)) => format!("http://127.0.0.1:{}", addr.port()),
        (true, SocketAddr::V6(addr)) => format!("http://[::1]:{}", addr.port()),
    }
}

/// Variables that look like settings and are none: most likely misspelled. Worth a warning, no more:
/// another version may know them.
pub fn unknown(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let unknown = |name: &String| name.starts_with("BELLHOP_") && !NAMES.contains(&name.as_str());
    let mut found: Vec<String> = names.into_iter().filter(unknown).collect();
    found.sort();
    found
}

/// The environment's part of [`unknown`].
pub fn unknown_in_env() -> Vec<String> {
    unknown(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
}

const KEY: &str = "32 bytes in base64";

fn is_key(text: &str) -> bool {
    crate::cipher::XChaCha::from_base64(&Secret::new(text)).is_ok()
}

const ADDRESS: &str = "an IP address with a port, such as 127.0.0.1:8080";

fn sqlite_url(data_dir: &Path) -> Secret {
    // The path part of the URL is percent-decoded, and ends at a question mark.
    let path = data_dir.join(DATABASE_FILE).to_string_lossy().replace('%', "%25").replace('?', "%3F");
    Secret::new(format!("sqlite://{path}"))
}

impl FromStr for LogFormat {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

mod split;
#[cfg(test)]
mod tests;
mod vars;

pub use split::OneProcessOnly;
