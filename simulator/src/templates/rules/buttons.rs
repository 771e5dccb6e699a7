//! Buttons: how many of which kind, in what order, and what each must have.

use serde_json::Value;

use super::refusal::{invalid, missing, too_long};
use crate::{
    graph::GraphError,
    templates::{
        text_of,
        variables::{Piece, pieces},
    },
};

const ALL: usize = 10;
const TEXT: usize = 25;
const URL: usize = 2_000;
const PHONE: usize = 20;
const CODE: usize = 15;
/// At most so many of a kind.
const MOST: [(&str, usize); 4] = [("QUICK_REPLY", 10), ("URL", 2), ("PHONE_NUMBER", 1), ("COPY_CODE", 1)];

pub(super) fn check(component: &Value) -> Result<(), GraphError> {
    let buttons = component.get("buttons").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if buttons.is_empty() {
        return Err(missing("BUTTONS", "buttons"));
    }
    if buttons.len() > ALL {
        return Err(invalid(format!("there can be {ALL} buttons, not {}", buttons.len())));
    }
    for (kind, most) in MOST {
        let count = buttons.iter().filter(|button| text_of(button, "type") == kind).count();
        if count > most {
            return Err(invalid(format!("there can be {most} buttons of type {kind}, not {count}")));
        }
    }
    // Quick replies stand together, and so do the others.
    let changes = buttons.windows(2).filter(|two| is_reply(&two[0]) != is_reply(&two[1])).count();
    if changes > 1 {
        return Err(invalid("quick replies must stand together, apart from the other buttons"));
    }
    buttons.iter().try_for_each(check_one)
}

fn is_reply(button: &Value) -> bool {
    text_of(button, "type") == "QUICK_REPLY"
}

fn check_one(button: &Value) -> Result<(), GraphError> {
    match text_of(button, "type") {
        "QUICK_REPLY" => text(button),
        "URL" => {
            text(button)?;
            url(button)
        }
        "PHONE_NUMBER" => {
            text(button)?;
            phone(text_of(button, "phone_number"))
        }
        "COPY_CODE" => code(button),
        "OTP" => Err(invalid("buttons of type OTP belong to templates of category AUTHENTICATION")),
        other => Err(invalid(format!("the simulator does not carry buttons of type {other:?}"))),
    }
}

fn text(button: &Value) -> Result<(), GraphError> {
    let text = text_of(button, "text");
    match text.chars().count() {
        0 => Err(missing("BUTTONS", "text")),
        length if length > TEXT => Err(too_long("A button's text", TEXT, length)),
        _ if text.contains("{{") => Err(invalid("a button's text can't have variables")),
        _ => Ok(()),
    }
}

/// One variable at most, at the very end.
fn url(button: &Value) -> Result<(), GraphError> {
    let url = text_of(button, "url");
    if url.is_empty() {
        return Err(missing("BUTTONS", "url"));
    }
    let length = url.chars().count();
    if length > URL {
        return Err(too_long("A button's url", URL, length));
    }
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(invalid("a button's url must be an http or https URL"));
    }
    match pieces(url).as_slice() {
        [Piece::Text(_)] => Ok(()),
        [Piece::Text(_), Piece::Variable("1")] => match example(button) {
            Some(example) if !example.is_empty() => Ok(()),
            Some(_) | None => Err(missing("BUTTONS", "example")),
        },
        _ => Err(invalid("a button's url can have one variable, {{1}}, at its end")),
    }
}

/// A string, or the first of an array.
fn example(button: &Value) -> Option<&str> {
    let example = button.get("example")?;
    example.as_str().or_else(|| example.get(0)?.as_str())
}

fn phone(number: &str) -> Result<(), GraphError> {
    let length = number.chars().count();
    if length == 0 {
        return Err(missing("BUTTONS", "phone_number"));
    }
    if length > PHONE {
        return Err(too_long("A button's phone_number", PHONE, length));
    }
    match crate::guests::digits(number) {
        Some(_) => Ok(()),
        None => Err(invalid("a button's phone_number must be a phone number")),
    }
}

fn code(button: &Value) -> Result<(), GraphError> {
    match example(button) {
        None | Some("") => Err(missing("BUTTONS", "example")),
        Some(code) if code.chars().count() > CODE => {
            Err(too_long("A button's example", CODE, code.chars().count()))
        }
        Some(_) => Ok(()),
    }
}
