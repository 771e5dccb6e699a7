//! Parts of files: players ask for them, and some play nothing without.

use std::ops::Range;

use bellhop_service::media::MediaView;

/// Names the content. It never changes under its id.
pub fn etag(view: &MediaView) -> String {
    format!("\"{}\"", view.sha256)
}

/// The part to answer with; `None` for the whole file, which is always a right answer (RFC 9110, 14.2).
pub fn wanted(range: Option<&str>, if_range: Option<&str>, view: &MediaView) -> Option<Range<u64>> {
    if if_range.is_some_and(|tag| tag != etag(view)) {
        return None;
    }
    parse(range?, view.size)
}

fn parse(header: &str, size: u64) -> Option<Range<u64>> {
    let (unit, range) = header.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let part = match (number(first)?, number(last)?) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) => first..size,
        // The last so many bytes.
        (None, Some(count)) => size.saturating_sub(count)..size,
        (Some(_), Some(_)) | (None, None) => return None,
    };
    (part.start < part.end).then_some(part)
}

/// `Some(None)` for nothing, `None` for what is no number.
fn number(text: &str) -> Option<Option<u64>> {
    match text {
        "" => Some(None),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok().map(Some),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_within_the_file() {
        for (header, part) in [
            ("bytes=0-0", Some(0..1)),
            ("bytes=2-4", Some(2..5)),
            ("Bytes= 2-", Some(2..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-30", Some(0..10)),
            ("bytes=9-99", Some(9..10)),
            ("bytes=0-18446744073709551615", Some(0..10)),
            ("bytes=10-", None),
            ("bytes=-0", None),
            ("bytes=4-2", None),
            ("bytes=-", None),
            ("bytes=0-1,3-4", None),
            ("bytes=+1-2", None),
            ("bytes=99999999999999999999-", None),
            ("lines=1-2", None),
            ("bytes", None),
        ] {
            assert_eq!(parse(header, 10), part, "{header}");
        }
    }
}
