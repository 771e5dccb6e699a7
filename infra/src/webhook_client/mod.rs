//! Requests to addresses that partners name. Nothing of ours can be reached through them.

mod resolver;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bellhop_domain::address::{Reach, reach};
use bellhop_domain::ports::{
    BadUrl, Bounce, Reply, WEBHOOK_AGENT, WebhookBody, WebhookClient, WebhookRequest,
};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use tokio::time::{Instant, timeout_at};

use resolver::{Forbidden, Guarded, Lookup};

/// For a whole exchange; only an answer within it is success.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the rest of an answer is waited for once its status is known: a body that drips changes nothing.
const REST: Duration = Duration::from_secs(1);
/// So much of an answer is kept. The rest is not read: its connection is closed.
const KEPT: usize = 4096;
const URL_MAX: usize = 2048;
/// Below the idle timeout of the usual proxies.
const POOL_IDLE: Duration = Duration::from_secs(50);
/// As many as a subscription has on the wire at a time.
const POOL_PER_HOST: usize = 8;

/// Where requests may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// By https to the public internet.
    Public,
    /// For development: by http too, and to this machine and its network.
    Insecure,
}

impl Rule {
    fn check(self, address: IpAddr) -> Result<(), BadUrl> {
        match (reach(address), self) {
            (Reach::Public, Self::Public | Self::Insecure) | (Reach::Inside, Self::Insecure) => Ok(()),
            (Reach::Inside, Self::Public) => Err(BadUrl::Inside),
            (Reach::Nobody, Self::Public | Self::Insecure) => Err(BadUrl::Nobody),
        }
    }
}

/// The client for partners' webhooks.
pub struct GuardedClient {
    http: Client,
    rule: Rule,
    patience: Duration,
}

impl GuardedClient {
    /// # Errors
    /// When the system's certificate store cannot be read.
    pub fn new(rule: Rule) -> Result<Self, reqwest::Error> {
        Self::with(rule, resolver::system())
    }

    fn with(rule: Rule, lookup: Lookup) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .dns_resolver(Arc::new(Guarded { rule, lookup }))
            // A redirect leads where nobody has looked, and a proxy would look names up itself.
            .redirect(Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .http1_only()
            .referer(false)
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_PER_HOST)
            .tcp_nodelay(true)
            .user_agent(WEBHOOK_AGENT)
            .build()?;
        Ok(Self { http, rule, patience: PATIENCE })
    }

    fn read(&self, url: &str) -> Result<Url, BadUrl> {
        if url.len() > URL_MAX {
            return Err(BadUrl::TooLong);
        }
        let url = Url::parse(url).map_err(|_| BadUrl::NotAUrl)?;
        match (url.scheme(), self.rule) {
            ("https", Rule::Public | Rule::Insecure) | ("http", Rule::Insecure) => {}
            _ => return Err(BadUrl::NotHttps),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadUrl::Credentials);
        }
        // Below are the services of machines, which webhooks are none of.
        let port = url.port_or_known_default().ok_or(BadUrl::Port)?;
        if !matches!(port, 80 | 443 | 1024..) || (port == 80 && self.rule == Rule::Public) {
            return Err(BadUrl::Port);
        }
        // A resolver is never asked for an address. The parser has read all its other forms, such as 0x7f.1.
        let host = url.host_str().ok_or(BadUrl::NotAUrl)?;
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            self.rule.check(address)?;
        }
        Ok(url)
    }

    fn request(&self, mut url: Url, request: WebhookRequest) -> reqwest::RequestBuilder {
        let mut builder = match request.body {
            WebhookBody::Query(parameters) => {
                url.query_pairs_mut().extend_pairs(parameters);
                self.http.get(url)
            }
            WebhookBody::Json(body) => {
                self.http.post(url).header(CONTENT_TYPE, "application/json").body(body)
            }
        };
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        builder
    }
}

#[async_trait]
impl WebhookClient for GuardedClient {
    fn check(&self, url: &str) -> Result<(), BadUrl> {
        self.read(url).map(|_| ())
    }

    async fn send(&self, request: WebhookRequest) -> Result<Reply, Bounce> {
        let until = Instant::now() + self.patience;
        let url = self.read(&request.url)?;
        let answer = timeout_at(until, self.request(url, request).send()).await;
        let mut response = answer.map_err(|_| Bounce::TooLate)?.map_err(|error| bounce(&error))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(&response);
        let body = first_bytes(&mut response, until.min(Instant::now() + REST)).await;
        Ok(Reply { status, body, retry_after })
    }
}

/// What comes of the body until then, and no more than is kept.
async fn first_bytes(response: &mut Response, until: Instant) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Ok(Some(piece))) = timeout_at(until, response.chunk()).await {
        let room = KEPT - body.len();
        body.extend_from_slice(&piece[..piece.len().min(room)]);
        // One more piece would say whether it ended; of most answers the first is the last.
        if body.len() == KEPT {
            break;
        }
    }
    body
}

/// In seconds or as a date.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = chrono::DateTime::parse_from_rfc2822(value).ok()?;
    (at.to_utc() - chrono::Utc::now()).to_std().ok()
}

fn bounce(error: &reqwest::Error) -> Bounce {
    let mut source: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    let mut said = "no connection".to_owned();
    while let Some(inner) = source {
        if let Some(Forbidden(bad)) = inner.downcast_ref() {
            return Bounce::BadUrl(*bad);
        }
        said = inner.to_string();
        source = inner.source();
    }
    Bounce::Unreachable(said)
}
