//! Authentication templates: the client chooses from fixed parts, and WhatsApp writes the words.

use serde_json::{Value, json};

use super::refusal::{invalid, missing, too_long};
use crate::{graph::GraphError, templates::text_of};

const MINUTES: std::ops::RangeInclusive<u64> = 1..=90;
const TEXT: usize = 25;

/// The components as Meta shows them afterwards: a body with the code as its variable, and a button that
/// is a link with the code at its end.
pub(super) fn components(given: &[Value]) -> Result<Vec<Value>, GraphError> {
    let minutes = minutes(given)?;
    let mut written = Vec::new();
    for component in given {
        match text_of(component, "type") {
            "BODY" => written.push(body(component)?),
            "FOOTER" => written.push(footer(minutes)),
            "BUTTONS" => written.push(buttons(component, minutes)?),
            other => {
                return Err(invalid(format!("an authentication template can't have a component {other}")));
            }
        }
    }
    if !given.iter().any(|component| text_of(component, "type") == "BUTTONS") {
        return Err(missing("BUTTONS", "buttons"));
    }
    Ok(written)
}

fn minutes(given: &[Value]) -> Result<Option<u64>, GraphError> {
    let Some(footer) = given.iter().find(|component| text_of(component, "type") == "FOOTER") else {
        return Ok(None);
    };
    match footer.get("code_expiration_minutes").and_then(Value::as_u64) {
        Some(minutes) if MINUTES.contains(&minutes) => Ok(Some(minutes)),
        Some(_) => Err(invalid("code_expiration_minutes must be from 1 to 90")),
        None => Err(missing("FOOTER", "code_expiration_minutes")),
    }
}

fn body(component: &Value) -> Result<Value, GraphError> {
    if component.get("text").is_some() {
        return Err(invalid("the body of an authentication template can't have a text of its own"));
    }
    let advice = component.get("add_security_recommendation").and_then(Value::as_bool).unwrap_or(false);
    let advice_text = if advice { " For your security, do not share this code." } else { "" };
    Ok(json!({
        "type": "BODY",
        "text": format!("*{{{{1}}}}* is your verification code.{advice_text}"),
        "add_security_recommendation": advice,
        "example": {"body_text": [["123456"]]},
    }))
}

fn footer(minutes: Option<u64>) -> Value {
    let minutes = minutes.unwrap_or_default();
    json!({
        "type": "FOOTER",
        "text": format!("This code expires in {minutes} minutes."),
        "code_expiration_minutes": minutes,
    })
}

fn buttons(component: &Value, minutes: Option<u64>) -> Result<Value, GraphError> {
    let buttons = component.get("buttons").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [button] = buttons else { return Err(invalid("an authentication template has one button")) };
    let kind = text_of(button, "otp_type");
    if text_of(button, "type") != "OTP" || !["COPY_CODE", "ONE_TAP", "ZERO_TAP"].contains(&kind) {
        return Err(invalid("the button must be of type OTP, its otp_type COPY_CODE, ONE_TAP or ZERO_TAP"));
    }
    let has_app = button.get("supported_apps").is_some()
        || ["package_name", "signature_hash"].iter().all(|key| !text_of(button, key).is_empty());
    if kind != "COPY_CODE" && !has_app {
        return Err(missing("BUTTONS", "supported_apps"));
    }
    let text = match text_of(button, "text") {
        "" => "Copy code",
        text => text,
    };
    let length = text.chars().count();
    if length > TEXT {
        return Err(too_long("A button's text", TEXT, length));
    }
    let expiry = minutes.map(|minutes| format!("&code_expiration_minutes={minutes}")).unwrap_or_default();
    let url = format!("https://www.whatsapp.com/otp/code/?otp_type={kind}{expiry}&code=otp{{{{1}}}}");
    let button =
        json!({"type": "URL", "text": text, "url": url, "example": [url.replace("{{1}}", "123456")]});
    Ok(json!({"type": "BUTTONS", "buttons": [button]}))
}
