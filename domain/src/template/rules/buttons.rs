//! Buttons: how many of which, in which order, and what stands on and behind them.
//!
//! All limits: Meta, template components.

use serde_json::{Map, Value, json};

use super::Found;
use super::components::{Component, Object, upper};
use crate::media::Link;
use crate::template::variables::{is_number, is_parameter_name, placeholders};
use crate::template::{CODE_MAX, URL_MAX};

const BUTTONS_MAX: usize = 10;
const TEXT_MAX: usize = 25;
/// Unconfirmed; E.164 has 15 digits, the rest is for what people put between them.
const PHONE_MAX: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    QuickReply,
    Url,
    PhoneNumber,
    CopyCode,
}

impl Kind {
    const ALL: [Self; 4] = [Self::QuickReply, Self::Url, Self::PhoneNumber, Self::CopyCode];

    const fn as_str(self) -> &'static str {
        match self {
            Self::QuickReply => "QUICK_REPLY",
            Self::Url => "URL",
            Self::PhoneNumber => "PHONE_NUMBER",
            Self::CopyCode => "COPY_CODE",
        }
    }

    const fn max(self) -> usize {
        match self {
            Self::QuickReply => BUTTONS_MAX,
            Self::Url => 2,
            Self::PhoneNumber | Self::CopyCode => 1,
        }
    }
}

pub(super) fn check(component: &mut Component, found: &mut Found) {
    let field = component.field("buttons");
    let Some(list) = component.object.get_mut("buttons").and_then(Value::as_array_mut) else {
        found.add(field, "must be a list of buttons");
        return;
    };
    if !(1..=BUTTONS_MAX).contains(&list.len()) {
        let reason = format_args!("has {}; WhatsApp takes 1 to {BUTTONS_MAX}", list.len());
        found.add(field.as_str(), reason);
    }
    let mut kinds = Vec::new();
    for (at, button) in list.iter_mut().enumerate() {
        let path = format!("{field}.{at}");
        let Some(object) = button.as_object_mut() else {
            found.add(path, "must be an object with a type");
            continue;
        };
        kinds.extend(one(object, &path, found));
    }
    together(&field, &kinds, found);
    let texts: Vec<Option<&str>> = list.iter().map(|button| button["text"].as_str()).collect();
    for (at, text) in texts.iter().enumerate() {
        if text.is_some() && texts[..at].contains(text) {
            found.add(format!("{field}.{at}.text"), "is there twice; each must be different");
        }
    }
}

/// How many of each, and quick replies in one row. Source: Meta, which calls the order QUICK_REPLY, URL,
/// QUICK_REPLY invalid, and URL, QUICK_REPLY, URL as well.
fn together(field: &str, kinds: &[Kind], found: &mut Found) {
    for kind in Kind::ALL {
        let count = kinds.iter().filter(|k| **k == kind).count();
        // More than ten in all has been said.
        if count > kind.max() && kind != Kind::QuickReply {
            let reason =
                format_args!("has {count} of type {}; WhatsApp takes at most {}", kind.as_str(), kind.max());
            found.add(field, reason);
        }
    }
    let is_reply = |kind: &Kind| *kind == Kind::QuickReply;
    if kinds.windows(2).filter(|pair| is_reply(&pair[0]) != is_reply(&pair[1])).count() > 1 {
        found.add(field, "must have all quick replies next to each other, before or after the others");
    }
}

fn one(button: &mut Object, path: &str, found: &mut Found) -> Option<Kind> {
    let kind = upper(button, "type").and_then(|t| Kind::ALL.into_iter().find(|k| k.as_str() == t));
    let Some(kind) = kind else {
        found.add(format!("{path}.type"), "must be QUICK_REPLY, URL, PHONE_NUMBER or COPY_CODE");
        return None;
    };
    button.insert("type".to_owned(), kind.as_str().into());
    text(button, kind, path, found);
    match kind {
        Kind::QuickReply => {}
        Kind::Url => url(button, path, found),
        Kind::PhoneNumber => phone(button, path, found),
        Kind::CopyCode => code(button, path, found),
    }
    Some(kind)
}

fn text(button: &Object, kind: Kind, path: &str, found: &mut Found) {
    let field = format!("{path}.text");
    match button.get("text") {
        // WhatsApp writes its own on this one.
        None if kind == Kind::CopyCode => {}
        Some(Value::String(text)) => {
            found.length(&field, text, TEXT_MAX);
            if text.contains("{{") || text.contains("}}") {
                found.add(field, "must not have variables");
            }
        }
        Some(_) | None => found.add(field, "must be a text"),
    }
}

fn url(button: &mut Map<String, Value>, path: &str, found: &mut Found) {
    let field = format!("{path}.url");
    let Some(url) = button.get("url").and_then(Value::as_str) else {
        return found.add(field, "must be a text");
    };
    let before = found.0.len();
    let length = url.chars().count();
    if length > URL_MAX {
        found.add(field.as_str(), format_args!("has {length} characters; WhatsApp takes at most {URL_MAX}"));
    }
    let variables: Vec<_> = placeholders(url).collect();
    let fixed = variables.first().map_or(url, |(range, _)| &url[..range.start]);
    match &variables[..] {
        [] if url.contains("{{") || url.contains("}}") => {
            found.add(field.as_str(), "has a variable with a missing brace; write {{1}}");
        }
        [] => {}
        [(range, name)] if range.end == url.len() => {
            if !(is_number(name) || is_parameter_name(name)) {
                found.add(field.as_str(), format_args!("has {{{{{name}}}}}; write {{{{1}}}}"));
            }
        }
        [_] => found.add(field.as_str(), "may have its variable at the very end only"),
        [_, ..] => found.add(field.as_str(), "has more than one variable; WhatsApp takes one, at the end"),
    }
    // How long it may be has been said.
    let start: String = fixed.chars().take(URL_MAX).collect();
    if start.parse::<Link>().is_err() {
        let reason = "must be an address that starts with https:// or http:// and a name, without spaces";
        found.add(field.as_str(), reason);
    }
    if !variables.is_empty() && found.0.len() == before {
        url_example(&format!("{fixed}12345"), button, path, found);
    }
}

/// Meta takes the whole address or what ends it, as a list of one.
fn url_example(made: &str, button: &mut Object, path: &str, found: &mut Found) {
    let example = match one_text(button.get("example")) {
        Some(None) => made.to_owned(),
        Some(Some(text)) => text.to_owned(),
        None => return found.add(format!("{path}.example"), "must be a list with one address"),
    };
    button.insert("example".to_owned(), json!([example]));
}

fn phone(button: &Object, path: &str, found: &mut Found) {
    let number = button.get("phone_number").and_then(Value::as_str).unwrap_or_default();
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let rest = number.strip_prefix('+').unwrap_or(number);
    let plausible = (7..=15).contains(&digits)
        && number.chars().count() <= PHONE_MAX
        && rest.chars().all(|c| c.is_ascii_digit() || " -()".contains(c));
    if !plausible {
        let reason = "must be a phone number with its country code, such as +15550051310";
        found.add(format!("{path}.phone_number"), reason);
    }
}

fn code(button: &mut Object, path: &str, found: &mut Found) {
    let field = format!("{path}.example");
    let example = match one_text(button.get("example")) {
        Some(None) => "WELCOME10".to_owned(),
        Some(Some(text)) => text.to_owned(),
        None => return found.add(field, "must be a text: a code as a guest would copy it"),
    };
    found.length(&field, &example, CODE_MAX);
    button.insert("example".to_owned(), example.into());
}

/// A text, or a list of one. The inner `None`: nothing was given; the outer: something else was.
fn one_text(value: Option<&Value>) -> Option<Option<&str>> {
    match value {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => Some(Some(text)),
        Some(Value::Array(list)) => match &list[..] {
            [] => Some(None),
            [Value::String(text)] => Some(Some(text)),
            [_, ..] => None,
        },
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => None,
    }
}
