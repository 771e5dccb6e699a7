//! What stands above the words of an interactive message or a template.

use bellhop_domain::content::{Header as Stored, HeaderMedia, Location, Wrong};
use bellhop_domain::media::MediaKind;
use bellhop_domain::template::PreviewHeader;
use poem_openapi::{Enum, Object};

use super::location::Degrees;
use super::media::{media_ref, named};

/// A header: of a template what its header needs, of an interactive message any but a location.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Header {
    #[oai(rename = "type")]
    kind: HeaderType,
    /// With type text, of an interactive message.
    #[oai(validator(max_length = 60))]
    text: Option<String>,
    /// With image, video and document: of `POST media/upload`, or a `link`.
    media_id: Option<String>,
    #[oai(validator(max_length = 2000))]
    link: Option<String>,
    /// With document.
    filename: Option<String>,
    /// With location, as are the next three.
    latitude: Option<Degrees>,
    longitude: Option<Degrees>,
    name: Option<String>,
    address: Option<String>,
}

#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum HeaderType {
    Text,
    Image,
    Video,
    Document,
    Location,
}

impl Header {
    /// Wrong fields are named within the header.
    pub fn into_stored(self) -> Result<Stored, Wrong> {
        let required = |field: &str| Wrong::new(field, "is required with a header of this type");
        let media = |media_id, link, filename| {
            media_ref(media_id, link).map(|source| HeaderMedia { source, filename })
        };
        match self.kind {
            HeaderType::Text => {
                let text = self.text.ok_or_else(|| required("text"))?;
                Ok(Stored::Text { text, name: None })
            }
            HeaderType::Image => media(self.media_id, self.link, self.filename).map(Stored::Image),
            HeaderType::Video => media(self.media_id, self.link, self.filename).map(Stored::Video),
            HeaderType::Document => media(self.media_id, self.link, self.filename).map(Stored::Document),
            HeaderType::Location => {
                let latitude = self.latitude.ok_or_else(|| required("latitude"))?.0;
                let longitude = self.longitude.ok_or_else(|| required("longitude"))?.0;
                let location =
                    Location { latitude, longitude, name: self.name, address: self.address, url: None };
                location.check().map(Stored::Location)
            }
        }
    }

    fn empty(kind: HeaderType) -> Self {
        let (text, media_id, link, filename, name, address) = (None, None, None, None, None, None);
        Self { kind, text, media_id, link, filename, latitude: None, longitude: None, name, address }
    }

    fn of_media(kind: HeaderType, media: HeaderMedia) -> Self {
        let (media_id, link) = named(media.source);
        Self { media_id, link, filename: media.filename, ..Self::empty(kind) }
    }
}

impl From<PreviewHeader> for Header {
    fn from(header: PreviewHeader) -> Self {
        match header {
            PreviewHeader::Text(text) => Stored::Text { text, name: None }.into(),
            PreviewHeader::Location(location) => Stored::Location(location).into(),
            PreviewHeader::Media { kind, source } => {
                let kind = match kind {
                    MediaKind::Image | MediaKind::Sticker => HeaderType::Image,
                    MediaKind::Video | MediaKind::Audio => HeaderType::Video,
                    MediaKind::Document => HeaderType::Document,
                };
                Self::of_media(kind, HeaderMedia { source, filename: None })
            }
        }
    }
}

impl From<Stored> for Header {
    fn from(header: Stored) -> Self {
        match header {
            Stored::Text { text, .. } => Self { text: Some(text), ..Self::empty(HeaderType::Text) },
            Stored::Image(media) => Self::of_media(HeaderType::Image, media),
            Stored::Video(media) => Self::of_media(HeaderType::Video, media),
            Stored::Document(media) => Self::of_media(HeaderType::Document, media),
            Stored::Location(location) => Self {
                latitude: Some(Degrees(location.latitude)),
                longitude: Some(Degrees(location.longitude)),
                name: location.name,
                address: location.address,
                ..Self::empty(HeaderType::Location)
            },
        }
    }
}
