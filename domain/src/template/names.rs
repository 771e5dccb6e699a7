//! Names of templates, and codes of their languages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A template's name: 1 to 512 of `a-z`, `0-9`, `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TemplateName(String);

/// A template's language as Meta writes it: `en`, `en_US`, `he`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("a template name has 1 to 512 of a-z, 0-9 and _")]
    TemplateName,
    #[error("a language is a code such as en, en_US or he")]
    Language,
}

macro_rules! text_newtype {
    ($name:ident, $error:expr, $rule:expr) => {
        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                let rule: fn(&str) -> bool = $rule;
                if rule(text) { Ok(Self(text.to_owned())) } else { Err($error) }
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_newtype!(TemplateName, BadName::TemplateName, |text| {
    (1..=512).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
});
text_newtype!(Language, BadName::Language, |text| {
    (2..=16).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
});

impl Language {
    /// `en` of `en_US`.
    pub fn base(&self) -> &str {
        self.0.split(['_', '-']).next().unwrap_or(&self.0)
    }
}
