//! Uploaded media: what may be uploaded, and what is known of an upload. The bytes are files.

mod store;

use serde::{Deserialize, Serialize};

pub(crate) use store::{Folder, Stored, store};

/// How long an upload lives, on the simulated clock.
pub(crate) const LIFETIME_MS: i64 = 30 * DAY_MS;
/// As [`LIFETIME_MS`], for what a guest sent.
pub(crate) const GUEST_LIFETIME_MS: i64 = 7 * DAY_MS;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

const KB: u64 = 1_024;
const MB: u64 = 1_024 * KB;
/// More than this is never read, whatever it is.
pub(crate) const LARGEST: u64 = 100 * MB;

/// What a message can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Image,
    Video,
    Audio,
    Document,
    Sticker,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Image, Self::Video, Self::Audio, Self::Document, Self::Sticker];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Sticker => "sticker",
        }
    }

    pub(crate) fn mime_types(self) -> &'static [&'static str] {
        match self {
            Self::Image => &["image/jpeg", "image/png"],
            Self::Video => &["video/mp4", "video/3gpp"],
            Self::Audio => &["audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"],
            Self::Document => &[
                "text/plain",
                "application/pdf",
                "application/msword",
                "application/vnd.ms-excel",
                "application/vnd.ms-powerpoint",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            ],
            Self::Sticker => &["image/webp"],
        }
    }

    pub(crate) fn takes(self, mime_type: &str) -> bool {
        self.mime_types().contains(&essence(mime_type))
    }

    pub(crate) fn of(mime_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.takes(mime_type))
    }

    pub(crate) fn has_caption(self) -> bool {
        match self {
            Self::Image | Self::Video | Self::Document => true,
            Self::Audio | Self::Sticker => false,
        }
    }

    /// Bytes of the largest file of this kind; stickers that move may be larger.
    pub(crate) fn limit(self, animated: bool) -> u64 {
        match self {
            Self::Image => 5 * MB,
            Self::Video | Self::Audio => 16 * MB,
            Self::Document => LARGEST,
            Self::Sticker if animated => 500 * KB,
            Self::Sticker => 100 * KB,
        }
    }
}

/// A MIME type without its parameters (`audio/ogg; codecs=opus`).
pub(crate) fn essence(mime_type: &str) -> &str {
    mime_type.split(';').next().unwrap_or(mime_type).trim()
}

/// The first bytes of a WebP file say whether it moves: the second bit of the extended header's flags.
pub(crate) fn is_animated(head: &[u8]) -> bool {
    head.get(12..16) == Some(b"VP8X") && head.get(20).is_some_and(|flags| flags & 0x02 != 0)
}

/// An upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Media {
    pub id: String,
    /// As the client gave it, with its parameters.
    pub mime_type: String,
    /// Lower case hex; webhooks carry the same hash in base64.
    pub sha256: String,
    pub file_size: u64,
    pub filename: Option<String>,
    /// Simulated Unix milliseconds.
    pub expires_at: i64,
    /// A deleted upload is unknown to the business; phones that have it go on showing it.
    #[serde(default)]
    pub deleted: bool,
    /// A guest's: the business may fetch it, but has not uploaded it on its number.
    #[serde(default)]
    pub from_guest: bool,
}

impl Media {
    pub(crate) fn lives(&self, now: i64) -> bool {
        !self.deleted && now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_belongs_to_one_kind() {
        for kind in Kind::ALL {
            for mime_type in kind.mime_types() {
                assert_eq!(Kind::of(mime_type), Some(kind));
            }
        }
        assert_eq!(Kind::of("audio/ogg; codecs=opus"), Some(Kind::Audio));
        assert_eq!(Kind::of("image/svg+xml"), None);
    }

    #[test]
    fn a_moving_sticker_is_known_by_its_head() {
        let mut head = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02".to_vec();
        assert!(is_animated(&head));
        head[20] = 0x10;
        assert!(!is_animated(&head) && !is_animated(b"RIFF"));
    }
}
