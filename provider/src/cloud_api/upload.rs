//! Files to Meta: as they come, never held whole.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bellhop_domain::Secret;
use bellhop_domain::ports::{ByteStream, Line, MediaFile, ProviderFailure};
use bytes::Bytes;
use futures_core::Stream;
use reqwest::header::HeaderValue;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Url};

use super::call;

/// For a file of no size.
const LEAST: Duration = Duration::from_secs(30);
/// The slowest way to Meta on which an upload still succeeds, in bytes per second.
const SLOWEST: u64 = 256 << 10;

/// How long the upload of so many bytes may take.
pub(super) fn timeout(size: u64) -> Duration {
    LEAST + Duration::from_secs(size / SLOWEST)
}

/// The form that `/media` takes. Every part has a known size, so that the whole has a
/// `Content-Length`: Meta's edge is not known to take chunked forms.
pub(super) fn form(file: MediaFile) -> Result<Form, ProviderFailure> {
    let (size, mime) = (file.size, file.mime.clone());
    // A quoted name is written differently by every client, and read differently by every server.
    let name: String = file
        .filename
        .chars()
        .map(|c| if c.is_control() || matches!(c, '"' | '\\') { '_' } else { c })
        .collect();
    let part = Part::stream_with_length(body(file), size).file_name(name).mime_str(&mime);
    let part = part.map_err(|error| ProviderFailure::Unreachable(error.to_string()))?;
    Ok(Form::new().text("messaging_product", "whatsapp").text("type", mime).part("file", part))
}

pub(super) fn body(file: MediaFile) -> Body {
    Body::wrap_stream(Exact { source: Some(file.bytes), left: file.size, last: None })
}

/// The token, for the one call that wants it under another name than `Bearer`.
pub(super) fn oauth(token: &Secret) -> Result<HeaderValue, ProviderFailure> {
    let mut value = HeaderValue::try_from(format!("OAuth {}", token.expose()))
        .map_err(|_| ProviderFailure::Unreachable("the token cannot stand in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `{base}/{version}/upload:…`. The id is signed, and parts of it look like a query: it has to go
/// back to the letter.
pub(super) fn session_url(line: &Line, id: &str) -> Result<Url, ProviderFailure> {
    let base = call::url(line, &[]).map_err(ProviderFailure::Unreachable)?;
    let url = Url::parse(&format!("{base}/{id}")).ok();
    url.filter(|url| id.starts_with("upload:") && url.fragment().is_none() && url.as_str().ends_with(id))
        .ok_or_else(|| ProviderFailure::Unreadable("the id of the upload cannot be an address".to_owned()))
}

/// The file, if it has the size that was announced. One that is longer would be cut by the HTTP
/// client in silence, which ends the body where the header says; so the last piece waits until the
/// source has ended.
struct Exact {
    /// `None` once it has ended or failed: it must not be asked again.
    source: Option<ByteStream>,
    left: u64,
    last: Option<Bytes>,
}

impl Stream for Exact {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        while let Some(source) = &mut self.source {
            let error = match ready!(source.as_mut().poll_next(context)) {
                Some(Ok(bytes)) => match self.left.checked_sub(bytes.len() as u64) {
                    Some(0) if bytes.is_empty() => continue,
                    Some(0) => {
                        self.left = 0;
                        self.last = Some(bytes);
                        continue;
                    }
                    Some(left) => {
                        self.left = left;
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                    None => io::Error::other("the file is longer than announced"),
                },
                Some(Err(error)) => error,
                None if self.left > 0 => io::Error::other("the file is shorter than announced"),
                None => {
                    self.source = None;
                    return Poll::Ready(self.last.take().map(Ok));
                }
            };
            *self = Self { source: None, left: 0, last: None };
            return Poll::Ready(Some(Err(error)));
        }
        Poll::Ready(None)
    }
}
