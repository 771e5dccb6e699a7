//! Files that messages carry: kinds, and what WhatsApp takes of each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::MediaId;
use crate::text_enum;

text_enum! {
    /// What a file is to WhatsApp. Decides how the guest sees it, and which types and sizes are taken.
    MediaKind {
        Image = "image",
        Video = "video",
        Audio = "audio",
        Document = "document",
        Sticker = "sticker",
    }
}

text_enum! {
    /// What became of a file that a guest sent.
    ArrivalStatus {
        /// It is being fetched, or will be tried again.
        Pending = "pending",
        Stored = "stored",
        /// Given up; staff may have it tried again.
        Failed = "failed",
    }
}

/// A type of file that WhatsApp takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub mime: &'static str,
    pub max_bytes: u64,
}

const MB: u64 = 1 << 20;
const KB: u64 = 1 << 10;

/// The largest file of any kind.
pub const MAX_BYTES: u64 = 100 * MB;

/// How long an uploaded file can be used at the provider. Source: Meta, "Media".
pub const LIVES_FOR: chrono::TimeDelta = chrono::TimeDelta::days(30);

/// How long the provider keeps a file that a guest sent. Source: Meta, "Media" (30 days before October 2025).
pub const RECEIVED_LIVES_FOR: chrono::TimeDelta = chrono::TimeDelta::days(7);

macro_rules! taken {
    ($max:expr; $($mime:literal),+ $(,)?) => { &[$(Taken { mime: $mime, max_bytes: $max }),+] };
}

impl MediaKind {
    /// The provider's table. Source: Meta, "Media", supported types and sizes. An animated sticker is a
    /// row of its own only in size: see [`MediaKind::max_bytes`].
    pub const fn taken(self) -> &'static [Taken] {
        match self {
            Self::Image => taken![5 * MB; "image/jpeg", "image/png"],
            Self::Video => taken![16 * MB; "video/mp4", "video/3gpp"],
            Self::Audio => taken![16 * MB; "audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"],
            Self::Document => taken![MAX_BYTES;
                "text/plain", "application/pdf", "application/msword", "application/vnd.ms-excel",
                "application/vnd.ms-powerpoint",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            ],
            Self::Sticker => taken![100 * KB; "image/webp"],
        }
    }

    pub fn takes(self, mime: &str) -> bool {
        self.taken().iter().any(|taken| taken.mime == mime)
    }

    /// The largest file of the kind. Stickers that move may be larger than those that do not.
    pub const fn max_bytes(self, animated: bool) -> u64 {
        match self {
            Self::Sticker if animated => 500 * KB,
            Self::Image | Self::Video | Self::Audio | Self::Document | Self::Sticker => {
                self.taken()[0].max_bytes
            }
        }
    }

    /// Whether the guest can be shown words with it.
    pub const fn has_caption(self) -> bool {
        match self {
            Self::Image | Self::Video | Self::Document => true,
            Self::Audio | Self::Sticker => false,
        }
    }
}

/// Where a file is taken from: ours, or an address that the provider fetches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaRef {
    MediaId(MediaId),
    Link(Link),
}

/// An address on the web, `http` or `https`, at most 2,000 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Link(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an address that starts with https:// or http://, without spaces, of at most 2000 characters"
)]
pub struct BadLink;

const LINK_MAX: usize = 2_000;

impl Link {
    /// Stands where an address is not kept any more; it leads nowhere (RFC 2606).
    pub(crate) fn none() -> Self {
        Self("https://erased.invalid/".to_owned())
    }
}

impl FromStr for Link {
    type Err = BadLink;
    fn from_str(text: &str) -> Result<Self, BadLink> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(BadLink)?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let good = !host.is_empty()
            && text.chars().count() <= LINK_MAX
            && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        if good { Ok(Self(text.to_owned())) } else { Err(BadLink) }
    }
}

impl TryFrom<String> for Link {
    type Error = BadLink;
    fn try_from(text: String) -> Result<Self, BadLink> {
        text.parse()
    }
}

impl From<Link> for String {
    fn from(link: Link) -> Self {
        link.0
    }
}

impl Link {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_what_the_provider_takes() {
        assert!(MediaKind::Image.takes("image/png") && !MediaKind::Image.takes("image/gif"));
        assert_eq!(MediaKind::Document.max_bytes(false), 100 << 20);
        assert_eq!(
            (MediaKind::Sticker.max_bytes(false), MediaKind::Sticker.max_bytes(true)),
            (100 << 10, 500 << 10)
        );
        assert!(MediaKind::ALL.iter().all(|kind| kind.max_bytes(true) <= MAX_BYTES));
    }

    #[test]
    fn links_are_addresses() {
        for good in ["https://hotel.example/a.jpg?x=1", "http://10.0.0.1:8080/x", "https://שלום.example"]
        {
            assert_eq!(good.parse::<Link>().unwrap().as_str(), good);
        }
        let long = format!("https://h.example/{}", "x".repeat(LINK_MAX));
        for bad in [
            "",
            "hotel.example",
            "ftp://h/x",
            "https://",
            "https:///x",
            "https://h/a b",
            "https://h/\n",
            &long,
        ] {
            assert_eq!(bad.parse::<Link>(), Err(BadLink), "{bad}");
        }
    }
}
