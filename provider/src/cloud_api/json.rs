//! JSON as it really comes.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A text, or a number where Meta's examples and versions disagree; anything else counts as absent.
pub(super) fn text<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    Ok(as_text(&Value::deserialize(d)?))
}

/// A part that is left out when it has another shape than expected, so that it does not make its
/// whole unreadable.
pub(super) fn optional<'de, D: Deserializer<'de>, T: DeserializeOwned>(d: D) -> Result<Option<T>, D::Error> {
    Ok(T::deserialize(Value::deserialize(d)?).ok())
}

/// A whole number, also when it is written as a text.
pub(super) fn integer<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
    Ok(as_integer(&Value::deserialize(d)?))
}

pub(super) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

pub(super) fn as_integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Parses a webhook's body so that every text in it can be stored.
///
/// Guests write anything. U+0000 is legal JSON, but PostgreSQL takes it neither in `text` nor in
/// `jsonb`; half a surrogate pair (an emoji that was cut) and bytes that are no UTF-8 stop the
/// parser. Each becomes U+FFFD: were the body refused instead, it would come again for a week, and
/// with it every other message in it.
pub(super) fn parse(body: &[u8]) -> Result<Value, serde_json::Error> {
    let mut value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => serde_json::from_str(&mended(body)).map_err(|_| error)?,
    };
    if body.windows(6).any(|w| w == br"\u0000") {
        replace_nul(&mut value);
    }
    Ok(value)
}

fn mended(body: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(body);
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return text;
    }
    let mut whole = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(at) = rest.find('\\') {
        whole.push_str(&rest[..at]);
        let escape = &rest[at..];
        let length = match (surrogate(escape), escape.get(6..).and_then(surrogate)) {
            (Some(Half::High), Some(Half::Low)) => 12,
            (Some(_), _) => {
                whole.push('\u{FFFD}');
                rest = &escape[6..];
                continue;
            }
            // The escaped character itself may be a backslash: both go together.
            (None, _) => 1 + escape[1..].chars().next().map_or(0, char::len_utf8),
        };
        whole.push_str(&escape[..length]);
        rest = &escape[length..];
    }
    whole.push_str(rest);
    Cow::Owned(whole)
}

#[derive(Clone, Copy)]
enum Half {
    High,
    Low,
}

fn surrogate(escape: &str) -> Option<Half> {
    let unit = u32::from_str_radix(escape.strip_prefix("\\u")?.get(..4)?, 16).ok()?;
    match unit {
        0xD800..=0xDBFF => Some(Half::High),
        0xDC00..=0xDFFF => Some(Half::Low),
        0..0xD800 | 0xE000.. => None,
    }
}

fn replace_nul(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', "\u{FFFD}"),
        Value::Array(items) => items.iter_mut().for_each(replace_nul),
        Value::Object(map) => {
            let fields = std::mem::take(map);
            map.extend(fields.into_iter().map(|(key, mut value)| {
                replace_nul(&mut value);
                (key.replace('\0', "\u{FFFD}"), value)
            }));
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_cannot_be_stored_is_replaced() {
        let of = |text: &str| parse(text.as_bytes()).unwrap();
        assert_eq!(
            of(r#"{"a":"x\u0000y","k\u0000":["\u0000"]}"#),
            json!({"a": "x\u{FFFD}y", "k\u{FFFD}": ["\u{FFFD}"]})
        );
        assert_eq!(of(r#"["\ud83d\udc4d"]"#), json!(["👍"]));
        assert_eq!(
            of(r#"["a\ud83d","\udc4db","\uD83D\ud83d\udc4d","\ud83d\n"]"#),
            json!(["a\u{FFFD}", "\u{FFFD}b", "\u{FFFD}👍", "\u{FFFD}\n"])
        );
        // An escaped backslash before `ud83d` is text, not half a pair.
        assert_eq!(of(r#"["\\ud83d", "\ud83d"]"#), json!(["\\ud83d", "\u{FFFD}"]));
        assert_eq!(parse(b"[\"a\xffb\"]").unwrap(), json!(["a\u{FFFD}b"]));
    }

    #[test]
    fn what_is_no_json_stays_an_error() {
        for body in [&b""[..], b"{", b"[1] 2", b"\\", b"\"\\ud83d", b"\"\\u\"", "\"\\é\"".as_bytes()] {
            assert!(parse(body).is_err(), "{body:?}");
        }
    }
}
