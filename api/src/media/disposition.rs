//! `Content-Disposition` (RFC 6266): under which name a file is saved, and whether a browser may show it.

use std::fmt::Write;

/// What a browser shows without running anything in it. SVG and HTML run; no text is worth the risk.
fn may_be_shown(mime: &str) -> bool {
    matches!(mime, "image/jpeg" | "image/png" | "image/webp" | "application/pdf")
        || mime.starts_with("video/")
        || mime.starts_with("audio/")
}

/// The header's value: plain ASCII, whatever the name.
pub fn value(mime: &str, name: &str) -> String {
    let how = if may_be_shown(mime) { "inline" } else { "attachment" };
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut value = format!("{how}; filename=\"{plain}\"");
    if plain != name {
        value.push_str("; filename*=UTF-8''");
        name.bytes().for_each(|byte| encode(byte, &mut value));
    }
    value
}

/// Safe in a quoted string, also for readers that decode `%` there.
fn is_plain(c: char) -> bool {
    (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '%' | ';')
}

/// RFC 8187, `attr-char`.
fn encode(byte: u8, to: &mut String) {
    if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
        to.push(byte.into());
    } else {
        // A `String` takes everything.
        let _ = write!(to, "%{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_gets_out_of_its_quotes() {
        for (name, expected) in [
            ("a b.pdf", "inline; filename=\"a b.pdf\""),
            ("\"; x=\"", "inline; filename=\"__ x=_\"; filename*=UTF-8''%22%3B%20x%3D%22"),
            (
                "a\r\nSet-Cookie: x",
                "inline; filename=\"a__Set-Cookie: x\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x",
            ),
            ("a\\", "inline; filename=\"a_\"; filename*=UTF-8''a%5C"),
            ("100%.pdf", "inline; filename=\"100_.pdf\"; filename*=UTF-8''100%25.pdf"),
            ("שלום.pdf", "inline; filename=\"____.pdf\"; filename*=UTF-8''%D7%A9%D7%9C%D7%95%D7%9D.pdf"),
        ] {
            let value = value("application/pdf", name);
            assert_eq!(value, expected);
            assert!(poem::http::HeaderValue::from_str(&value).is_ok());
        }
    }

    #[test]
    fn only_what_runs_nothing_is_shown() {
        for shown in ["image/jpeg", "image/webp", "video/mp4", "audio/ogg", "application/pdf"] {
            assert!(value(shown, "a").starts_with("inline;"), "{shown}");
        }
        for saved in ["text/plain", "text/html", "image/svg+xml", "application/msword", "application/zip"] {
            assert!(value(saved, "a").starts_with("attachment;"), "{saved}");
        }
    }
}
