//! The limit of a body, and the rest of bodies that nobody wants.
//!
//! The framework's own middleware answers 411 to every request without Content-Length, and one
//! that only refuses loses its answer: a client that is still writing when the connection closes
//! sees a reset instead. So the rest is read and dropped.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bellhop_domain::media;
use bellhop_domain::problem::Problem;
use futures_util::{Stream, StreamExt, stream};
use poem::http::header::{CONTENT_LENGTH, EXPECT, HeaderName};
use poem::{Body, Endpoint, IntoResponse, Request, Response};
use serde_json::json;

use crate::BASE_PATH;
use crate::envelope::ApiError;

/// The largest body that is taken. Meta sends at most 3 MB.
const BODY_MAX: usize = 5 << 20;

/// The largest file of recipients or guests, which is read as it comes.
const LINES_MAX: usize = 64 << 20;

/// The largest file of a message, with room for the form around it.
const MEDIA_MAX: usize = (media::MAX_BYTES as usize) + (1 << 20);

/// How much more is read only to be dropped.
const DROPPED_MAX: usize = 64 << 20;

/// How long a sender may take for what is dropped.
const DROPPING_MAX: Duration = Duration::from_secs(10);

type Chunks = Pin<Box<dyn Stream<Item = io::Result<Vec<u8>>> + Send>>;

/// A body that the endpoint reads up to the limit, and this module to its end.
struct Shared {
    chunks: Chunks,
    most: usize,
    seen: usize,
    began: bool,
    ended: bool,
}

impl Shared {
    fn too_large(&self) -> bool {
        self.seen > self.most
    }
}

type Handle = Arc<Mutex<Shared>>;

/// The most that an address takes. By its path, not by its content type, which a sender may choose.
fn most_at(path: &str) -> usize {
    match path.strip_prefix(BASE_PATH) {
        Some("/batches/upload" | "/guests/import") => LINES_MAX,
        Some("/media/upload") => MEDIA_MAX,
        Some(_) | None => BODY_MAX,
    }
}

/// Holds every body to [`BODY_MAX`], files to a limit of their own.
pub async fn limit<E: Endpoint>(endpoint: Arc<E>, mut request: Request) -> poem::Result<Response> {
    let body = request.take_body();
    if body.is_empty() {
        return endpoint.call(request).await.map(IntoResponse::into_response);
    }
    let most = most_at(request.uri().path());
    let length = header_number(&request, CONTENT_LENGTH);
    let waits = request.headers().contains_key(EXPECT);
    let chunks = body.into_bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec()));
    // A length over the limit is believed at once: not one byte of it is kept.
    let seen = length.filter(|length| *length > most).unwrap_or(0);
    let shared =
        Arc::new(Mutex::new(Shared { chunks: Box::pin(chunks), most, seen, began: false, ended: false }));
    request.set_body(Body::from_bytes_stream(limited(Arc::clone(&shared))));
    let answer = endpoint.call(request).await.map(IntoResponse::into_response);
    let (began, ended, too_large) = {
        let body = shared.lock().unwrap_or_else(PoisonError::into_inner);
        (body.began, body.ended, body.too_large())
    };
    // Who waits for "100 Continue" has sent nothing yet, and must not be asked to.
    if !ended && (began || !waits) {
        drop_rest(shared).await;
    }
    if began && too_large {
        let message = format!("The request is larger than {} MB, the most that is taken here.", most >> 20);
        return Err(ApiError::new(Problem::PayloadTooLarge, message, json!({"limit_bytes": most})).into());
    }
    answer
}

fn header_number(request: &Request, name: HeaderName) -> Option<usize> {
    request.headers().get(name)?.to_str().ok()?.parse().ok()
}

/// The body as the endpoint reads it: an error instead of the chunk that goes over the limit.
fn limited(shared: Handle) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
    stream::poll_fn(move |context| {
        let mut body = shared.lock().unwrap_or_else(PoisonError::into_inner);
        body.began = true;
        if body.too_large() {
            return Some(Err(io::Error::other("the body is over the limit"))).into();
        }
        let chunk = std::task::ready!(body.chunks.as_mut().poll_next(context));
        match &chunk {
            Some(Ok(bytes)) => {
                body.seen += bytes.len();
                if body.too_large() {
                    return Some(Err(io::Error::other("the body is over the limit"))).into();
                }
            }
            Some(Err(_)) | None => body.ended = true,
        }
        chunk.into()
    })
}

/// Reads what is left and keeps nothing.
async fn drop_rest(shared: Handle) {
    let mut dropped = 0;
    let rest = stream::poll_fn(|context| {
        shared.lock().unwrap_or_else(PoisonError::into_inner).chunks.as_mut().poll_next(context)
    });
    let rest = rest.take_while(|chunk| {
        dropped += chunk.as_ref().map_or(DROPPED_MAX, Vec::len);
        std::future::ready(dropped < DROPPED_MAX)
    });
    // Too slow is the sender's loss: it may not see the answer.
    let _ = tokio::time::timeout(DROPPING_MAX, rest.for_each(|_| std::future::ready(()))).await;
}
