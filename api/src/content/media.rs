//! Files.

use bellhop_domain::MediaId;
use bellhop_domain::content::{Content, Media, Wrong};
use bellhop_domain::media::{ArrivalStatus, MediaKind, MediaRef};
use bellhop_service::media::Arrival;
use poem_openapi::Object;

use crate::failure::FailureReason;

/// A picture, video, audio, document or sticker: uploaded here (`media_id`), or at an address that WhatsApp fetches
/// (`link`).
#[derive(Debug, Default, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct MediaContent {
    /// Of `POST media/upload`.
    pub media_id: Option<String>,
    #[oai(validator(max_length = 2000))]
    pub link: Option<String>,
    /// Up to 1,024 characters; not for audio and stickers.
    #[oai(validator(max_length = 1024))]
    pub caption: Option<String>,
    /// Of a document: what the guest sees and saves it as.
    pub filename: Option<String>,
    /// Of an audio: shown as a voice message. WhatsApp takes OGG with OPUS for these.
    pub voice: Option<bool>,
    /// Of a guest's sticker. Without effect when sending.
    #[oai(read_only)]
    pub animated: Option<bool>,
}

/// A file in a message that is shown.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ShownMedia {
    #[oai(flatten)]
    content: MediaContent,
    /// Of a file that a guest sent: `GET media/{media_id}` has it when it is `stored`.
    media_status: Option<ArrivalStatus>,
    /// Why it could not be fetched from WhatsApp, when it is `failed`; `POST media/{media_id}/retry` tries again.
    media_failure: Option<FailureReason>,
}

impl ShownMedia {
    pub fn of(media: Media, arrival: Option<Arrival>) -> Self {
        let (media_status, failure) = arrival.map(|arrival| (arrival.status, arrival.failure)).unzip();
        let media_failure = failure.flatten().map(FailureReason::from);
        Self { content: media.into(), media_status, media_failure }
    }
}

impl MediaContent {
    pub fn into_stored(self, kind: MediaKind) -> Result<Content, Wrong> {
        let source = media_ref(self.media_id, self.link)?;
        let voice = self.voice.unwrap_or_default();
        Ok(Content::media(
            kind,
            Media { caption: self.caption, filename: self.filename, voice, ..Media::of(source) },
        ))
    }
}

impl From<Media> for MediaContent {
    fn from(media: Media) -> Self {
        let (media_id, link) = named(media.source);
        let voice = media.voice.then_some(true);
        let animated = media.animated.then_some(true);
        Self { media_id, link, caption: media.caption, filename: media.filename, voice, animated }
    }
}

/// Exactly one of the two.
pub(super) fn media_ref(media_id: Option<String>, link: Option<String>) -> Result<MediaRef, Wrong> {
    match (media_id, link) {
        (Some(id), None) => {
            let id: Result<MediaId, _> = id.parse();
            id.map(MediaRef::MediaId).map_err(|_| Wrong::new("media_id", "is no file of this property"))
        }
        (None, Some(link)) => link.parse().map(MediaRef::Link).map_err(|error| Wrong::new("link", error)),
        (None, None) => Err(Wrong::new("media_id", "is required, unless link is given")),
        (Some(_), Some(_)) => Err(Wrong::new("link", "give media_id or link, not both")),
    }
}

pub(super) fn named(source: MediaRef) -> (Option<String>, Option<String>) {
    match source {
        MediaRef::MediaId(id) => (Some(id.to_string()), None),
        MediaRef::Link(link) => (None, Some(link.into())),
    }
}
