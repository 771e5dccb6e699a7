//! Files that messages carry.

mod answer;
mod disposition;
mod filename;
mod form;
mod held;
mod range;
mod reader;

use bellhop_domain::MediaId;
use bellhop_domain::media::{ArrivalStatus, MediaKind};
use bellhop_service::media::{ArrivalView, MediaView};
use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use crate::auth::{Authorized, SendMessages};
use crate::docs::PublicUrl;
use crate::envelope::ApiError;
use crate::failure::FailureReason;
use crate::types::{Nullable, Timestamp};
use crate::{BASE_PATH, Tag};
use answer::FileAnswer;
use form::MediaForm;
use reader::Reader;

/// A file that messages can carry.
#[derive(Debug, Object)]
struct StoredFile {
    media_id: MediaId,
    /// Where the file can be read, with a token of the property.
    media_url: String,
    media_type: MediaKind,
    /// As the file's bytes say.
    mime_type: String,
    filename: Nullable<String>,
    size_bytes: u64,
    /// Of the file, in hexadecimal.
    sha256: String,
    created_at: Timestamp,
}

impl StoredFile {
    fn of(view: MediaView, public_url: &str) -> Self {
        let public_url = public_url.trim_end_matches('/');
        Self {
            media_url: format!("{public_url}{BASE_PATH}/media/{}", view.media_id),
            media_id: view.media_id,
            media_type: view.media_type,
            mime_type: view.mime_type,
            filename: Nullable(view.filename),
            size_bytes: view.size,
            sha256: view.sha256,
            created_at: view.created_at.into(),
        }
    }
}

/// A file that a guest sent.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct GuestFile {
    media_id: MediaId,
    media_type: MediaKind,
    filename: Nullable<String>,
    media_status: ArrivalStatus,
    /// Why it was given up.
    media_failure: Option<FailureReason>,
    /// How often it was tried; 0 when it is here.
    attempts: i32,
    /// When it is tried next.
    due_at: Option<Timestamp>,
}

impl From<ArrivalView> for GuestFile {
    fn from(view: ArrivalView) -> Self {
        Self {
            media_id: view.media_id,
            media_type: view.media_type,
            filename: Nullable(view.filename),
            media_status: view.arrival.status,
            media_failure: view.arrival.failure.map(FailureReason::from),
            attempts: view.attempts,
            due_at: view.due_at.map(Timestamp),
        }
    }
}

#[derive(ApiResponse)]
enum Asked {
    /// The file is being fetched, or was here already
    #[oai(status = 202)]
    Accepted(Json<GuestFile>),
}

#[derive(ApiResponse)]
enum Uploaded {
    /// The file is stored and can be sent. A repeat with the same Idempotency-Key answers the same file.
    #[oai(status = 201)]
    Created(
        Json<StoredFile>,
        /// Where the file can be read
        #[oai(header = "Location")]
        String,
    ),
}

pub struct Media;

#[OpenApi(tag = "Tag::Media")]
impl Media {
    /// Upload a file
    ///
    /// What the file is, is found by its bytes; neither its name nor its content type is believed. WhatsApp
    /// takes for `image` JPEG and PNG up to 5 MB; for `video` MP4 and 3GP up to 16 MB; for `audio` AAC, AMR, MP3,
    /// M4A and Ogg with OPUS up to 16 MB; for `document` PDF, Word, Excel, PowerPoint and UTF-8 text up to 100 MB;
    /// for `sticker` WebP up to 100 KB, or 500 KB where it is animated. Another file is refused with
    /// MEDIA_UPLOAD_FAILED; its details say why.
    ///
    /// A copy goes to WhatsApp at once. If WhatsApp cannot be reached, it goes with the first message.
    ///
    /// With an Idempotency-Key a repeat must have the same file, name and `media_type`. The file is compared at its
    /// end, so a repeat is answered when it has been sent again whole.
    #[oai(path = "/media/upload", method = "post", operation_id = "upload_media")]
    async fn upload(
        &self,
        auth: Authorized<SendMessages>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        public_url: Data<&PublicUrl>,
        body: MediaForm,
    ) -> Result<Uploaded, ApiError> {
        let view = body.hand_in(&auth.app, &auth.caller, key.as_deref()).await?;
        let file = StoredFile::of(view, &public_url.0.0);
        let location = format!("{BASE_PATH}/media/{}", file.media_id);
        Ok(Uploaded::Created(Json(file), location))
    }

    /// Read a file
    ///
    /// Pictures, videos, sounds and PDFs may be shown by a browser; everything else is for saving. Partners may
    /// with a token that has the scope `media`.
    ///
    /// A file that a guest sent is fetched from WhatsApp when its message comes. Until it is here the answer is
    /// MEDIA_NOT_READY, and MEDIA_FETCH_FAILED when it was given up; the event `media_received` tells of it.
    ///
    /// The `media_url` of that event needs no token: it has `expires` and `signature`, and is good for an hour.
    #[oai(path = "/media/:media_id", method = "get", operation_id = "get_media")]
    #[expect(clippy::too_many_arguments, reason = "each parameter is an argument")]
    async fn get(
        &self,
        reader: Reader,
        media_id: Path<MediaId>,
        /// One range of bytes, such as `bytes=0-1023`. Several, and those outside of the file, are passed over
        #[oai(name = "Range")]
        range: Header<Option<String>>,
        /// An `ETag`; of another file the range is passed over
        #[oai(name = "If-Range")]
        if_range: Header<Option<String>>,
        /// Of an address that needs no token: when it ends, in seconds since 1970
        expires: Query<Option<String>>,
        /// Of an address that needs no token: that it was made here
        signature: Query<Option<String>>,
    ) -> Result<FileAnswer, ApiError> {
        let file = reader.open(media_id.0, (expires.0.as_deref(), signature.0.as_deref())).await?;
        let part = range::wanted(range.as_deref(), if_range.as_deref(), &file.view);
        let bytes = file.bytes(part.clone()).await?;
        Ok(FileAnswer::of(&file.view, part, bytes))
    }

    /// Fetch a guest's file again
    ///
    /// At once, whether it waits for its next attempt or was given up. WhatsApp keeps a file for seven days.
    #[oai(path = "/media/:media_id/retry", method = "post", operation_id = "retry_media")]
    async fn retry(
        &self,
        auth: Authorized<SendMessages>,
        media_id: Path<MediaId>,
    ) -> Result<Asked, ApiError> {
        Ok(Asked::Accepted(Json(auth.app.retry_media(&auth.caller, media_id.0).await?.into())))
    }
}
