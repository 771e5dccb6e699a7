//! What a message says, in the one shape that is stored, shown and sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::template::{Language, TemplateName};

/// The longest text of a text message, in characters. Source: Meta's OpenAPI, `text.body`.
pub const TEXT_MAX: usize = 4096;

/// The content of a message, tagged by its `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "db", derive(sea_orm::FromJsonQueryResult))]
pub enum Content {
    Text(Text),
    Template(Template),
    /// An inbound item of a kind that is not understood (yet), as it came.
    Unsupported(Unsupported),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    pub text: String,
}

/// A template with its parameters frozen at acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    pub template_name: TemplateName,
    pub language: Language,
    /// Keys are names, or `1`, `2` … for positional templates.
    pub parameters: BTreeMap<String, String>,
    pub named: bool,
    /// What the guest reads.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unsupported {
    /// The provider's word for the kind.
    pub original_type: String,
    pub payload: Value,
}

impl Content {
    /// The API's `message_type`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Template(_) => "template",
            Self::Unsupported(_) => "unsupported",
        }
    }

    /// A readable form of any content.
    pub fn summary(&self) -> String {
        match self {
            Self::Text(text) => text.text.clone(),
            Self::Template(template) => template.text.clone(),
            Self::Unsupported(item) => format!("[{}]", item.original_type),
        }
    }

    /// Whether it may only leave inside the customer service window.
    pub const fn needs_window(&self) -> bool {
        match self {
            Self::Template(_) => false,
            Self::Text(_) | Self::Unsupported(_) => true,
        }
    }
}

/// Why a text cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    #[error("must not be empty")]
    Empty,
    #[error("has {0} characters; WhatsApp takes at most {TEXT_MAX}")]
    TooLong(usize),
}

impl Text {
    /// A text that WhatsApp takes: not blank, at most [`TEXT_MAX`] characters.
    pub fn parse(text: &str) -> Result<Self, BadText> {
        let length = text.chars().count();
        if text.trim().is_empty() {
            Err(BadText::Empty)
        } else if length > TEXT_MAX {
            Err(BadText::TooLong(length))
        } else {
            Ok(Self { text: text.to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_characters_not_bytes() {
        assert!(Text::parse(&"ש".repeat(TEXT_MAX)).is_ok());
        assert_eq!(Text::parse(&"ש".repeat(TEXT_MAX + 1)), Err(BadText::TooLong(TEXT_MAX + 1)));
        assert_eq!(Text::parse(" \n"), Err(BadText::Empty));
    }

    #[test]
    fn stored_form_is_stable() {
        let content = Content::Text(Text { text: "hi".into() });
        assert_eq!(serde_json::to_string(&content).unwrap(), r#"{"type":"text","text":"hi"}"#);
    }
}
