//! One HTTP exchange, and what can be known when it does not come to an end.

use std::error::Error;
use std::time::Duration;

use bellhop_domain::answer::Answer;
use bellhop_domain::ports::{Line, ProviderFailure};
use reqwest::redirect::Policy;

use super::usage;

/// The largest answer to a send that is read. Meta's are below 1 kB.
pub(super) const ANSWER_MAX: usize = 1 << 20;
/// The largest answer to any other call: a page of a hundred long templates.
pub(super) const PAGE_MAX: usize = 16 << 20;

/// Shorter than any send's deadline, so that a host that swallows packets counts as never reached
/// instead of leaving the message in doubt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Below the idle timeout of Meta's edge and of the usual proxies, so that requests seldom meet a
/// connection that is just being closed.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// The HTTP client that [`CloudApi`](super::CloudApi) needs.
///
/// # Errors
/// When the system's certificate store cannot be read.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    builder().build()
}

/// What every client for the provider keeps to.
pub(super) fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        // A redirected POST would be a second request, with the token, to a host nobody chose; and
        // a connect error of the second one would look as if nothing had been sent.
        .redirect(Policy::none())
        // By default a request is repeated after HTTP/2 refusals. Whether to repeat is our decision.
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .tcp_nodelay(true)
        .user_agent(concat!("bellhop/", env!("CARGO_PKG_VERSION")))
}

/// A complete answer.
pub(super) struct Response {
    pub status: u16,
    pub body: Vec<u8>,
    /// What `Retry-After`, or the usage headers of a limit that was reached, ask to wait.
    pub retry_after: Option<Duration>,
}

/// An exchange without a complete answer.
#[derive(Debug)]
pub(super) enum Lost {
    /// No connection came about: not a byte of the request left.
    BeforeTheRequest(String),
    /// The request, or part of it, may have been received.
    Unclear(String),
}

impl From<reqwest::Error> for Lost {
    /// `is_connect` is true for names that do not resolve, refused connections, TLS handshakes that
    /// fail, and any of these taking longer than the connect timeout. The client sets it only while
    /// it gets a connection, before it hands over the request. A pooled connection that turns out
    /// to be closed is replaced by the client itself, but only when the request comes back from it
    /// unwritten; else the error is of another kind, and unclear.
    fn from(error: reqwest::Error) -> Self {
        let before = error.is_connect() || error.is_builder();
        let reason = in_words(&error.without_url());
        if before { Self::BeforeTheRequest(reason) } else { Self::Unclear(reason) }
    }
}

impl From<Lost> for Answer {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::BeforeTheRequest(reason) => Self::NeverSent { reason },
            Lost::Unclear(reason) => Self::Unknown { reason },
        }
    }
}

impl From<Lost> for ProviderFailure {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::BeforeTheRequest(reason) | Lost::Unclear(reason) => Self::Unreachable(reason),
        }
    }
}

/// The error with its causes. reqwest's own text says only in which phase it happened.
fn in_words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.ends_with(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = error.source();
    }
    words
}

/// `{base}/{version}/{path…}`. The ids come from people: each stays one segment, whatever is in it.
pub(super) fn url(line: &Line, path: &[&str]) -> Result<reqwest::Url, String> {
    let bad = |why: &str| format!("the provider's base URL cannot be used: {why}");
    let mut url = reqwest::Url::parse(&line.base_url).map_err(|error| bad(&error.to_string()))?;
    url.path_segments_mut()
        .map_err(|()| bad("it has no host"))?
        .pop_if_empty()
        .push(&line.api_version)
        .extend(path);
    Ok(url)
}

/// Sends the request and reads the whole answer, up to `max` bytes. A longer one is cut: it will
/// not parse, and is then what it is, an unreadable answer.
pub(super) async fn exchange(request: reqwest::RequestBuilder, max: usize) -> Result<Response, Lost> {
    read_whole(request.send().await?, max).await
}

/// As [`exchange`], of an answer that has begun.
pub(super) async fn read_whole(mut response: reqwest::Response, max: usize) -> Result<Response, Lost> {
    let status = response.status().as_u16();
    let retry_after = usage::retry_after(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| Lost::Unclear(in_words(&error.without_url())))?
    {
        if body.len() + chunk.len() > max {
            return Ok(Response { status, body: Vec::new(), retry_after });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, body, retry_after })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellhop_domain::Secret;

    fn line(base_url: &str) -> Line {
        Line {
            base_url: base_url.into(),
            api_version: "v23.0".into(),
            phone_number_id: "1".into(),
            waba_id: "2".into(),
            access_token: Secret::new("t"),
        }
    }

    #[test]
    fn urls_keep_the_base_path_and_quote_the_ids() {
        let of = |base, path: &[&str]| url(&line(base), path).map(String::from);
        assert_eq!(
            of("https://graph.facebook.com", &["1", "messages"]).unwrap(),
            "https://graph.facebook.com/v23.0/1/messages"
        );
        assert_eq!(of("http://127.0.0.1:8090/", &["1"]).unwrap(), "http://127.0.0.1:8090/v23.0/1");
        assert_eq!(of("http://proxy/graph", &["1"]).unwrap(), "http://proxy/graph/v23.0/1");
        assert_eq!(of("http://h", &["1/../2?x", "a"]).unwrap(), "http://h/v23.0/1%2F..%2F2%3Fx/a");
        assert!(of("graph.facebook.com", &["1"]).is_err());
        assert!(of("mailto:a@example.com", &["1"]).is_err());
    }
}
