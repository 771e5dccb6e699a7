//! Downloads that go wrong, as the `media` fault asks for it.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use poem::{
    Body, Response,
    http::{HeaderValue, StatusCode, header},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, ReadBuf},
    time::{Sleep, sleep},
};
use tokio_util::io::ReaderStream;

use crate::faults::MediaFault;

/// How long a client is kept waiting for the rest at most.
const STALL: Duration = Duration::from_secs(120);

/// What is answered in place of the file; None: the file is, see [`spoil`].
pub(super) fn refusal(fault: &MediaFault) -> Option<Response> {
    if fault.expired {
        return Some(StatusCode::NOT_FOUND.into());
    }
    if let Some(status) = fault.status {
        return Some(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into());
    }
    let url = fault.redirect.as_ref()?;
    Some(Response::builder().status(StatusCode::FOUND).header(header::LOCATION, url).finish())
}

/// The file with what the fault says of it.
pub(super) fn spoil(mut response: Response, fault: &MediaFault) -> Response {
    if let Some(length) = fault.content_length {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Some(value) = fault.mime_type.as_ref().and_then(|kind| HeaderValue::from_str(kind).ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    let Some(bytes) = fault.stall_after else { return response };
    let first = response.take_body().into_async_read().take(bytes);
    response.set_body(Body::from_bytes_stream(ReaderStream::new(first.chain(Stall(Box::pin(sleep(STALL)))))));
    response
}

/// No bytes and no end, until the time is up.
struct Stall(Pin<Box<Sleep>>);

impl AsyncRead for Stall {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.0.as_mut().poll(cx).map(|()| Err(std::io::Error::other("stalled by a fault")))
    }
}
