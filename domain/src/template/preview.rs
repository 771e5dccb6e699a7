//! What the guest will see.

use super::TemplateDefinition;
use super::parts::{ButtonPart, ButtonPartKind, HeaderPart};
use super::variables::fill_in;
use crate::content::{self, Header, Location};
use crate::media::{MediaKind, MediaRef};

#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    pub header: Option<PreviewHeader>,
    pub text: String,
    pub footer: Option<String>,
    pub buttons: Vec<PreviewButton>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum PreviewHeader {
    Text(String),
    Media { kind: MediaKind, source: MediaRef },
    Location(Location),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewButton {
    pub text: String,
    /// `quick_reply`, `url`, `phone_number`, `copy_code` or `other`.
    pub kind: &'static str,
    /// The full address, the phone number or the code.
    pub value: Option<String>,
}

impl TemplateDefinition {
    /// What the guest will see of a template that [`TemplateDefinition::fill`] made.
    pub fn preview(&self, filled: &content::Template) -> Preview {
        let parts = self.parts();
        let value_of = |at: usize| {
            filled.buttons.iter().find(|value| usize::from(value.index) == at).map(|v| v.value.as_str())
        };
        let buttons = parts.buttons.into_iter().enumerate();
        Preview {
            header: header(parts.header, filled.header.as_ref()),
            text: filled.text.clone(),
            footer: parts.footer,
            buttons: buttons.map(|(at, part)| button(part, value_of(at))).collect(),
        }
    }
}

fn header(part: Option<HeaderPart>, filled: Option<&Header>) -> Option<PreviewHeader> {
    match (filled, part) {
        (Some(Header::Text { text, .. }), Some(HeaderPart::Text(words))) => {
            Some(PreviewHeader::Text(fill_in(&words, |_| Some(text))))
        }
        (None, Some(HeaderPart::Text(words))) => Some(PreviewHeader::Text(words)),
        (Some(Header::Location(location)), _) => Some(PreviewHeader::Location(location.clone())),
        (Some(header), _) => {
            header.file().map(|(kind, source)| PreviewHeader::Media { kind, source: source.clone() })
        }
        (None, Some(HeaderPart::Media(_) | HeaderPart::Location | HeaderPart::Other(_)) | None) => None,
    }
}

fn button(part: ButtonPart, value: Option<&str>) -> PreviewButton {
    let (kind, value) = match part.kind {
        // What comes back is not shown.
        ButtonPartKind::QuickReply => ("quick_reply", None),
        ButtonPartKind::Url { url } => ("url", Some(fill_in(&url, |_| value))),
        ButtonPartKind::Phone { phone_number } => ("phone_number", Some(phone_number)),
        ButtonPartKind::CopyCode => ("copy_code", value.map(str::to_owned)),
        ButtonPartKind::Other(_) => ("other", None),
    };
    PreviewButton { text: part.text, kind, value }
}
