//! Files.

use bellhop_domain::MediaId;
use bellhop_domain::content::{Content, Media, Wrong};
use bellhop_domain::media::{MediaKind, MediaRef};
use poem_openapi::Object;

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
}

impl MediaContent {
    pub fn into_stored(self, kind: MediaKind) -> Result<Content, Wrong> {
        let source = media_ref(self.media_id, self.link)?;
        let voice = self.voice.unwrap_or_default();
        Ok(Content::media(kind, Media { source, caption: self.caption, filename: self.filename, voice }))
    }
}

impl From<Media> for MediaContent {
    fn from(media: Media) -> Self {
        let (media_id, link) = named(media.source);
        let voice = media.voice.then_some(true);
        Self { media_id, link, caption: media.caption, filename: media.filename, voice }
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
