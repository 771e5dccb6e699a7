//! Templates with what fills them.

use bellhop_domain::content::{Template, Wrong};
use bellhop_domain::template::{Given, GivenButton};
use bellhop_service::send::TemplateSend;
use bellhop_service::template::text_parameters;
use poem_openapi::Object;

use super::header::Header;
use crate::types::JsonObject;

/// A template to send.
#[derive(Debug, Object)]
pub struct TemplateFields {
    pub template_name: String,
    /// The property's default when absent. Where the template is not there in it, its base language is
    /// taken: `en` for `en_US`, and any of its own for `en`.
    pub language: Option<String>,
    /// A value for each of the template's `parameters`: texts, numbers or booleans.
    pub parameters: Option<JsonObject>,
    /// Required where the template has an image, a video, a document or a location above its text.
    pub header: Option<Header>,
    /// For buttons: the end of an address, the code to copy, what a quick reply sends back.
    pub button_parameters: Option<Vec<ButtonParameter>>,
}

/// A value for a button of the template.
#[derive(Debug, Object)]
pub struct ButtonParameter {
    /// Among all of the template's buttons, counted from 0.
    #[oai(validator(minimum(value = "0"), maximum(value = "9")))]
    index: u8,
    value: String,
}

/// A template as it was sent.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct FilledTemplate {
    template_name: String,
    language: String,
    parameters: JsonObject,
    /// What the guest reads in its body.
    text: String,
    header: Option<Header>,
    button_parameters: Option<Vec<ButtonParameter>>,
}

impl TemplateFields {
    /// One that nothing has to be given for.
    pub fn without(template_name: String, language: Option<String>) -> Self {
        Self { template_name, language, parameters: None, header: None, button_parameters: None }
    }

    /// With texts alone.
    pub fn named(name: &str, parameters: serde_json::Value) -> Self {
        let parameters = Some(JsonObject::of(parameters));
        Self { parameters, ..Self::without(name.to_owned(), Some("en".to_owned())) }
    }

    pub fn read(self) -> Result<TemplateSend, Wrong> {
        let parameters = text_parameters(&self.parameters.unwrap_or_default().0)?;
        let header = self.header.map(Header::into_stored).transpose();
        let header = header.map_err(|wrong| wrong.within("header"))?;
        let buttons = self.button_parameters.unwrap_or_default();
        let button = |given: ButtonParameter| GivenButton { index: given.index, value: given.value };
        let buttons = buttons.into_iter().map(button).collect();
        let given = Given { parameters, header, buttons };
        Ok(TemplateSend { name: self.template_name, language: self.language, given })
    }
}

impl From<Template> for FilledTemplate {
    fn from(template: Template) -> Self {
        let parameters = template.parameters.into_iter().map(|(name, text)| (name, text.into()));
        let button = |button: bellhop_domain::content::ButtonValue| ButtonParameter {
            index: button.index,
            value: button.value,
        };
        Self {
            template_name: template.template_name.into(),
            language: template.language.into(),
            parameters: JsonObject(parameters.collect()),
            text: template.text,
            header: template.header.map(Header::from),
            button_parameters: (!template.buttons.is_empty())
                .then(|| template.buttons.into_iter().map(button).collect()),
        }
    }
}
