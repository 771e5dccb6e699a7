//! The form of an upload, read as it comes: the file goes through to the store.

use std::io;

use bellhop_domain::media::MediaKind;
use bellhop_domain::problem::Problem;
use bellhop_service::App;
use bellhop_service::auth::Caller;
use bellhop_service::idempotency::IdempotencyKey;
use bellhop_service::media::{Incoming, MediaView};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use multer::Multipart;
use poem::http::header::CONTENT_TYPE;
use poem::{Body, Request, RequestBody};
use poem_openapi::payload::{Binary, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseFromParameter, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use tokio_util::sync::CancellationToken;

use super::filename;
use super::held::Held;
use crate::body::{check_key_header, plain_reason};
use crate::deadline::Progress;
use crate::envelope::ApiError;
use crate::request_id;

/// Longer than any `media_type`.
const WORD_MAX: usize = 64;

/// A form that is not read yet.
pub struct MediaForm {
    boundary: String,
    body: Body,
    path: String,
    progress: Option<Progress>,
}

impl<'a> ApiExtractor<'a> for MediaForm {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchema {
            properties: vec![
                ("media", Binary::<Body>::schema_ref()),
                ("media_type", MediaKind::schema_ref()),
            ],
            required: vec!["media", "media_type"],
            ..MetaSchema::new("object")
        };
        let schema = MetaSchemaRef::Inline(Box::new(schema));
        let content = vec![MetaMediaType { content_type: "multipart/form-data", schema }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        check_key_header(request)?;
        Ok(Self {
            boundary: boundary(request)?,
            // Without a body there are no parts, and they are missed by name.
            body: body.take().unwrap_or_else(|_| Body::empty()),
            path: request.original_uri().path().to_owned(),
            progress: request.data().cloned(),
        })
    }
}

fn boundary(request: &Request) -> Result<String, ApiError> {
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    multer::parse_boundary(given.unwrap_or_default()).map_err(|_| {
        let message = "The content type must be multipart/form-data, with its boundary.";
        ApiError::because(Problem::UnsupportedMediaType, message)
    })
}

impl MediaForm {
    /// Hands the file in; nothing of it is kept when it cannot be taken.
    ///
    /// In a task of its own: the request's is dropped where it stands when its sender goes away, and what has been
    /// stored by then would lie about until it is swept.
    pub async fn hand_in(self, app: &App, caller: &Caller, key: Option<&str>) -> Result<MediaView, ApiError> {
        // What stands in the form is known at its end only, so the file itself is compared then.
        let key = key.map(|key| IdempotencyKey::parse(key, &self.path, b"")).transpose()?;
        let gone = CancellationToken::new();
        let _guard = gone.clone().drop_guard();
        let (app, caller) = (app.clone(), *caller);
        let work = async move {
            let mut incoming = app.take_media(&caller, key).await?;
            let taken = self.read(&mut incoming, gone).await;
            if taken.is_err() {
                incoming.discard().await;
            }
            taken
        };
        let task = tokio::spawn(request_id::scope(request_id::current(), work));
        task.await.unwrap_or_else(|error| {
            tracing::error!(request_id = request_id::current(), %error, "an upload broke down");
            Err(ApiError::of(Problem::Internal))
        })
    }

    async fn read(self, incoming: &mut Incoming, gone: CancellationToken) -> Result<MediaView, ApiError> {
        let Self { boundary, body, progress, .. } = self;
        let held = Held::default();
        let pieces = held.clone().watch(body.into_bytes_stream().take_until(gone.clone().cancelled_owned()));
        let mut form = Multipart::new(pieces, boundary);
        let (mut file, mut kind) = (false, false);
        while let Some(field) = form.next_field().await.map_err(unreadable)? {
            let name = field.name().unwrap_or_default().to_owned();
            held.let_go();
            match name.as_str() {
                "media" => {
                    once("media", &mut file)?;
                    let filename = filename::of(&field);
                    incoming.receive(filename.as_deref(), held.clone().bytes_of(field).boxed()).await?;
                }
                "media_type" => {
                    once("media_type", &mut kind)?;
                    incoming.kind_is(read_kind(held.clone().bytes_of(field)).await?);
                }
                _ => pass_over(held.clone().bytes_of(field)).await?,
            }
        }
        // The end of the body may be that of its connection.
        if gone.is_cancelled() {
            return Err(broken_off());
        }
        if let Some(progress) = progress {
            progress.made();
        }
        let missing = [("media", file), ("media_type", kind)].into_iter().filter(|(_, given)| !given);
        let missing: Vec<_> = missing.map(|(name, _)| (name.to_owned(), "is required".to_owned())).collect();
        if !missing.is_empty() {
            return Err(ApiError::fields(&missing));
        }
        Ok(incoming.finish().await?)
    }
}

fn once(name: &str, given: &mut bool) -> Result<(), ApiError> {
    if std::mem::replace(given, true) {
        return Err(ApiError::field(name, "must be given once; each file is an upload of its own"));
    }
    Ok(())
}

async fn read_kind(bytes: impl Stream<Item = io::Result<Bytes>>) -> Result<MediaKind, ApiError> {
    let mut bytes = std::pin::pin!(bytes);
    let mut word = Vec::new();
    while let Some(piece) = bytes.next().await {
        word.extend_from_slice(&piece.map_err(|_| broken_off())?);
        word.truncate(WORD_MAX);
    }
    let word = String::from_utf8_lossy(&word);
    MediaKind::parse_from_parameter(word.trim())
        .map_err(|error| ApiError::field("media_type", plain_reason(&error.into_message())))
}

/// Fields that are not known are of no matter, as in JSON.
async fn pass_over(bytes: impl Stream<Item = io::Result<Bytes>>) -> Result<(), ApiError> {
    let mut bytes = std::pin::pin!(bytes);
    while let Some(piece) = bytes.next().await {
        piece.map_err(|_| broken_off())?;
    }
    Ok(())
}

fn broken_off() -> ApiError {
    ApiError::field("body", "broke off before its end; nothing of it was kept")
}

fn unreadable(error: multer::Error) -> ApiError {
    match error {
        multer::Error::StreamReadFailed(_)
        | multer::Error::IncompleteFieldData { .. }
        | multer::Error::IncompleteHeaders
        | multer::Error::IncompleteStream => broken_off(),
        other => ApiError::field("body", format_args!("is no form that can be read: {other}")),
    }
}
