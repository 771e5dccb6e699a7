//! Templates as they are submitted, changed and previewed.

use bellhop_domain::template::{ChangeCause, Preview as Shown, PreviewButton as ShownButton, Submission};
use bellhop_service::template::{TemplateEdit, TemplatePreview as PreviewView, TemplateVersion};
use poem_openapi::payload::Json;
use poem_openapi::types::Any;
use poem_openapi::{ApiResponse, Object};
use serde_json::{Value, json};

use crate::content::Header;
use crate::template::Template;
use crate::types::Timestamp;

/// A template to submit for approval.
#[derive(Debug, Object)]
#[oai(example)]
pub struct SubmitTemplate {
    /// 1 to 512 of a-z, 0-9 and _.
    name: String,
    /// UTILITY or MARKETING. WhatsApp may file it elsewhere.
    category: String,
    /// As en, en_US or he.
    language: String,
    /// POSITIONAL or NAMED; found out from the variables when absent.
    parameter_format: Option<String>,
    /// As Meta has them: HEADER, BODY, FOOTER, BUTTONS. Examples that are missing are made; a header with
    /// an image, a video or a document needs one: `"example": {"media_id"}` of `POST media/upload`, or
    /// Meta's `header_handle`.
    components: Vec<Any<Value>>,
    /// The property's own category.
    #[oai(validator(max_length = 64))]
    label: Option<String>,
    /// Own names for the positions of a positional template, so that a send may use them.
    parameter_names: Option<Vec<String>>,
}

impl poem_openapi::types::Example for SubmitTemplate {
    fn example() -> Self {
        let body = "Hi {{1}}, your late checkout until {{2}} has been confirmed for room {{3}}.";
        Self {
            name: "late_checkout_confirmation".to_owned(),
            category: "UTILITY".to_owned(),
            language: "en".to_owned(),
            parameter_format: None,
            components: vec![Any(json!({"type": "BODY", "text": body}))],
            label: None,
            parameter_names: Some(["guest_name", "until", "room"].map(str::to_owned).into()),
        }
    }
}

/// What to change of a template; absent fields stay.
#[derive(Debug, Object)]
pub struct ChangeTemplate {
    category: Option<String>,
    /// All of them: they replace what is there.
    components: Option<Vec<Any<Value>>>,
    /// The property's own category, for all languages; empty takes it away.
    #[oai(validator(max_length = 64))]
    label: Option<String>,
    /// Own names for the positions; an empty list takes them away.
    parameter_names: Option<Vec<String>>,
}

#[derive(ApiResponse)]
pub enum Submitted {
    /// WhatsApp has the template; mostly it is PENDING until somebody there has looked at it
    #[oai(status = 201)]
    Created(
        Json<Template>,
        /// Where the template can be read
        #[oai(header = "Location")]
        String,
    ),
}

#[derive(ApiResponse)]
pub enum Deleted {
    /// It is gone, here and at WhatsApp
    #[oai(status = 204)]
    Gone,
}

/// What was read from WhatsApp.
#[derive(Debug, Object)]
pub struct Synced {
    /// Templates that WhatsApp lists, each language counted.
    pub templates: u64,
}

/// What a change has made of a template.
#[derive(Debug, Object)]
pub struct Version {
    /// Counted from 1.
    version: i32,
    /// submitted, edited, or provider: found at WhatsApp, or told by it.
    cause: ChangeCause,
    category: String,
    /// At the time of the change.
    status: String,
    components: Vec<Any<Value>>,
    created_at: Timestamp,
}

/// What the guest will see.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Preview {
    /// The language that was found for the one that was asked for.
    language: String,
    /// Meta's word; only APPROVED can be sent.
    status: String,
    header: Option<Header>,
    text: String,
    footer: Option<String>,
    buttons: Vec<PreviewButton>,
}

/// A button as the guest will see it.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PreviewButton {
    /// quick_reply, url, phone_number, copy_code or other.
    #[oai(rename = "type")]
    kind: String,
    text: String,
    /// The whole address, the number, the code, or what comes back.
    value: Option<String>,
}

impl SubmitTemplate {
    pub fn submission(self) -> (Submission, Option<String>, Vec<String>) {
        let submission = Submission {
            name: self.name,
            language: self.language,
            category: self.category,
            parameter_format: self.parameter_format,
            components: json_of(self.components),
        };
        (submission, self.label, self.parameter_names.unwrap_or_default())
    }
}

fn json_of(components: Vec<Any<Value>>) -> Value {
    components.into_iter().map(|component| component.0).collect()
}

impl From<ChangeTemplate> for TemplateEdit {
    fn from(change: ChangeTemplate) -> Self {
        let ChangeTemplate { category, components, label, parameter_names } = change;
        Self { category, components: components.map(json_of), label, parameter_names }
    }
}

impl From<TemplateVersion> for Version {
    fn from(view: TemplateVersion) -> Self {
        let components = match view.components {
            Value::Array(list) => list.into_iter().map(Any).collect(),
            _ => Vec::new(),
        };
        let TemplateVersion { version, cause, category, status, created_at, .. } = view;
        Self { version, cause, category, status, components, created_at: created_at.into() }
    }
}

impl From<PreviewView> for Preview {
    fn from(view: PreviewView) -> Self {
        let Shown { header, text, footer, buttons } = view.preview;
        let button = |button: ShownButton| PreviewButton {
            kind: button.kind.to_owned(),
            text: button.text,
            value: button.value,
        };
        Self {
            language: view.language.into(),
            status: view.status,
            header: header.map(Header::from),
            text,
            footer,
            buttons: buttons.into_iter().map(button).collect(),
        }
    }
}
