//! Headers, bodies and footers.
//!
//! Whether a header may have line breaks, emoji or markup is left to the provider.

use serde_json::Value;

use super::Found;
use super::components::{Component, upper};
use super::examples::{self, BODY, HEADER};
use crate::MediaId;
use crate::media::MediaKind;
use crate::template::variables::{between, is_number, is_parameter_name, placeholders, variables};
use crate::template::{BODY_MAX, HEADER_MAX, ParameterFormat};

/// Source: Meta, template components.
const FOOTER_MAX: usize = 60;

pub(super) fn body(component: &mut Component, format: Option<ParameterFormat>, found: &mut Found) {
    let field = component.field("text");
    let before = found.0.len();
    let Some(text) = text(component, BODY_MAX, found) else { return };
    names(&field, &text, format, found);
    edges(&field, &text, found);
    ratio(&field, &text, found);
    // An example for variables that are wrong would be one more sentence and no help.
    if let (Some(format), true) = (format, found.0.len() == before) {
        examples::settle(component, &text, (format, &BODY), found);
    }
}

/// The kind of the file that has to be handed to the provider as an example.
pub(super) fn header(
    component: &mut Component,
    format: Option<ParameterFormat>,
    found: &mut Found,
) -> Option<MediaKind> {
    let kind = match component.object.get("format") {
        Some(_) => upper(&component.object, "format").unwrap_or_default(),
        None => "TEXT".to_owned(),
    };
    let media = match kind.as_str() {
        "TEXT" | "LOCATION" => None,
        "IMAGE" => Some(MediaKind::Image),
        "VIDEO" => Some(MediaKind::Video),
        "DOCUMENT" => Some(MediaKind::Document),
        _ => {
            found.add(component.field("format"), "must be TEXT, IMAGE, VIDEO, DOCUMENT or LOCATION");
            return None;
        }
    };
    let is_text = kind == "TEXT";
    component.object.insert("format".to_owned(), kind.into());
    if is_text {
        header_text(component, format, found);
    }
    media.filter(|_| media_example(component, found))
}

fn header_text(component: &mut Component, format: Option<ParameterFormat>, found: &mut Found) {
    let field = component.field("text");
    let before = found.0.len();
    let Some(text) = text(component, HEADER_MAX, found) else { return };
    names(&field, &text, format, found);
    let count = placeholders(&text).count();
    if count > 1 {
        found.add(field, format_args!("has {count} variables; WhatsApp takes one in a header"));
    }
    if let (Some(format), true) = (format, found.0.len() == before) {
        examples::settle(component, &text, (format, &HEADER), found);
    }
}

pub(super) fn footer(component: &Component, found: &mut Found) {
    if let Some(text) = text(component, FOOTER_MAX, found)
        && (text.contains("{{") || text.contains("}}"))
    {
        found.add(component.field("text"), "must not have variables: WhatsApp takes none in a footer");
    }
}

fn text(component: &Component, max: usize, found: &mut Found) -> Option<String> {
    let field = component.field("text");
    let text = component.str("text").map(str::to_owned);
    match &text {
        Some(text) => found.length(&field, text, max),
        None => found.add(field, "must be a text"),
    }
    text
}

/// Every variable has a name of the kind that the template uses, and numbers count from 1.
fn names(field: &str, text: &str, format: Option<ParameterFormat>, found: &mut Found) {
    if between(text).iter().any(|piece| piece.contains("{{") || piece.contains("}}")) {
        found.add(field, "has a variable with a missing brace; write {{1}} or {{guest_name}}");
    }
    if let Some((_, name)) = placeholders(text).find(|(_, name)| name.trim() != *name) {
        let reason = format_args!("has spaces in {{{{{name}}}}}; write {{{{{}}}}}", name.trim());
        found.add(field, reason);
    }
    let Some(format) = format else { return };
    let names = variables(text);
    let wrong = |is_right: fn(&str) -> bool| {
        let mut all = placeholders(text).map(|(_, name)| name.trim());
        all.find(|name| !is_right(name)).map(|name| format!("{{{{{name}}}}}"))
    };
    match format {
        ParameterFormat::Named => {
            if let Some(name) = wrong(is_parameter_name) {
                let rule = "a name has lowercase letters, digits and _ only, and starts with a letter";
                found.add(field, format_args!("has {name}; {rule}"));
            }
        }
        ParameterFormat::Positional => {
            if let Some(name) = wrong(is_number) {
                let rule = "a positional template numbers its variables: {{1}}, {{2}} and so on";
                found.add(field, format_args!("has {name}; {rule}"));
            } else if let Some(missing) =
                (1..=names.len()).map(|n| n.to_string()).find(|n| !names.contains(&n.as_str()))
            {
                let rule = "variables are numbered from {{1}} without gaps";
                found.add(field, format_args!("has no {{{{{missing}}}}}; {rule}"));
            }
        }
    }
}

/// Words stand before, between and after variables. Source: Meta, subcode 2388299; that a space alone is
/// not enough is what those report who were refused.
fn edges(field: &str, text: &str, found: &mut Found) {
    let pieces = between(text);
    let [first, middle @ .., last] = &pieces[..] else { return };
    if first.trim().is_empty() {
        found.add(field, "must not start with a variable; put a word before it");
    }
    if last.trim().is_empty() {
        found.add(field, "must not end with a variable; put a word or a full stop after it");
    }
    if middle.iter().any(|piece| piece.trim().is_empty()) {
        found.add(field, "has two variables next to each other; put a word between them");
    }
}

/// Meta refuses too many variables for the length (subcode 2388293) and does not say what that is. Those
/// who were refused count two words for each variable and one more; here only what is far below that is
/// refused, as words are not counted alike in all languages.
fn ratio(field: &str, text: &str, found: &mut Found) {
    let variables = variables(text).len();
    let pieces = between(text);
    let is_word = |word: &&str| word.contains(char::is_alphanumeric);
    let words = pieces.iter().flat_map(|piece| piece.split_whitespace()).filter(is_word).count();
    if words < variables {
        let reason = format_args!(
            "has {variables} variables and only {words} words of its own; WhatsApp wants about two words \
             for each variable"
        );
        found.add(field, reason);
    }
}

/// Whether the example is a file of ours, which the caller hands to the provider.
fn media_example(component: &Component, found: &mut Found) -> bool {
    let field = |name: &str| component.field(&format!("example{name}"));
    let given =
        |key: &str| component.object.get("example").and_then(|e| e.get(key)).filter(|value| !value.is_null());
    match (given("header_handle"), given("media_id")) {
        (None, None) => {
            let reason = "must have media_id, one of your files, or header_handle: WhatsApp's reviewers \
                          want to see an example";
            found.add(field(""), reason);
            false
        }
        (Some(_), Some(_)) => {
            found.add(field(""), "must have media_id or header_handle, not both");
            false
        }
        (Some(handle), None) => {
            let is_handle = |v: &Value| v.as_str().is_some_and(|text| !text.trim().is_empty());
            if !handle.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(is_handle)) {
                found.add(field(".header_handle"), "must be a list with the handle of an uploaded file");
            }
            false
        }
        (None, Some(id)) => {
            let is_id = id.as_str().is_some_and(|text| text.parse::<MediaId>().is_ok());
            if !is_id {
                found.add(field(".media_id"), "must be the id of one of your files");
            }
            is_id
        }
    }
}
