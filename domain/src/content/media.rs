//! A file that a guest is shown.

use serde::{Deserialize, Serialize};

use super::wrong::{Wrong, some_words};
use crate::media::{MediaKind, MediaRef};

/// Source: Meta, media messages.
const CAPTION_MAX: usize = 1024;
/// Ours: long enough for every file system.
const FILENAME_MAX: usize = 240;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    #[serde(flatten)]
    pub source: MediaRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Of a document: what the guest sees and saves it as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Of an audio: shown as a voice message. Meta takes OGG with OPUS for these.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub voice: bool,
    /// Of a guest's sticker.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub animated: bool,
}

impl Media {
    pub fn of(source: MediaRef) -> Self {
        Self { source, caption: None, filename: None, voice: false, animated: false }
    }

    pub(super) fn check(self, kind: MediaKind) -> Result<Self, Wrong> {
        if self.caption.is_some() && !kind.has_caption() {
            return Err(Wrong::new("caption", format_args!("cannot go with a message of type {kind}")));
        }
        some_words("caption", self.caption.as_ref(), CAPTION_MAX)?;
        if self.filename.is_some() && kind != MediaKind::Document {
            return Err(Wrong::new("filename", "is for documents only"));
        }
        filename("filename", self.filename.as_ref())?;
        if self.voice && kind != MediaKind::Audio {
            return Err(Wrong::new("voice", "is for audio only"));
        }
        Ok(self)
    }
}

/// A name, not a path.
pub(super) fn filename(field: &str, name: Option<&String>) -> Result<(), Wrong> {
    some_words(field, name, FILENAME_MAX)?;
    match name {
        Some(name) if name.contains(['/', '\\']) || name.chars().any(char::is_control) => {
            Err(Wrong::new(field, "must be a plain name, without slashes and control characters"))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media() -> Media {
        Media::of(MediaRef::Link("https://h.example/x".parse().unwrap()))
    }

    #[test]
    fn each_kind_has_its_own_fields() {
        let caption = |n: usize| Media { caption: Some("é".repeat(n)), ..media() };
        let wrong = |media: Media, kind| media.check(kind).map_err(|wrong| wrong.field);
        for kind in [MediaKind::Image, MediaKind::Video, MediaKind::Document] {
            assert!(wrong(caption(1024), kind).is_ok());
            assert_eq!(wrong(caption(1025), kind), Err("caption".into()));
            assert_eq!(wrong(caption(0), kind), Err("caption".into()));
        }
        for kind in [MediaKind::Audio, MediaKind::Sticker] {
            assert_eq!(wrong(caption(1), kind), Err("caption".into()));
        }
        let named = |name: &str| Media { filename: Some(name.into()), ..media() };
        assert!(wrong(named("מדריך.pdf"), MediaKind::Document).is_ok());
        assert_eq!(wrong(named("a.pdf"), MediaKind::Image), Err("filename".into()));
        assert_eq!(wrong(named("../a.pdf"), MediaKind::Document), Err("filename".into()));
        assert!(wrong(named(&"a".repeat(240)), MediaKind::Document).is_ok());
        assert_eq!(wrong(named(&"a".repeat(241)), MediaKind::Document), Err("filename".into()));
        let voice = Media { voice: true, ..media() };
        assert!(wrong(voice.clone(), MediaKind::Audio).is_ok());
        assert_eq!(wrong(voice, MediaKind::Video), Err("voice".into()));
    }
}
