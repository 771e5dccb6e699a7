//! The buttons of a template, and what a send brings for them.

use serde_json::{Value, json};

use super::{
    render::{mismatch, parameter_text, parameters_of},
    text_of,
    variables::{fill, variables},
};
use crate::graph::GraphError;

const PAYLOAD_LIMIT: usize = 256;
const URL_LIMIT: usize = 2_000;
const COUPON_LIMIT: usize = 15;

/// One button component of a send.
struct Given<'a> {
    index: usize,
    parameters: &'a [Value],
}

/// The buttons of this component as the guest's phone shows them.
pub(super) fn fill_all(component: &Value, sent: &[Value]) -> Result<Vec<Value>, GraphError> {
    let buttons = component.get("buttons").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let given = given(buttons, sent)?;
    buttons
        .iter()
        .enumerate()
        .map(|(index, button)| {
            let own = given.iter().find(|given| given.index == index);
            fill_one(index, button, own.map(|given| given.parameters).unwrap_or_default())
        })
        .collect()
}

/// What the send says about buttons, each about one that is there and of its own kind.
fn given<'a>(buttons: &[Value], sent: &'a [Value]) -> Result<Vec<Given<'a>>, GraphError> {
    let mut all: Vec<Given<'a>> = Vec::new();
    for component in sent.iter().filter(|one| text_of(one, "type").eq_ignore_ascii_case("button")) {
        let index = match component.get("index") {
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.parse().ok(),
            _ => return Err(GraphError::new(131_008, "buttons: Parameter 'index' is mandatory")),
        };
        let sub_type = text_of(component, "sub_type").to_ascii_uppercase();
        let index = index.and_then(|index| usize::try_from(index).ok());
        let Some((index, button)) = index.and_then(|index| Some((index, buttons.get(index)?))) else {
            return Err(GraphError::new(132_018, "buttons: there is no button at this index"));
        };
        let kind = text_of(button, "type");
        if sub_type != kind || all.iter().any(|known| known.index == index) {
            let details = format!("buttons: Button at index {index} is one of type {kind}, not {sub_type}");
            return Err(GraphError::new(132_018, details));
        }
        all.push(Given { index, parameters: parameters_of(component) });
    }
    Ok(all)
}

fn fill_one(index: usize, button: &Value, parameters: &[Value]) -> Result<Value, GraphError> {
    let (kind, text) = (text_of(button, "type"), text_of(button, "text"));
    if parameters.len() > 1 {
        let details = format!("buttons: Button at index {index} takes one parameter");
        return Err(GraphError::new(132_000, details));
    }
    let parameter = parameters.first();
    match kind {
        "QUICK_REPLY" => {
            let payload = parameter.map(quick_reply).transpose()?.unwrap_or(text);
            Ok(json!({"type": kind, "text": text, "payload": payload}))
        }
        "URL" => {
            Ok(json!({"type": kind, "text": text, "url": url(index, text_of(button, "url"), parameter)?}))
        }
        "COPY_CODE" => Ok(json!({"type": kind, "text": "Copy code", "code": coupon(index, parameter)?})),
        _ if parameter.is_some() => {
            let details = format!("buttons: Button at index {index} of type {kind} takes no parameter");
            Err(GraphError::new(132_018, details))
        }
        _ => Ok(button.clone()),
    }
}

fn quick_reply(parameter: &Value) -> Result<&str, GraphError> {
    if text_of(parameter, "type") != "payload" {
        return Err(mismatch("buttons", "PAYLOAD", text_of(parameter, "type")));
    }
    match text_of(parameter, "payload") {
        "" => Err(GraphError::new(131_008, "buttons: Parameter of type payload is missing payload value")),
        payload if payload.chars().count() > PAYLOAD_LIMIT => {
            let details = format!("buttons: a payload must be at most {PAYLOAD_LIMIT} characters long");
            Err(GraphError::new(131_009, details))
        }
        payload => Ok(payload),
    }
}

fn missing(index: usize, kind: &str) -> GraphError {
    let details = format!("buttons: Button at index {index} of type {kind} requires a parameter");
    GraphError::new(131_008, details)
}

fn url(index: usize, url: &str, parameter: Option<&Value>) -> Result<String, GraphError> {
    match (variables(url).is_empty(), parameter) {
        (true, None) => Ok(url.to_owned()),
        (true, Some(_)) => {
            let details = format!("buttons: Button at index {index} of type Url takes no parameter");
            Err(GraphError::new(132_018, details))
        }
        (false, None) => Err(missing(index, "Url")),
        (false, Some(parameter)) => {
            let suffix = parameter_text("buttons", parameter)?;
            let filled = fill(url, |_| Some(suffix));
            if filled.chars().count() > URL_LIMIT {
                return Err(GraphError::new(132_005, "buttons: the URL is too long"));
            }
            Ok(filled)
        }
    }
}

fn coupon(index: usize, parameter: Option<&Value>) -> Result<&str, GraphError> {
    let Some(parameter) = parameter else { return Err(missing(index, "CopyCode")) };
    if text_of(parameter, "type") != "coupon_code" {
        return Err(mismatch("buttons", "COUPON_CODE", text_of(parameter, "type")));
    }
    match text_of(parameter, "coupon_code") {
        "" => {
            Err(GraphError::new(131_008, "buttons: Parameter of type coupon_code is missing its coupon_code"))
        }
        code if code.chars().count() > COUPON_LIMIT => {
            let details = format!("buttons: a coupon code must be at most {COUPON_LIMIT} characters long");
            Err(GraphError::new(131_009, details))
        }
        code => Ok(code),
    }
}
