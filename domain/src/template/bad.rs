//! What is wrong with what a send gives to a template.

use super::needs::HeaderNeed;
use super::{BODY_MAX, HEADER_MAX, URL_MAX};
use crate::content::{ButtonKind, Wrong};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadParameters {
    #[error("the template needs {}, which the request does not give", .0.join(", "))]
    Missing(Vec<String>),
    #[error("the template has no {}; it takes {}", .superfluous.join(", "), or_nothing(.takes))]
    Superfluous { superfluous: Vec<String>, takes: Vec<String> },
    #[error(
        "the template has no {}; it takes {} (missing: {})",
        .superfluous.join(", "), .takes.join(", "), .missing.join(", ")
    )]
    Mismatch { superfluous: Vec<String>, missing: Vec<String>, takes: Vec<String> },
    #[error("{0} is empty; WhatsApp refuses empty parameters")]
    Empty(String),
    #[error(
        "{0} has a line break, a tab or more than four spaces in a row; WhatsApp refuses those in parameters"
    )]
    Whitespace(String),
    #[error("the filled-in text has {0} characters; WhatsApp takes at most {BODY_MAX}")]
    TooLong(usize),
    #[error("with {name}, the header has {length} characters; WhatsApp takes at most {HEADER_MAX}")]
    HeaderTooLong { name: String, length: usize },
    #[error("the template has {} above its text; give header with {}", .0.words(), .0.fields())]
    NeedsHeader(HeaderNeed),
    #[error(
        "the template has {} above its text, and the header that is given is {given}; give header with {}",
        .needs.words(), .needs.fields()
    )]
    OtherHeader { needs: HeaderNeed, given: &'static str },
    #[error("the template takes no header; leave it out")]
    SuperfluousHeader,
    #[error("the template has words above its text; give their variable in the parameters, as {0}")]
    HeaderIsText(String),
    #[error("the header's {0}")]
    Header(Wrong),
    #[error("button {index} ({text}) {fault}")]
    Button { index: u8, text: String, fault: ButtonFault },
    #[error("the template's button {index} takes no value, or there is no such button; {}", buttons(.takes))]
    UnknownButton {
        index: u8,
        /// Those that take one: the index and what stands on it.
        takes: Vec<(u8, String)>,
    },
    #[error("the template cannot be sent yet: {0}")]
    Unsendable(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ButtonFault {
    #[error("needs a value: {}", what(*.0))]
    Missing(ButtonKind),
    #[error("is given twice")]
    Twice,
    #[error("has an empty value")]
    Empty,
    #[error("has a value with a space or a line break, which an address cannot have")]
    SpaceInAddress,
    #[error("has a value with a line break, a tab or more than four spaces in a row")]
    Whitespace,
    #[error("has a value of {length} characters; WhatsApp takes at most {max}")]
    TooLong { length: usize, max: usize },
    #[error("has an address of {0} characters with this value; WhatsApp takes at most {URL_MAX}")]
    AddressTooLong(usize),
}

fn or_nothing(names: &[String]) -> String {
    if names.is_empty() { "no parameters".to_owned() } else { names.join(", ") }
}

fn buttons(takes: &[(u8, String)]) -> String {
    if takes.is_empty() {
        return "none of its buttons takes one".to_owned();
    }
    let list: Vec<String> = takes.iter().map(|(index, text)| format!("{index} ({text})")).collect();
    format!("values are taken by {}", list.join(", "))
}

const fn what(kind: ButtonKind) -> &'static str {
    match kind {
        ButtonKind::QuickReply => "what comes back when it is tapped",
        ButtonKind::Url => "the end of its address",
        ButtonKind::CopyCode => "the code that the guest copies",
    }
}

impl BadParameters {
    /// What is wrong: keys of parameters, `header`, or `buttons.0` by the button's index.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Missing(names) | Self::Superfluous { superfluous: names, .. } => names.clone(),
            Self::Mismatch { superfluous, missing, .. } => [&superfluous[..], &missing[..]].concat(),
            Self::Empty(name)
            | Self::Whitespace(name)
            | Self::HeaderTooLong { name, .. }
            | Self::HeaderIsText(name) => vec![name.clone()],
            Self::NeedsHeader(_) | Self::OtherHeader { .. } | Self::SuperfluousHeader | Self::Header(_) => {
                vec!["header".to_owned()]
            }
            Self::Button { index, .. } | Self::UnknownButton { index, .. } => {
                vec![format!("buttons.{index}")]
            }
            Self::TooLong(_) | Self::Unsendable(_) => Vec::new(),
        }
    }
}
