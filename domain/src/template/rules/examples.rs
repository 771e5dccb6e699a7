//! Examples for the variables of headers and bodies: checked where given, made where not.
//!
//! Meta requires one for every variable.

use serde_json::{Value, json};

use super::Found;
use super::components::Component;
use crate::template::variables::{fill_in, has_bad_whitespace, variables};
use crate::template::{BODY_MAX, HEADER_MAX, ParameterFormat};

/// Where the examples of a component stand.
pub(super) struct Place {
    positional: &'static str,
    named: &'static str,
    /// Meta takes the body's positional ones as a list in a list.
    nested: bool,
    /// What is made up for a number.
    word: fn(&str) -> String,
    max: usize,
}

pub(super) const HEADER: Place = Place {
    positional: "header_text",
    named: "header_text_named_params",
    nested: false,
    word: |_| "Example".to_owned(),
    max: HEADER_MAX,
};

pub(super) const BODY: Place = Place {
    positional: "body_text",
    named: "body_text_named_params",
    nested: true,
    word: |number| format!("Example {number}"),
    max: BODY_MAX,
};

type Named = Vec<(String, String)>;

/// Leaves one example for each variable in the component, in Meta's shape. `text`: its checked words.
pub(super) fn settle(
    component: &mut Component,
    text: &str,
    (format, place): (ParameterFormat, &Place),
    found: &mut Found,
) {
    let given = component.object.remove("example").filter(|example| !is_nothing(example));
    let mut names = variables(text);
    if names.is_empty() {
        return;
    }
    let values = match (format, given) {
        (ParameterFormat::Positional, given) => {
            names.sort_by_key(|name| name.parse::<u32>().unwrap_or(u32::MAX));
            given.map_or_else(|| Ok(made_for_numbers(text, &names, place)), |e| numbered(&e, &names, place))
        }
        (ParameterFormat::Named, given) => {
            given.map_or_else(|| Ok(made_for_names(&names)), |example| named(&example, &names, place))
        }
    };
    let checked = values.and_then(|values| check(text, values, place));
    match checked {
        Ok(values) => {
            component.object.insert("example".to_owned(), shape(values, format, place));
        }
        Err(reason) => found.add(component.field("example"), reason),
    }
}

fn is_nothing(example: &Value) -> bool {
    example.is_null() || example.as_object().is_some_and(serde_json::Map::is_empty)
}

fn shape(values: Named, format: ParameterFormat, place: &Place) -> Value {
    match format {
        ParameterFormat::Named => {
            let params =
                values.into_iter().map(|(name, value)| json!({"param_name": name, "example": value}));
            json!({ place.named: params.collect::<Vec<_>>() })
        }
        ParameterFormat::Positional => {
            let values: Vec<String> = values.into_iter().map(|(_, value)| value).collect();
            let values = if place.nested { json!([values]) } else { json!(values) };
            json!({ place.positional: values })
        }
    }
}

fn made_for_names(names: &[&str]) -> Named {
    let words = |name: &str| name.split('_').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    names.iter().map(|name| ((*name).to_owned(), words(name))).collect()
}

fn made_for_numbers(text: &str, names: &[&str], place: &Place) -> Named {
    let made = |word: &dyn Fn(&str) -> String| -> Named {
        names.iter().map(|name| ((*name).to_owned(), word(name))).collect()
    };
    let values = made(&place.word);
    // In a text of almost the greatest length, only what is shorter than the variable itself fits.
    if length(text, &values) > place.max { made(&|name| name.to_owned()) } else { values }
}

fn numbered(example: &Value, names: &[&str], place: &Place) -> Result<Named, String> {
    let Some(given) = example.get(place.positional) else {
        return Err(format!("must have {}: the variables are numbers", place.positional));
    };
    let list = match given {
        Value::Array(list) => match &list[..] {
            [Value::Array(row)] => row,
            _ => list,
        },
        Value::String(_) => std::slice::from_ref(given),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => &[],
    };
    if list.len() != names.len() {
        return Err(format!("has {} values; the text has {} variables", list.len(), names.len()));
    }
    let value = |(name, value): (&&str, &Value)| Some(((*name).to_owned(), value.as_str()?.to_owned()));
    let values: Option<Named> = names.iter().zip(list).map(value).collect();
    values.ok_or_else(|| "must have a text for each variable".to_owned())
}

fn named(example: &Value, names: &[&str], place: &Place) -> Result<Named, String> {
    let Some(list) = example.get(place.named).and_then(Value::as_array) else {
        return Err(format!("must have a list {}: the variables are names", place.named));
    };
    let mut values = Named::new();
    for param in list {
        let text = |key: &str| param.get(key).and_then(Value::as_str);
        let (Some(name), Some(value)) = (text("param_name"), text("example")) else {
            return Err("must have param_name and example, both texts, for each variable".to_owned());
        };
        if !names.contains(&name) || values.iter().any(|(other, _)| other == name) {
            return Err(format!("has {name}, which is not a variable of the text, or is there twice"));
        }
        values.push((name.to_owned(), value.to_owned()));
    }
    match names.iter().find(|name| values.iter().all(|(other, _)| other != *name)) {
        Some(missing) => Err(format!("has no value for {missing}")),
        None => Ok(values),
    }
}

/// An example that could not be sent is none.
fn check(text: &str, values: Named, place: &Place) -> Result<Named, String> {
    for (name, value) in &values {
        if value.trim().is_empty() {
            return Err(format!("is empty for {name}"));
        }
        if has_bad_whitespace(value) {
            return Err(format!(
                "has a line break, a tab or more than four spaces in a row for {name}; WhatsApp refuses those"
            ));
        }
    }
    match length(text, &values) {
        length if length > place.max => Err(format!(
            "makes the text {length} characters long; WhatsApp takes at most {}, with values in it",
            place.max
        )),
        _ => Ok(values),
    }
}

fn length(text: &str, values: &Named) -> usize {
    let value = |name: &str| values.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    fill_in(text, value).chars().count()
}
