//! Reading, filling in, showing and submitting templates.

mod fill;
mod provider;
mod read;
mod rules;
mod submit;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Given, ParameterFormat, TemplateDefinition};

pub(super) fn template(format: ParameterFormat, components: Value) -> TemplateDefinition {
    TemplateDefinition {
        provider_id: "1".into(),
        name: "welcome".parse().unwrap(),
        language: "en".parse().unwrap(),
        category: "UTILITY".into(),
        status: "APPROVED".into(),
        parameter_format: format,
        components,
        parameter_names: Vec::new(),
        quality: None,
        rejection_reason: None,
    }
}

pub(super) fn named(body: &str) -> TemplateDefinition {
    template(ParameterFormat::Named, json!([{"type": "body", "text": body}]))
}

pub(super) fn positional(body: &str) -> TemplateDefinition {
    template(ParameterFormat::Positional, json!([{"type": "BODY", "text": body}]))
}

pub(super) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
}

pub(super) fn given(pairs: &[(&str, &str)]) -> Given {
    Given { parameters: map(pairs), ..Given::default() }
}
