use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// How it names itself.
pub const WEBHOOK_AGENT: &str = concat!("bellhop-webhooks/", env!("CARGO_PKG_VERSION"));

/// The way to addresses that partners name. What they may name is decided where the connection is made.
#[async_trait]
pub trait WebhookClient: Send + Sync {
    /// Whether requests would go to this URL, as far as can be told without asking for its host.
    fn check(&self, url: &str) -> Result<(), BadUrl>;

    /// One request, without redirects, within 15 s in all.
    async fn send(&self, request: WebhookRequest) -> Result<Reply, Bounce>;
}

#[derive(Debug, Clone)]
pub struct WebhookRequest {
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: WebhookBody,
}

#[derive(Debug, Clone)]
pub enum WebhookBody {
    /// A GET with these parameters beside those that the URL has.
    Query(Vec<(&'static str, String)>),
    /// A POST of JSON.
    Json(Bytes),
}

/// What the receiver said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// At most its first 4,096 bytes; the rest was not read.
    pub body: Vec<u8>,
    pub retry_after: Option<Duration>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Bounce {
    /// Nothing was sent, and nothing will be.
    #[error(transparent)]
    BadUrl(#[from] BadUrl),
    #[error("there was no answer within 15 seconds")]
    TooLate,
    #[error("it could not be reached: {0}")]
    Unreachable(String),
}

/// Why nothing is sent to a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    #[error("is not a URL such as https://pms.example/webhooks")]
    NotAUrl,
    #[error("must be at most 2048 characters long")]
    TooLong,
    #[error("must begin with https://")]
    NotHttps,
    #[error("must not hold a user name or a password")]
    Credentials,
    #[error("must use port 443, or one from 1024 on")]
    Port,
    #[error("must not lead to this machine or its network")]
    Inside,
    #[error("must not lead to a link-local, shared, reserved or multicast address")]
    Nobody,
}
