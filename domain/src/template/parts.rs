//! What a template is made of, read from Meta's `components`.

use serde_json::Value;

use super::variables::variables;
use crate::media::MediaKind;

/// Of a copy-code button without a text: Meta shows its own, which cannot be chosen.
const COPY_CODE_TEXT: &str = "Copy offer code";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    pub header: Option<HeaderPart>,
    /// With its variables. Empty where the provider writes it: in authentication templates.
    pub body: String,
    pub footer: Option<String>,
    pub buttons: Vec<ButtonPart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderPart {
    /// With at most one variable.
    Text(String),
    /// An image, a video or a document.
    Media(MediaKind),
    Location,
    /// Meta's word for one that is not understood.
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ButtonPart {
    pub text: String,
    pub kind: ButtonPartKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ButtonPartKind {
    QuickReply,
    /// With at most one variable, at its end.
    Url {
        url: String,
    },
    Phone {
        phone_number: String,
    },
    CopyCode,
    /// Meta's word for one that Bellhop does not fill: `OTP`, `FLOW`, `CATALOG`, `MPM`, `VOICE_CALL` …
    Other(String),
}

impl Parts {
    /// Never fails: what is missing or of another shape is left out. Names of types are taken in any case.
    pub fn read(components: &Value) -> Self {
        let buttons = component(components, "BUTTONS").and_then(|c| c["buttons"].as_array());
        Self {
            header: component(components, "HEADER").map(HeaderPart::read),
            body: component(components, "BODY").map(|c| text(c, "text")).unwrap_or_default(),
            footer: component(components, "FOOTER").and_then(|c| c["text"].as_str()).map(str::to_owned),
            buttons: buttons.into_iter().flatten().map(ButtonPart::read).collect(),
        }
    }

    /// The header's one variable.
    pub(super) fn header_variable(&self) -> Option<&str> {
        match &self.header {
            Some(HeaderPart::Text(text)) => variables(text).first().copied(),
            Some(HeaderPart::Media(_) | HeaderPart::Location | HeaderPart::Other(_)) | None => None,
        }
    }

    /// The body's numbered variables in the order of their numbers, each once.
    pub(super) fn positions(&self) -> Vec<&str> {
        let mut found = variables(&self.body);
        found.sort_by_key(|name| name.parse::<u32>().unwrap_or(u32::MAX));
        found
    }
}

impl HeaderPart {
    fn read(component: &Value) -> Self {
        let format = upper(component, "format");
        match format.as_str() {
            "" | "TEXT" => Self::Text(text(component, "text")),
            "IMAGE" => Self::Media(MediaKind::Image),
            "VIDEO" => Self::Media(MediaKind::Video),
            "DOCUMENT" => Self::Media(MediaKind::Document),
            "LOCATION" => Self::Location,
            _ => Self::Other(format),
        }
    }
}

impl ButtonPart {
    fn read(button: &Value) -> Self {
        let kind = upper(button, "type");
        let kind = match kind.as_str() {
            "QUICK_REPLY" => ButtonPartKind::QuickReply,
            "URL" => ButtonPartKind::Url { url: text(button, "url") },
            "PHONE_NUMBER" => ButtonPartKind::Phone { phone_number: text(button, "phone_number") },
            "COPY_CODE" => ButtonPartKind::CopyCode,
            _ => ButtonPartKind::Other(kind),
        };
        let mut text = text(button, "text");
        if text.is_empty() && kind == ButtonPartKind::CopyCode {
            text = COPY_CODE_TEXT.to_owned();
        }
        Self { text, kind }
    }
}

/// The first component of a type.
pub(super) fn component<'a>(components: &'a Value, kind: &str) -> Option<&'a Value> {
    components.as_array()?.iter().find(|c| upper(c, "type") == kind)
}

pub(super) fn upper(of: &Value, key: &str) -> String {
    of[key].as_str().unwrap_or_default().to_ascii_uppercase()
}

fn text(of: &Value, key: &str) -> String {
    of[key].as_str().unwrap_or_default().to_owned()
}
