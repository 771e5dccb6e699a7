//! The name that a part of a form gives its file.

use multer::Field;
use poem::http::header::CONTENT_DISPOSITION;

/// `filename`, as browsers write it, or else `filename*` (RFC 8187), which forms must not have and some clients send.
pub fn of(field: &Field<'_>) -> Option<String> {
    if let Some(name) = field.file_name() {
        return Some(name.to_owned());
    }
    let header = field.headers().get(CONTENT_DISPOSITION)?.to_str().ok()?;
    let parameter = header.split(';').map(str::trim).find_map(|part| part.strip_prefix("filename*="))?;
    let (charset, rest) = parameter.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    charset.eq_ignore_ascii_case("utf-8").then(|| decode(encoded))?
}

fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = encoded.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if *first == b'%' {
            let digits = str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read() {
        assert_eq!(decode("%D7%A9%d7%9c a.pdf").as_deref(), Some("של a.pdf"));
        for bad in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
