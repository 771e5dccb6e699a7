//! Templates, as answers show them.

use std::collections::BTreeMap;

use bellhop_domain::TemplateId;
use bellhop_domain::content::ButtonKind;
use bellhop_domain::template::{ButtonNeed as Needed, Needs, TemplateDefinition};
use bellhop_service::template::{TemplateDetail, TemplateView};
use poem_openapi::Object;
use poem_openapi::types::Any;
use serde_json::Value;

use crate::types::Timestamp;

/// One language of a template.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Template {
    template_id: TemplateId,
    name: String,
    /// Meta's word: UTILITY, MARKETING, AUTHENTICATION.
    category: String,
    /// The property's own category.
    label: Option<String>,
    language: String,
    /// Meta's word; only APPROVED can be sent.
    status: String,
    /// As Meta has them.
    components: Vec<Any<Value>>,
    /// The names that a send gives values for.
    parameters: Vec<String>,
    /// An example value for each parameter, as far as they came with the template.
    example: BTreeMap<String, String>,
    /// POSITIONAL or NAMED.
    parameter_format: String,
    quality: Option<String>,
    rejection_reason: Option<String>,
    /// Where WhatsApp filed it elsewhere than it was.
    previous_category: Option<String>,
    /// What a send has to give beside the parameters.
    needs: Option<TemplateNeeds>,
    /// The property's own names for the positions of a positional template.
    parameter_names: Option<Vec<String>>,
    /// Counts the changes; `GET templates/{name}/versions` has them all.
    version: i32,
    /// When it was last read from WhatsApp.
    synced_at: Timestamp,
}

/// A template in one language, with all of its languages beside.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct TemplateWithTranslations {
    #[oai(flatten)]
    template: Template,
    /// All languages, the one above included.
    translations: Vec<Template>,
}

/// What a send gives beside the parameters.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct TemplateNeeds {
    /// image, video, document or location: a `header` is required.
    header: Option<String>,
    /// Buttons that take a value.
    buttons: Vec<ButtonNeed>,
}

/// A button that takes a value.
#[derive(Debug, Object)]
pub struct ButtonNeed {
    /// Among all of the template's buttons, counted from 0.
    index: u8,
    #[oai(rename = "type")]
    kind: ButtonKind,
    /// What stands on it.
    text: String,
    /// A quick reply's is not.
    required: bool,
}

impl TemplateNeeds {
    /// `None` where parameters are all.
    fn of(needs: Needs) -> Option<Self> {
        let header = needs.header.map(|header| header.to_string());
        let button = |need: Needed| ButtonNeed {
            index: need.index,
            kind: need.kind,
            text: need.text,
            required: need.required,
        };
        let buttons: Vec<_> = needs.buttons.into_iter().map(button).collect();
        (header.is_some() || !buttons.is_empty()).then_some(Self { header, buttons })
    }
}

impl From<TemplateView> for Template {
    fn from(view: TemplateView) -> Self {
        let (parameters, example) = (view.definition.parameters(), view.definition.example());
        let needs = TemplateNeeds::of(view.definition.needs());
        let TemplateDefinition { components, name, language, category, status, .. } = view.definition;
        let components = match components {
            Value::Array(list) => list.into_iter().map(Any).collect(),
            _ => Vec::new(),
        };
        Self {
            template_id: view.template_id,
            name: name.into(),
            category,
            label: view.label,
            language: language.into(),
            status,
            components,
            parameters,
            example,
            parameter_format: view.definition.parameter_format.to_string(),
            quality: view.definition.quality,
            rejection_reason: view.definition.rejection_reason,
            previous_category: view.previous_category,
            needs,
            parameter_names: Some(view.definition.parameter_names).filter(|names| !names.is_empty()),
            version: view.version,
            synced_at: view.synced_at.into(),
        }
    }
}

impl From<TemplateDetail> for TemplateWithTranslations {
    fn from(detail: TemplateDetail) -> Self {
        Self {
            template: detail.template.into(),
            translations: detail.translations.into_iter().map(Template::from).collect(),
        }
    }
}
