//! The bytes that go out, and their signature.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// JSON with every character above U+007F as `\uXXXX`, in surrogate pairs where needed: Meta escapes
/// before it signs, so a receiver that signs what it re-encodes fails here as it would there.
pub(crate) fn escape(body: &Value) -> String {
    let plain = body.to_string();
    let mut escaped = String::with_capacity(plain.len());
    let mut units = [0_u16; 2];
    for c in plain.chars() {
        if c.is_ascii() {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            // Writing to a string cannot fail.
            write!(escaped, "\\u{unit:04x}").ok();
        }
    }
    escaped
}

/// The value of `X-Hub-Signature-256` for exactly these bytes.
pub(crate) fn signature(app_secret: &str, body: &[u8]) -> String {
    let mut header = String::from("sha256=");
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()) else { return header };
    mac.update(body);
    for byte in mac.finalize().into_bytes() {
        write!(header, "{byte:02x}").ok();
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_of_a_published_vector() {
        let body = br#"{"object":"whatsapp_business_account","entry":[]}"#;
        let expected = "sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756";
        assert_eq!(signature("test_app_secret", body), expected);
    }

    #[test]
    fn non_ascii_is_escaped_and_survives() {
        let value = serde_json::json!({"body": "שלום 🤍 \"a\"\n"});
        let escaped = escape(&value);
        assert!(escaped.is_ascii());
        assert!(escaped.contains("\\u05e9") && escaped.contains("\\ud83e\\udd0d"), "{escaped}");
        assert_eq!(serde_json::from_str::<Value>(&escaped).unwrap(), value);
    }
}
