//! Files that guests sent, from Meta. The token goes along with the request for a file's bytes, and who has the token
//! has the number: so it is looked at first where they are said to be.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bellhop_domain::address::is_public;
use bellhop_domain::error_table::ErrorClass;
use bellhop_domain::ports::{ByteStream, FetchFailure, FetchedFile, Line, ProviderFailure, WantedFile};
use futures_util::{StreamExt, stream};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::LOCATION;
use reqwest::{Client, Url};
use tokio::time::timeout;

use super::call::{self, Lost};
use super::map;
use super::wire::answer::FileAddress;

/// Where Meta keeps what guests send: the one host of an address in a webhook that gets the token, beside that of the
/// API itself.
const META_FILES: &str = "lookaside.fbsbx.com";

/// Redirects within a host that are followed.
const HOPS: usize = 3;

/// The HTTP client for hosts that somebody else named: it reaches the public internet only.
///
/// # Errors
/// When the system's certificate store cannot be read.
pub fn file_client() -> Result<Client, reqwest::Error> {
    call::builder().dns_resolver(Arc::new(PublicOnly)).build()
}

/// Finds no address of a machine that is not on the public internet. Looked at where the connection is made, so that
/// a name cannot mean one address when it is looked at and another when it is used.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(io::Error::other("the host is not on the public internet").into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// The clients for a file's bytes.
pub(super) struct Clients<'a> {
    /// For the host of the API itself, which may be on this very machine: the simulator's is.
    pub own: &'a Client,
    /// For all others; without one they are not asked.
    pub others: Option<&'a Client>,
}

/// Opens the file where it is said to be ready, if the token may go there.
pub(super) async fn open_ready(
    clients: &Clients<'_>,
    line: &Line,
    wanted: &WantedFile,
) -> Option<Result<reqwest::Response, FetchFailure>> {
    let url = Url::parse(wanted.url.as_ref()?).ok()?;
    let metas = url.scheme() == "https" && url.host_str() == Some(META_FILES);
    if !metas && !is_of_the_api(line, &url) {
        return None;
    }
    match open(clients, line, url, wanted.stall).await {
        // Over after five minutes, or wrong from the beginning: the API knows the present one.
        Err(FetchFailure::Failed(reason)) => {
            tracing::debug!(file = wanted.provider_id, reason, "a file's ready address cannot be used");
            None
        }
        done => Some(done),
    }
}

/// Asks for the bytes behind an address that the API named.
pub(super) async fn open_named(
    clients: &Clients<'_>,
    line: &Line,
    address: &FileAddress,
    stall: Duration,
) -> Result<reqwest::Response, FetchFailure> {
    let url = address.url.as_deref().and_then(|url| Url::parse(url).ok());
    let url = url.ok_or_else(|| FetchFailure::Failed("the answer has no address of the file".to_owned()))?;
    open(clients, line, url, stall).await
}

async fn open(
    clients: &Clients<'_>,
    line: &Line,
    mut url: Url,
    stall: Duration,
) -> Result<reqwest::Response, FetchFailure> {
    for _ in 0..=HOPS {
        let request =
            client_for(clients, line, &url)?.get(url.clone()).bearer_auth(line.access_token.expose());
        let response = in_time(stall, request.send()).await?;
        match response.status().as_u16() {
            200 => return Ok(response),
            301 | 302 | 303 | 307 | 308 => url = next_hop(&url, &response)?,
            status => return Err(refusal(status, response, stall).await),
        }
    }
    Err(failed("the address of the file leads on and on"))
}

/// The client that may ask this host.
fn client_for<'a>(clients: &Clients<'a>, line: &Line, url: &Url) -> Result<&'a Client, FetchFailure> {
    if is_of_the_api(line, url) {
        return Ok(clients.own);
    }
    let host = url.host_str().map(|host| host.trim_matches(['[', ']']).parse::<IpAddr>());
    let public = match host {
        Some(Ok(address)) => is_public(address),
        // What a name means, the client looks at.
        Some(Err(_)) => true,
        None => false,
    };
    // The token would be anybody's on the way.
    if !public || url.scheme() != "https" {
        return Err(failed("the file is said to be on a host that is not asked"));
    }
    clients.others.ok_or_else(|| failed("no client for files of other hosts"))
}

fn is_of_the_api(line: &Line, url: &Url) -> bool {
    Url::parse(&line.base_url).is_ok_and(|base| base.origin().is_tuple() && base.origin() == url.origin())
}

/// Only within the host: another one was named by nobody who may.
fn next_hop(url: &Url, response: &reqwest::Response) -> Result<Url, FetchFailure> {
    let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
    let next = to.and_then(|to| url.join(to).ok()).filter(|next| next.origin() == url.origin());
    next.ok_or_else(|| failed("the address of the file leads to another host, which is not asked"))
}

/// Whoever has the bytes is believed about the token only: what it says of the file may be about its address.
async fn refusal(status: u16, response: reqwest::Response, stall: Duration) -> FetchFailure {
    let plain = failed(&format!("HTTP {status} where the file should be"));
    let Ok(Ok(answer)) = timeout(stall, call::read_whole(response, call::ANSWER_MAX)).await else {
        return plain;
    };
    match map::answer::query_answer::<serde_json::Value>(status, &answer.body) {
        Err(ProviderFailure::Refused(error)) if error.class() == ErrorClass::Credentials => {
            FetchFailure::Refused(error)
        }
        Ok(_) | Err(_) => plain,
    }
}

async fn in_time<T>(
    stall: Duration,
    step: impl Future<Output = Result<T, reqwest::Error>>,
) -> Result<T, FetchFailure> {
    match timeout(stall, step).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(ProviderFailure::from(Lost::from(error)).into()),
        Err(_) => Err(failed("no answer from where the file should be")),
    }
}

fn failed(why: &str) -> FetchFailure {
    FetchFailure::Failed(why.to_owned())
}

/// The file behind an answer, with what the API said of it, if it was asked.
pub(super) fn file(
    response: reqwest::Response,
    address: Option<FileAddress>,
    wanted: &WantedFile,
) -> Result<FetchedFile, FetchFailure> {
    let declared = response.content_length();
    let told =
        address.as_ref().and_then(|address| address.file_size).and_then(|size| u64::try_from(size).ok());
    let size = match (declared, told) {
        (Some(declared), Some(told)) if declared != told => {
            return Err(failed(&format!("{declared} bytes announced of a file that has {told}")));
        }
        (declared, told) => declared.or(told),
    };
    if let Some(size) = size.filter(|size| *size > wanted.max_bytes) {
        return Err(FetchFailure::TooLarge(size));
    }
    let (mime, sha256) = address.map_or((None, None), |address| (address.mime_type, address.sha256));
    Ok(FetchedFile { mime, size, sha256, bytes: pieces(response, wanted.stall) })
}

/// The bytes as they come; an error, and the end, when none came for so long.
fn pieces(response: reqwest::Response, stall: Duration) -> ByteStream {
    let next = move |response: Option<reqwest::Response>| async move {
        let mut response = response?;
        match timeout(stall, response.chunk()).await {
            Ok(Ok(Some(piece))) => Some((Ok(piece), Some(response))),
            Ok(Ok(None)) => None,
            Ok(Err(error)) => {
                let reason = ProviderFailure::from(Lost::from(error)).to_string();
                Some((Err(io::Error::other(reason)), None))
            }
            Err(_) => Some((Err(io::Error::other("nothing more of the file came")), None)),
        }
    };
    stream::unfold(Some(response), next).boxed()
}
