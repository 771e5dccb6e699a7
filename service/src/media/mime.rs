//! As what a guest's file is kept. A guest may send anything, so the provider's word is kept where the file's bytes
//! do not say better: it names types that cannot be told by their beginning.

use super::sniff::Found;

const ANYTHING: &str = "application/octet-stream";

/// The type under which the file is served. `said` is the provider's word, with or without parameters.
pub(super) fn settle(said: &str, found: Found) -> String {
    let said = said.trim().to_ascii_lowercase();
    let essence = said.split(';').next().unwrap_or_default().trim();
    // It stands in a header later.
    let is_plain = said.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let mime = if is_plain && is_type(essence) && agree(essence, found.mime) { &said } else { found.mime };
    mime.to_owned()
}

/// A type and a subtype of the characters that such have (RFC 9110, "token").
fn is_type(essence: &str) -> bool {
    let is_token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    essence.len() <= 128 && essence.split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub))
}

/// Whether the file may be what it is said to be, for all that its bytes tell.
fn agree(said: &str, found: &str) -> bool {
    let is_of = |kind: &str| said.starts_with(kind);
    match found {
        _ if said == found => true,
        // Nothing was recognised; what runs in a browser would have been.
        ANYTHING => true,
        // What is shown as a picture or a film is no text, and a page would have been found to be one.
        "text/plain" => is_of("text/") || (is_of("application/") && said != "application/pdf"),
        // What many formats are packed in.
        "application/zip" | "application/x-ole-storage" | "text/xml" => is_of("application/"),
        "application/ogg" => is_of("audio/") || is_of("video/"),
        // A sound in a film's container.
        "video/mp4" | "video/3gpp" | "video/quicktime" | "video/webm" | "video/x-matroska" => is_of("audio/"),
        "image/heif" => said == "image/heic",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_providers_word_stands_where_bytes_do_not_say_better() {
        for (said, found, kept) in [
            ("image/jpeg", "image/jpeg", "image/jpeg"),
            ("audio/ogg; codecs=opus", "audio/ogg", "audio/ogg; codecs=opus"),
            ("audio/ogg; codecs=opus", "application/ogg", "audio/ogg; codecs=opus"),
            ("Audio/MP4", "video/mp4", "audio/mp4"),
            ("application/vnd.apple.pages", "application/zip", "application/vnd.apple.pages"),
            ("application/x-dwg", ANYTHING, "application/x-dwg"),
            ("text/csv", "text/plain", "text/csv"),
            ("application/json", "text/plain", "application/json"),
            // Lies, and what would be dangerous to believe.
            ("image/jpeg", "text/html", "text/html"),
            ("image/jpeg", "text/plain", "text/plain"),
            ("application/pdf", "text/plain", "text/plain"),
            ("image/png", "image/svg+xml", "image/svg+xml"),
            ("image/jpeg", "application/zip", "application/zip"),
            ("video/mp4", "application/x-executable", "application/x-executable"),
            ("application/pdf", "text/html", "text/html"),
            ("", ANYTHING, ANYTHING),
            ("picture", "image/png", "image/png"),
            ("image/x\r\nset-cookie: a", ANYTHING, ANYTHING),
            ("image/png; a=\r\nset-cookie: a", "image/png", "image/png"),
        ] {
            assert_eq!(settle(said, Found { mime: found, animated: false }), kept, "{said} {found}");
        }
    }
}
