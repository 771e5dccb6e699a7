//! What WhatsApp takes as a template, and how it refuses the rest.

mod authentication;
mod buttons;
mod refusal;
mod texts;

use serde_json::{Map, Value};

use super::{Template, text_of};
use crate::graph::GraphError;
use refusal::{invalid, missing};

pub(crate) use refusal::{being_deleted, edited_too_often, exists_already, not_found, not_now, too_many};

const NAME_LIMIT: usize = 512;
const CATEGORIES: [&str; 3] = ["AUTHENTICATION", "MARKETING", "UTILITY"];

/// Only templates with one of these can be edited.
pub(crate) const EDIT_STATUSES: [&str; 3] = ["APPROVED", "REJECTED", "PAUSED"];

/// A template as somebody wants it to be, found to be right and written as Meta writes it.
#[derive(Debug)]
pub(crate) struct Draft {
    pub name: String,
    pub language: String,
    pub category: String,
    pub parameter_format: String,
    pub components: Vec<Value>,
}

impl Draft {
    pub(crate) fn parse(body: &Map<String, Value>) -> Result<Self, GraphError> {
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, language) = (text("name"), text("language"));
        let simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !(1..=NAME_LIMIT).contains(&name.len()) || !name.chars().all(simple) {
            return Err(invalid(format!(
                "name must have 1 to {NAME_LIMIT} characters: lower case letters, digits and underscores"
            )));
        }
        if !is_language(&language) {
            return Err(invalid("language must be a language code, like en or en_US"));
        }
        let format = match text("parameter_format").to_ascii_uppercase() {
            format if format.is_empty() => "POSITIONAL".to_owned(),
            format if format == "POSITIONAL" || format == "NAMED" => format,
            _ => return Err(invalid("parameter_format must be one of {POSITIONAL, NAMED}")),
        };
        let category = category(&text("category"))?;
        let components = components(&category, &format, body.get("components"))?;
        Ok(Self { name, language, category, parameter_format: format, components })
    }

    /// What the body changes of a template, and the rest as it was.
    pub(crate) fn edit(template: &Template, body: &Map<String, Value>) -> Result<Self, GraphError> {
        let category = match body.get("category").and_then(Value::as_str) {
            None => template.category.clone(),
            Some(given) => category(given)?,
        };
        let format = match body.get("parameter_format").and_then(Value::as_str) {
            None => template.parameter_format.clone(),
            Some(given) => given.to_ascii_uppercase(),
        };
        let components = match body.get("components") {
            None => template.components.clone(),
            given => components(&category, &format, given)?,
        };
        Ok(Self {
            name: template.name.clone(),
            language: template.language.clone(),
            category,
            parameter_format: format,
            components,
        })
    }
}

fn category(given: &str) -> Result<String, GraphError> {
    let category = given.to_ascii_uppercase();
    if CATEGORIES.contains(&category.as_str()) {
        return Ok(category);
    }
    Err(invalid(format!("category must be one of {{{}}}", CATEGORIES.join(", "))))
}

/// `en`, `en_US`, `zh_Hant_HK`.
fn is_language(code: &str) -> bool {
    let mut parts = code.split('_');
    let first = parts.next().unwrap_or_default();
    (2..=3).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| (2..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Components as Meta writes them, whatever case the client used for what they are.
pub(crate) fn in_upper_case(component: &Value) -> Value {
    let mut component = component.clone();
    let raise = |value: &mut Value, keys: &[&str]| {
        for key in keys {
            if let Some(Value::String(text)) = value.get_mut(*key) {
                *text = text.to_ascii_uppercase();
            }
        }
    };
    raise(&mut component, &["type", "format"]);
    for button in component.get_mut("buttons").and_then(Value::as_array_mut).into_iter().flatten() {
        raise(button, &["type", "otp_type"]);
    }
    component
}

fn components(category: &str, format: &str, given: Option<&Value>) -> Result<Vec<Value>, GraphError> {
    let Some(given) = given.and_then(Value::as_array) else {
        return Err(invalid("components are required, as an array"));
    };
    let components: Vec<Value> = given.iter().map(in_upper_case).collect();
    for kind in ["HEADER", "BODY", "FOOTER", "BUTTONS"] {
        let count = components.iter().filter(|one| text_of(one, "type") == kind).count();
        if count > 1 {
            return Err(invalid(format!("there can be one component of type {kind}, not {count}")));
        }
        if count == 0 && kind == "BODY" {
            return Err(missing("BODY", "text"));
        }
    }
    if category == "AUTHENTICATION" {
        return authentication::components(&components);
    }
    for component in &components {
        match text_of(component, "type") {
            "HEADER" => texts::header(component, format)?,
            "BODY" => texts::body(component, format)?,
            "FOOTER" => texts::footer(component)?,
            "BUTTONS" => buttons::check(component)?,
            other => return Err(invalid(format!("component type {other:?} is not supported"))),
        }
    }
    Ok(components)
}
