//! Signatures of what is delivered to partners, after Standard Webhooks 1.0.0:
//! HMAC-SHA256 over `id.timestamp.body`, keyed with what follows `whsec_` in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

const PREFIX: &str = "whsec_";

/// A subscription's secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningSecret(Secret);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not whsec_ and base64")]
pub struct BadSecret;

impl SigningSecret {
    /// Of 32 random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(Secret::new(format!("{PREFIX}{}", STANDARD.encode(random))))
    }

    /// One that was written down.
    pub fn parse(text: Secret) -> Result<Self, BadSecret> {
        key(&text).map(|_| Self(text))
    }

    /// As the partner gets it.
    pub fn text(&self) -> &Secret {
        &self.0
    }

    fn sign(&self, what: &[&[u8]]) -> String {
        // The constructors have read the key, and HMAC takes keys of any length.
        let mac = key(&self.0).ok().and_then(|key| Hmac::<Sha256>::new_from_slice(&key).ok());
        let signed = mac.map(|mac| what.iter().fold(mac, Mac::chain_update).finalize().into_bytes());
        format!("v1,{}", STANDARD.encode(signed.unwrap_or_default()))
    }
}

fn key(text: &Secret) -> Result<Vec<u8>, BadSecret> {
    let encoded = text.expose().strip_prefix(PREFIX).ok_or(BadSecret)?;
    STANDARD.decode(encoded).map_err(|_| BadSecret)
}

/// The value of `webhook-signature`: one for each secret that is valid, apart by a space.
pub fn signatures<'a>(
    secrets: impl IntoIterator<Item = &'a SigningSecret>,
    id: &str,
    timestamp: i64,
    body: &[u8],
) -> String {
    let timestamp = timestamp.to_string();
    let what = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    secrets.into_iter().map(|secret| secret.sign(&what)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::parse(Secret::new(text)).unwrap()
    }

    /// The example of the standard's own libraries.
    #[test]
    fn the_standards_example_comes_out() {
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed =
            signatures([&secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_give_two_signatures_and_each_its_own() {
        let (one, two) = (SigningSecret::new([1; 32]), SigningSecret::new([2; 32]));
        let both = signatures([&one, &two], "evt_1", 1, b"{}");
        let each = [&one, &two].map(|secret| signatures([secret], "evt_1", 1, b"{}"));
        assert_eq!(both, each.join(" "));
        assert_ne!(each[0], each[1]);
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for text in ["", "whsec_", "whsec_!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            let parsed = SigningSecret::parse(Secret::new(text));
            assert_eq!(parsed.is_err(), text != "whsec_", "{text}");
        }
        assert!(!format!("{:?}", SigningSecret::new([7; 32])).contains("whsec_"));
    }
}
