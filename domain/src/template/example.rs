//! The example values that came with a template.

use std::collections::BTreeMap;

use serde_json::Value;

use super::parts::component;
use super::{ParameterFormat, TemplateDefinition};

impl TemplateDefinition {
    /// The values of the examples that came with the template, by the keys of
    /// [`TemplateDefinition::parameters`]. A parameter without an example is left out.
    pub fn example(&self) -> BTreeMap<String, String> {
        let header = example(&self.components, "HEADER");
        let body = example(&self.components, "BODY");
        let parts = self.parts();
        let positions = parts.positions();
        let value = |slot: &super::parameters::Slot| match self.parameter_format {
            ParameterFormat::Positional => match &slot.body {
                Some(position) => {
                    let at = positions.iter().position(|p| p == position)?;
                    row(&body["body_text"]).get(at).copied()
                }
                None => row(&header["header_text"]).first().copied(),
            },
            // The header's first: it is the shorter of the two.
            ParameterFormat::Named => named(&header["header_text_named_params"], &slot.key)
                .filter(|_| slot.header.is_some())
                .or_else(|| named(&body["body_text_named_params"], &slot.key)),
        };
        let slots = self.slots(&parts);
        slots
            .into_iter()
            .filter_map(|slot| {
                let value = value(&slot)?.to_owned();
                Some((slot.key, value))
            })
            .collect()
    }
}

fn example<'a>(components: &'a Value, kind: &str) -> &'a Value {
    component(components, kind).map_or(&Value::Null, |c| &c["example"])
}

/// The first row of `[["a", "b"]]`; `["a", "b"]` and `"a"` are in use too.
pub(super) fn row(values: &Value) -> Vec<&str> {
    match values {
        Value::Array(list) => match list.first() {
            Some(first @ Value::Array(_)) => row(first),
            Some(_) => list.iter().map(|v| v.as_str().unwrap_or_default()).collect(),
            None => Vec::new(),
        },
        Value::String(text) => vec![text],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

fn named<'a>(list: &'a Value, name: &str) -> Option<&'a str> {
    list.as_array()?.iter().find(|p| p["param_name"] == name)?["example"].as_str()
}
