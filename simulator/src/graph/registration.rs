//! A number's way onto the platform: the code that proves it, and the PIN that guards it.

use std::sync::Arc;

use poem::Response;
use serde_json::{Value, json};

use super::{Call, GraphError, error::respond};
use crate::{core::Core, profile::NumberProfile, restore::tag};

/// Values come in the body, or in the query as some clients send them.
fn given(call: &Call, key: &str) -> Result<Option<String>, GraphError> {
    let body = call.object()?;
    let text = match body.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    Ok(text.or_else(|| call.query(key).map(str::to_owned)))
}

fn six_digits(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn done() -> Response {
    respond(200, &json!({"success": true}))
}

/// Changes the number's profile, for good.
pub(super) fn change_profile(
    core: &Core,
    change: impl FnOnce(&mut NumberProfile) -> Result<(), GraphError>,
) -> Result<(), GraphError> {
    {
        let mut state = core.state();
        change(&mut state.profile)?;
        core.record(tag::PROFILE, &state.profile);
    }
    core.flush().map_err(|_| GraphError::new(131_000, ""))
}

pub(super) fn register(core: &Arc<Core>, call: &Call) -> Result<Response, GraphError> {
    if given(call, "messaging_product")?.as_deref() != Some("whatsapp") {
        return Err(GraphError::new(100, "The parameter messaging_product is required."));
    }
    let Some(pin) = given(call, "pin")? else {
        return Err(GraphError::new(100, "The parameter pin is required."));
    };
    if !six_digits(&pin) {
        return Err(GraphError::new(100, "Param pin must be a 6-digit number"));
    }
    change_profile(core, |profile| {
        if !profile.verified {
            return Err(GraphError::new(133_006, ""));
        }
        // The first registration sets the PIN; every later one has to know it.
        if profile.pin.as_ref().is_some_and(|known| *known != pin) {
            return Err(GraphError::new(133_005, ""));
        }
        profile.pin = Some(pin);
        profile.registered = true;
        Ok(())
    })?;
    Ok(done())
}

pub(super) fn deregister(core: &Arc<Core>) -> Result<Response, GraphError> {
    change_profile(core, |profile| {
        if !profile.registered {
            return Err(GraphError::new(133_010, ""));
        }
        profile.registered = false;
        Ok(())
    })?;
    Ok(done())
}

pub(super) fn request_code(_: &Arc<Core>, call: &Call) -> Result<Response, GraphError> {
    match given(call, "code_method")?.as_deref() {
        Some("SMS" | "VOICE") => {}
        Some(_) | None => return Err(GraphError::new(100, "Param code_method must be one of {SMS, VOICE}")),
    }
    match given(call, "language")? {
        Some(language) if !language.is_empty() => Ok(done()),
        Some(_) | None => Err(GraphError::new(100, "The parameter language is required.")),
    }
}

/// Nobody gets an SMS here, so any six digits are the code.
pub(super) fn verify_code(core: &Arc<Core>, call: &Call) -> Result<Response, GraphError> {
    let code = given(call, "code")?.map(|code| code.replace('-', ""));
    if !code.is_some_and(|code| six_digits(&code)) {
        return Err(GraphError::new(100, "Param code must be the 6-digit code that was sent"));
    }
    change_profile(core, |profile| {
        profile.verified = true;
        Ok(())
    })?;
    Ok(respond(200, &json!({"success": true, "id": core.account.phone_number_id})))
}
