//! A file as an answer, streamed.

use std::ops::Range;

use bellhop_domain::ports::ByteStream;
use bellhop_service::media::MediaView;
use poem::http::HeaderValue;
use poem::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Binary, Payload};
use poem_openapi::registry::MetaSchemaRef;

use super::{disposition, range};

#[derive(ApiResponse)]
pub enum FileAnswer {
    /// The file
    #[oai(status = 200)]
    Whole(
        FileBytes,
        /// Names the file, and says whether it may be shown
        #[oai(header = "Content-Disposition")]
        String,
    ),
    /// The part that was asked for
    #[oai(status = 206)]
    Part(
        FileBytes,
        /// Names the file, and says whether it may be shown
        #[oai(header = "Content-Disposition")]
        String,
        /// Which part it is, such as `bytes 0-1023/146515`
        #[oai(header = "Content-Range")]
        String,
    ),
}

/// Bytes of the type that the file is of.
pub struct FileBytes {
    mime: String,
    etag: String,
    length: u64,
    body: Body,
}

impl FileAnswer {
    pub fn of(view: &MediaView, part: Option<Range<u64>>, bytes: ByteStream) -> Self {
        let id = view.media_id.to_string();
        let disposition = disposition::value(&view.mime_type, view.filename.as_deref().unwrap_or(&id));
        let length = part.as_ref().map_or(view.size, |part| part.end - part.start);
        let (mime, etag) = (view.mime_type.clone(), range::etag(view));
        let bytes = FileBytes { mime, etag, length, body: Body::from_bytes_stream(bytes) };
        match part {
            Some(part) => {
                let range = format!("bytes {}-{}/{}", part.start, part.end - 1, view.size);
                Self::Part(bytes, disposition, range)
            }
            None => Self::Whole(bytes, disposition),
        }
    }
}

impl Payload for FileBytes {
    const CONTENT_TYPE: &'static str = "*/*";

    fn schema_ref() -> MetaSchemaRef {
        Binary::<Body>::schema_ref()
    }
}

impl IntoResponse for FileBytes {
    fn into_response(self) -> Response {
        let mut response = self.body.into_response();
        let headers = response.headers_mut();
        // All ASCII by their making; what is not would be left out and not be guessed.
        for (name, value) in [(CONTENT_TYPE, self.mime), (ETAG, self.etag)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        headers.insert(CONTENT_LENGTH, self.length.into());
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
        // What was uploaded must do nothing under our name, even if a browser shows it.
        let nothing = HeaderValue::from_static("sandbox; default-src 'none'");
        headers.insert(CONTENT_SECURITY_POLICY, nothing);
        response
    }
}
