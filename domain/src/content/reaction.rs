//! An emoji on a message.

use serde::{Deserialize, Serialize};

use super::wrong::Wrong;
use crate::MessageId;

/// Longer than the longest emoji that Unicode has: a family of four with skin tones.
const EMOJI_MAX: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// Ours, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The provider's id of the same message.
    pub wamid: String,
    /// `None` takes an earlier reaction back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
}

impl Reaction {
    pub(super) fn check(self) -> Result<Self, Wrong> {
        match &self.emoji {
            Some(emoji) if !is_emoji(emoji) => {
                Err(Wrong::new("emoji", "must be one emoji, or empty to take the reaction back"))
            }
            Some(_) | None => Ok(self),
        }
    }
}

/// Nearly: no letters, digits alone, spaces or controls. The provider knows which emoji there are.
fn is_emoji(text: &str) -> bool {
    let is_part = |c: char| !c.is_alphabetic() && !c.is_whitespace() && !c.is_control();
    let pictures = text.chars().any(|c| c as u32 > 0xA8);
    (1..=EMOJI_MAX).contains(&text.chars().count()) && text.chars().all(is_part) && pictures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_or_none() {
        let check = |emoji: Option<&str>| {
            Reaction { message_id: None, wamid: "w".into(), emoji: emoji.map(str::to_owned) }.check().is_ok()
        };
        for good in ["👍", "👍🏽", "❤️", "👨‍👩‍👧‍👦", "🇮🇱", "1️⃣", "™️"]
        {
            assert!(check(Some(good)), "{good}");
        }
        assert!(check(None));
        for bad in ["", "ok", "5", "👍 ", "ש", "\n", &"👍".repeat(17)] {
            assert!(!check(Some(bad)), "{bad}");
        }
    }
}
