//! The way in: only a body whose signature fits can be parsed.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// A webhook's body that was signed with the secret of a known app.
///
/// There is no other way to make one than [`VerifiedWebhook::verify`], and parsers take nothing else.
#[derive(Debug)]
pub struct VerifiedWebhook {
    body: Vec<u8>,
    secret: Secret,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    #[error("the X-Hub-Signature-256 header is missing")]
    Missing,
    #[error("the X-Hub-Signature-256 header is not sha256= and 64 hexadecimal digits")]
    Malformed,
    #[error("the signature fits no known app")]
    Mismatch,
}

impl VerifiedWebhook {
    /// Tries `header` (the value of `X-Hub-Signature-256`) against each secret, in constant time.
    pub fn verify<'a>(
        body: Vec<u8>,
        header: Option<&str>,
        secrets: impl IntoIterator<Item = &'a Secret>,
    ) -> Result<Self, BadSignature> {
        let header = header.ok_or(BadSignature::Missing)?;
        let signature = header.strip_prefix("sha256=").and_then(unhex).ok_or(BadSignature::Malformed)?;
        let fits = |secret: &&Secret| {
            Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
                .is_ok_and(|mac| mac.chain_update(&body).verify_slice(&signature).is_ok())
        };
        match secrets.into_iter().find(fits) {
            Some(secret) => Ok(Self { secret: secret.clone(), body }),
            None => Err(BadSignature::Mismatch),
        }
    }

    /// The exact bytes that were signed.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the body speaks for the app that has this secret.
    pub fn signed_with(&self, secret: &Secret) -> bool {
        self.secret == *secret
    }
}

crate::text_enum! {
    /// What became of one change of a webhook.
    ChangeOutcome {
        Applied = "applied",
        /// Applied but for items that cannot be read.
        PartlyUnreadable = "partly_unreadable",
        /// The number belongs to no connection, or to one of another app: no effect.
        Foreign = "foreign",
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"object":"whatsapp_business_account","entry":[]}"#;
    const HEADER: &str = "sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756";

    fn verify(body: &[u8], header: Option<&str>, secrets: &[&str]) -> Result<VerifiedWebhook, BadSignature> {
        let secrets: Vec<Secret> = secrets.iter().map(|s| Secret::new(*s)).collect();
        VerifiedWebhook::verify(body.to_vec(), header, &secrets)
    }

    #[test]
    fn the_secret_that_fits_is_remembered() {
        let webhook = verify(BODY, Some(HEADER), &["other", "test_app_secret"]).unwrap();
        assert!(webhook.signed_with(&Secret::new("test_app_secret")));
        assert!(!webhook.signed_with(&Secret::new("other")));
        assert_eq!(webhook.body(), BODY);
    }

    #[test]
    fn everything_else_is_refused() {
        let error = |body: &[u8], header, secrets: &[&str]| verify(body, header, secrets).unwrap_err();
        assert_eq!(error(BODY, None, &["test_app_secret"]), BadSignature::Missing);
        assert_eq!(error(BODY, Some(HEADER), &["other"]), BadSignature::Mismatch);
        assert_eq!(error(BODY, Some(HEADER), &[]), BadSignature::Mismatch);
        let spaced = br#"{"object": "whatsapp_business_account", "entry": []}"#;
        assert_eq!(error(spaced, Some(HEADER), &["test_app_secret"]), BadSignature::Mismatch);
        for malformed in ["", "sha256=", "sha1=dec6", &HEADER[..70], &HEADER.replace('d', "é"), &HEADER[7..]]
        {
            assert_eq!(
                error(BODY, Some(malformed), &["test_app_secret"]),
                BadSignature::Malformed,
                "{malformed}"
            );
        }
    }
}
