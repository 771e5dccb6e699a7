//! What a send gives beyond parameters, and what it cannot give.

use super::TemplateDefinition;
use super::parts::{ButtonPartKind, HeaderPart, Parts, upper};
use super::variables::variables;
use crate::content::ButtonKind;
use crate::media::MediaKind;
use crate::text_enum;

/// Buttons that want a value of which Bellhop knows nothing. Others, such as `VOICE_CALL`, want none.
const UNSENDABLE_BUTTONS: &[&str] = &["OTP", "FLOW", "CATALOG", "MPM", "SPM", "ORDER_DETAILS"];
const COMPONENTS: &[&str] = &["HEADER", "BODY", "FOOTER", "BUTTONS"];

text_enum! {
    /// What a send must give to stand above the template's words.
    HeaderNeed {
        Image = "image",
        Video = "video",
        Document = "document",
        Location = "location",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Required on every send. Source: Meta, error 132012.
    pub header: Option<HeaderNeed>,
    pub buttons: Vec<ButtonNeed>,
}

/// A button that takes a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ButtonNeed {
    /// Among all of the template's buttons, counted from 0.
    pub index: u8,
    pub kind: ButtonKind,
    /// What stands on it.
    pub text: String,
    pub required: bool,
}

impl TemplateDefinition {
    /// What a send gives beyond parameters.
    pub fn needs(&self) -> Needs {
        Needs::of(&self.parts())
    }

    /// Something in the template needs what a send cannot give yet. The reason, in words.
    pub fn unsendable(&self) -> Option<&'static str> {
        let parts = self.parts();
        if let Some(HeaderPart::Other(_)) = parts.header {
            return Some("its header is of a kind that cannot be given yet");
        }
        let unsendable = |kind: &ButtonPartKind| match kind {
            ButtonPartKind::Other(kind) => UNSENDABLE_BUTTONS.contains(&kind.as_str()),
            ButtonPartKind::QuickReply
            | ButtonPartKind::Url { .. }
            | ButtonPartKind::Phone { .. }
            | ButtonPartKind::CopyCode => false,
        };
        if parts.buttons.iter().any(|button| unsendable(&button.kind)) {
            return Some("one of its buttons is of a kind that cannot be given a value yet");
        }
        // Carousels and limited-time offers, for example, want parameters of their own.
        let known = |c| COMPONENTS.contains(&upper(c, "type").as_str());
        let mut components = self.components.as_array().into_iter().flatten();
        (!components.all(known)).then_some("it has a part of a kind that cannot be filled in yet")
    }
}

impl Needs {
    pub(super) fn of(parts: &Parts) -> Self {
        let header = match &parts.header {
            Some(HeaderPart::Media(kind)) => HeaderNeed::of(*kind),
            Some(HeaderPart::Location) => Some(HeaderNeed::Location),
            Some(HeaderPart::Text(_) | HeaderPart::Other(_)) | None => None,
        };
        let buttons = parts.buttons.iter().zip(0_u8..).filter_map(|(button, index)| {
            let (kind, required) = button.kind.takes()?;
            Some(ButtonNeed { index, kind, text: button.text.clone(), required })
        });
        Self { header, buttons: buttons.collect() }
    }
}

impl ButtonPartKind {
    /// As what it takes a value, and whether it must be given one.
    fn takes(&self) -> Option<(ButtonKind, bool)> {
        match self {
            Self::QuickReply => Some((ButtonKind::QuickReply, false)),
            Self::Url { url } => (!variables(url).is_empty()).then_some((ButtonKind::Url, true)),
            Self::CopyCode => Some((ButtonKind::CopyCode, true)),
            Self::Phone { .. } | Self::Other(_) => None,
        }
    }
}

impl HeaderNeed {
    pub(super) const fn of(kind: MediaKind) -> Option<Self> {
        match kind {
            MediaKind::Image => Some(Self::Image),
            MediaKind::Video => Some(Self::Video),
            MediaKind::Document => Some(Self::Document),
            MediaKind::Audio | MediaKind::Sticker => None,
        }
    }

    /// With its article.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Image => "an image",
            Self::Video => "a video",
            Self::Document => "a document",
            Self::Location => "a location",
        }
    }

    /// What gives it.
    pub(super) const fn fields(self) -> &'static str {
        match self {
            Self::Image | Self::Video | Self::Document => "media_id or link",
            Self::Location => "latitude and longitude",
        }
    }
}
