//! Why a file is not taken, in words.

use bellhop_domain::media::{MAX_BYTES, MediaKind};
use bellhop_domain::problem::Problem;
use bellhop_domain::provider_error::ProviderError;
use serde_json::{Value, json};

use super::sniff::Found;
use crate::error::{Error, Result};

/// What is known of a file when it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    /// As what it was handed in; `None` while that is not known.
    pub kind: Option<MediaKind>,
    pub found: Found,
    /// In bytes; `None` when it was not read to its end.
    pub size: Option<u64>,
}

impl Judged {
    /// Refuses what WhatsApp would refuse.
    pub fn check(&self) -> Result<()> {
        if self.size == Some(0) {
            return Err(self
                .because("empty", "The file is empty. Choose it again and upload it once more.".to_owned()));
        }
        if let Some(kind) = self.kind
            && !kind.takes(self.found.mime)
        {
            return Err(self.because("wrong_type", self.wrong_type(kind)));
        }
        let limit = self.limit();
        if self.size.is_none_or(|size| size > limit) {
            return Err(self.because("too_large", self.too_large(limit)));
        }
        Ok(())
    }

    /// In bytes.
    pub fn limit(&self) -> u64 {
        self.kind.map_or(MAX_BYTES, |kind| kind.max_bytes(self.found.animated))
    }

    fn wrong_type(&self, kind: MediaKind) -> String {
        let (found, allowed) = (words(self.found.mime), names(kind));
        if self.found.mime == "application/ogg" && kind == MediaKind::Audio {
            return "This Ogg file does not hold OPUS sound, the only one that WhatsApp plays from Ogg. \
                    Save it as OPUS, MP3 or M4A."
                .to_owned();
        }
        let other = MediaKind::ALL.iter().find(|other| other.takes(self.found.mime));
        let hint =
            other.map_or_else(String::new, |other| format!(" It can be sent with the media_type {other}."));
        format!(
            "This is {found}, and cannot be sent with the media_type {kind}, which takes {allowed}.{hint}"
        )
    }

    fn too_large(&self, limit: u64) -> String {
        let what = match self.kind {
            Some(MediaKind::Sticker) if self.found.animated => "an animated sticker".to_owned(),
            Some(kind) => format!("a file of the media_type {kind}"),
            None => "a file".to_owned(),
        };
        let is = self.size.map_or_else(String::new, |size| format!("; this one has {}", in_units(size)));
        format!("WhatsApp takes at most {} for {what}{is}.", in_units(limit))
    }

    /// What WhatsApp itself refused.
    pub fn refused(&self, error: &ProviderError) -> Error {
        let words = error.details.as_deref().unwrap_or(&error.title);
        let message = format!("WhatsApp does not take this file: {words}");
        let mut details = self.details("refused_by_whatsapp");
        details["provider_error"] =
            json!({"code": error.code, "title": error.title, "details": error.details});
        Error::with(Problem::MediaUploadFailed, message, details)
    }

    fn because(&self, reason: &str, message: String) -> Error {
        Error::with(Problem::MediaUploadFailed, message, self.details(reason))
    }

    fn details(&self, reason: &str) -> Value {
        let allowed = self.kind.map(|kind| kind.taken().iter().map(|taken| taken.mime).collect::<Vec<_>>());
        json!({
            "reason": reason,
            "media_type": self.kind,
            "found_type": self.found.mime,
            "size_bytes": self.size,
            "limit_bytes": self.limit(),
            "allowed_types": allowed,
        })
    }
}

/// Rounded up, so that a file one byte over a limit does not look as large as the limit.
fn in_units(bytes: u64) -> String {
    const MB: u64 = 1 << 20;
    const KB: u64 = 1 << 10;
    match bytes {
        MB.. if bytes.is_multiple_of(MB) => format!("{} MB", bytes / MB),
        MB.. => format!("{:.1} MB", ((bytes * 10).div_ceil(MB)) as f64 / 10.0),
        KB.. => format!("{} KB", bytes.div_ceil(KB)),
        _ => format!("{bytes} bytes"),
    }
}

const fn names(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "JPEG and PNG",
        MediaKind::Video => "MP4 and 3GP",
        MediaKind::Audio => "AAC, AMR, MP3, M4A and Ogg with OPUS",
        MediaKind::Document => "PDF, Word, Excel, PowerPoint and plain text",
        MediaKind::Sticker => "WebP",
    }
}

/// A type as people know it.
fn words(mime: &str) -> String {
    let known = match mime {
        "image/jpeg" => "a JPEG picture",
        "image/png" => "a PNG picture",
        "image/gif" => "a GIF picture",
        "image/webp" => "a WebP picture",
        "image/heif" => "a HEIC picture",
        "image/svg+xml" => "an SVG drawing",
        "video/mp4" => "an MP4 video",
        "video/3gpp" => "a 3GP video",
        "video/quicktime" => "a QuickTime video",
        "audio/mp4" => "an M4A sound file",
        "audio/mpeg" => "an MP3 sound file",
        "audio/ogg" => "an Ogg sound file",
        "text/html" => "a web page (HTML)",
        "text/plain" => "a plain text",
        "application/pdf" => "a PDF",
        "application/zip" => "a ZIP archive",
        "application/x-executable" | "application/vnd.microsoft.portable-executable" => "a program",
        "application/octet-stream" => "a file of a type that is not known",
        other => return format!("a file of the type {other}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_up() {
        for (bytes, text) in [
            (7, "7 bytes"),
            (100 << 10, "100 KB"),
            ((100 << 10) + 1, "101 KB"),
            (5 << 20, "5 MB"),
            ((5 << 20) + 1, "5.1 MB"),
        ] {
            assert_eq!(in_units(bytes), text);
        }
    }

    #[test]
    fn sentences_say_what_to_do() {
        let judged = |kind, mime, size| Judged { kind, found: Found { mime, animated: false }, size };
        for (judged, sentence) in [
            (
                judged(Some(MediaKind::Image), "application/pdf", Some(9)),
                "This is a PDF, and cannot be sent with the media_type image, which takes JPEG and PNG. \
                 It can be sent with the media_type document.",
            ),
            (
                judged(Some(MediaKind::Document), "text/html", Some(9)),
                "This is a web page (HTML), and cannot be sent with the media_type document, which takes PDF, \
                 Word, Excel, PowerPoint and plain text.",
            ),
            (
                judged(Some(MediaKind::Image), "image/png", Some(6 << 20)),
                "WhatsApp takes at most 5 MB for a file of the media_type image; this one has 6 MB.",
            ),
            (judged(None, "image/png", None), "WhatsApp takes at most 100 MB for a file."),
        ] {
            let Error::Refused(refusal) = judged.check().unwrap_err() else { panic!() };
            assert_eq!(refusal.message, sentence);
        }
    }
}
