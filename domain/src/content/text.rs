//! Plain words.

use serde::{Deserialize, Serialize};

use super::wrong::{Wrong, words};

/// The longest text of a text message, in characters. Source: Meta's OpenAPI, `text.body`.
pub const TEXT_MAX: usize = 4096;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    pub text: String,
    /// Whether WhatsApp shows what stands behind the first address in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preview_url: bool,
}

impl Text {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), preview_url: false }
    }

    /// A text that WhatsApp takes: not blank, at most [`TEXT_MAX`] characters.
    pub(super) fn check(self) -> Result<Self, Wrong> {
        words("text", &self.text, TEXT_MAX).map(|()| self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_characters_not_bytes() {
        let check = |text: &str| Text::new(text).check();
        assert!(check(&"ש".repeat(TEXT_MAX)).is_ok());
        assert_eq!(
            check(&"ש".repeat(TEXT_MAX + 1)).unwrap_err().to_string(),
            "text: has 4097 characters; WhatsApp takes at most 4096"
        );
        assert_eq!(check(" \n").unwrap_err().field, "text");
    }
}
