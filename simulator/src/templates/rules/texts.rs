//! Headers, bodies and footers.

use serde_json::Value;

use super::refusal::{
    body_format, footer_format, header_format, invalid, missing, too_long, too_many_variables,
    variable_at_the_edge,
};
use crate::{
    graph::GraphError,
    templates::{
        text_of,
        variables::{Piece, pieces, variables},
    },
};

const HEADER_LIMIT: usize = 60;
const BODY_LIMIT: usize = 1_024;
const FOOTER_LIMIT: usize = 60;

fn within(what: &str, text: &str, most: usize) -> Result<(), GraphError> {
    let length = text.chars().count();
    if length > most { Err(too_long(what, most, length)) } else { Ok(()) }
}

pub(super) fn header(component: &Value, format: &str) -> Result<(), GraphError> {
    match text_of(component, "format") {
        "TEXT" => text_header(component, format),
        "LOCATION" => Ok(()),
        "IMAGE" | "VIDEO" | "DOCUMENT" => {
            let handles = component.pointer("/example/header_handle").and_then(Value::as_array);
            let handle = handles.and_then(|handles| handles.first()).and_then(Value::as_str);
            match handle {
                Some(handle) if !handle.is_empty() => Ok(()),
                Some(_) | None => Err(missing("HEADER", "example")),
            }
        }
        "" => Err(missing("HEADER", "format")),
        _ => Err(header_format("format must be one of {TEXT, IMAGE, VIDEO, DOCUMENT, LOCATION}")),
    }
}

fn text_header(component: &Value, format: &str) -> Result<(), GraphError> {
    let text = text_of(component, "text");
    if text.trim().is_empty() {
        return Err(missing("HEADER", "text"));
    }
    within("The header", text, HEADER_LIMIT)?;
    if text.contains(['\n', '\r']) {
        return Err(header_format("A header can't have new lines."));
    }
    check_names(text, format).map_err(|why| header_format(&why))?;
    let names = variables(text);
    if names.len() > 1 {
        return Err(header_format("A header can have one variable."));
    }
    let positional = component.pointer("/example/header_text");
    let named = component.pointer("/example/header_text_named_params");
    check_examples("HEADER", &names, positional, named.filter(|_| format == "NAMED"))
}

pub(super) fn body(component: &Value, format: &str) -> Result<(), GraphError> {
    let text = text_of(component, "text");
    if text.trim().is_empty() {
        return Err(missing("BODY", "text"));
    }
    within("The body", text, BODY_LIMIT)?;
    check_names(text, format).map_err(|why| body_format(&why))?;
    let all = pieces(text.trim());
    if matches!(all.first(), Some(Piece::Variable(_))) || matches!(all.last(), Some(Piece::Variable(_))) {
        return Err(variable_at_the_edge("body"));
    }
    if all.windows(2).any(|two| matches!(two, [Piece::Variable(_), Piece::Variable(_)])) {
        return Err(body_format("Variables can't stand next to each other."));
    }
    let names = variables(text);
    let words: usize = all
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.split_whitespace().filter(|word| has_letters(word)).count(),
            Piece::Variable(_) => 0,
        })
        .sum();
    if words <= names.len() && !names.is_empty() {
        return Err(too_many_variables());
    }
    let positional = component.pointer("/example/body_text").and_then(|rows| rows.get(0));
    let named = component.pointer("/example/body_text_named_params");
    check_examples("BODY", &names, positional, named.filter(|_| format == "NAMED"))
}

fn has_letters(word: &str) -> bool {
    word.chars().any(char::is_alphanumeric)
}

pub(super) fn footer(component: &Value) -> Result<(), GraphError> {
    let text = text_of(component, "text");
    if text.trim().is_empty() {
        return Err(missing("FOOTER", "text"));
    }
    within("The footer", text, FOOTER_LIMIT)?;
    if !variables(text).is_empty() {
        return Err(footer_format("A footer can't have variables."));
    }
    Ok(())
}

/// Whether all braces are variables, and these are named as the template says.
fn check_names(text: &str, format: &str) -> Result<(), String> {
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) if text.contains("{{") || text.contains("}}") => {
                return Err("The braces of a variable are not in pairs.".to_owned());
            }
            Piece::Text(_) => {}
            Piece::Variable(name) if format == "NAMED" => {
                let simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                let starts = name.chars().next().is_some_and(|c| c.is_ascii_lowercase());
                if !starts || !name.chars().all(simple) {
                    return Err(format!(
                        "Variable {name:?} must have lower case letters, digits and underscores only."
                    ));
                }
            }
            Piece::Variable(name) => {
                if name.parse::<u32>().is_err() {
                    return Err(format!("Variable {name:?} must be a number."));
                }
            }
        }
    }
    if format != "NAMED" {
        for (name, number) in variables(text).iter().zip(1..) {
            if name.parse() != Ok(number) {
                return Err("Variables must be numbered from {{1}} on, without gaps.".to_owned());
            }
        }
    }
    Ok(())
}

/// An example for each variable.
fn check_examples(
    component: &str,
    names: &[String],
    positional: Option<&Value>,
    named: Option<&Value>,
) -> Result<(), GraphError> {
    if names.is_empty() {
        return Ok(());
    }
    if let Some(named) = named.and_then(Value::as_array) {
        let has = |name: &String| {
            let mut own = named.iter().filter(|one| text_of(one, "param_name") == name);
            own.any(|one| !text_of(one, "example").is_empty())
        };
        return if names.iter().all(has) { Ok(()) } else { Err(missing(component, "example")) };
    }
    let values: Vec<&str> = match positional {
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        // Some clients leave the inner array out where there is one variable.
        Some(Value::String(value)) => vec![value],
        _ => Vec::new(),
    };
    if values.is_empty() {
        return Err(missing(component, "example"));
    }
    if values.len() != names.len() || values.iter().any(|value| value.is_empty()) {
        return Err(invalid(format!(
            "component of type {component} has {} variables and {} examples",
            names.len(),
            values.len()
        )));
    }
    Ok(())
}
