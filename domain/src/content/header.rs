//! What stands above the words of an interactive message or a template.

use serde::{Deserialize, Serialize};

use super::location::Location;
use super::media::filename;
use super::wrong::{Wrong, words};
use crate::media::{MediaKind, MediaRef};

/// Source: Meta's OpenAPI, `interactive.header.text`; the same in templates.
const TEXT_MAX: usize = 60;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Header {
    Text {
        /// Of a template: what fills the header's one variable; else the header itself.
        text: String,
        /// Of a template: the variable's name, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    Image(HeaderMedia),
    Video(HeaderMedia),
    Document(HeaderMedia),
    /// Of templates only.
    Location(Location),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderMedia {
    #[serde(flatten)]
    pub source: MediaRef,
    /// Of a document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
}

impl Header {
    pub const fn file(&self) -> Option<(MediaKind, &MediaRef)> {
        match self {
            Self::Image(media) => Some((MediaKind::Image, &media.source)),
            Self::Video(media) => Some((MediaKind::Video, &media.source)),
            Self::Document(media) => Some((MediaKind::Document, &media.source)),
            Self::Text { .. } | Self::Location(_) => None,
        }
    }

    /// As the header of an interactive message.
    pub(super) fn check(&self) -> Result<(), Wrong> {
        match self {
            Self::Text { text, .. } => words("text", text, TEXT_MAX),
            Self::Image(media) | Self::Video(media) if media.filename.is_some() => {
                Err(Wrong::new("filename", "is for documents only"))
            }
            Self::Image(media) | Self::Video(media) | Self::Document(media) => {
                filename("filename", media.filename.as_ref())
            }
            Self::Location(_) => Err(Wrong::new("type", "must be text, image, video or document")),
        }
    }
}
