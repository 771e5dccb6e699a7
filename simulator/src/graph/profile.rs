//! The number itself: what is known of it, its profile, and a callback of its own.

use std::sync::Arc;

use poem::{Response, http::Method};
use serde_json::{Map, Value, json};

use super::{
    At, Call, GraphError, account, error::respond, registration::change_profile, subscription::challenge,
    unknown,
};
use crate::core::Core;

const TEXTS: [(&str, usize); 4] = [("about", 139), ("address", 256), ("description", 512), ("email", 128)];
const WEBSITES: usize = 2;
const WEBSITE: usize = 256;
const VERTICALS: [&str; 20] = [
    "UNDEFINED",
    "OTHER",
    "AUTO",
    "BEAUTY",
    "APPAREL",
    "EDU",
    "ENTERTAIN",
    "EVENT_PLAN",
    "FINANCE",
    "GROCERY",
    "GOVT",
    "HOTEL",
    "HEALTH",
    "NONPROFIT",
    "PROF_SERVICES",
    "RETAIL",
    "TRAVEL",
    "RESTAURANT",
    "NOT_A_BIZ",
    "",
];

/// `GET` reads the number. `POST` sets its callback, or takes it away with an empty address; whatever
/// else may be set of a number is taken and forgotten.
pub(super) async fn number(core: &Arc<Core>, call: &Call) -> Result<Response, GraphError> {
    if call.method == Method::GET {
        return Ok(account::number(core, call));
    }
    if call.method != Method::POST {
        return Err(unknown(call, &core.account.phone_number_id));
    }
    let body = call.object()?;
    if let Some(configuration) = body.get("webhook_configuration") {
        let text = |key: &str| configuration.get(key).and_then(Value::as_str).unwrap_or_default();
        let uri = text("override_callback_uri");
        let callback = if uri.is_empty() {
            None
        } else {
            challenge(core, uri, text("verify_token")).await?;
            Some(uri.to_owned())
        };
        change_profile(core, |profile| {
            profile.callback = callback;
            Ok(())
        })?;
        core.changed();
    }
    Ok(respond(200, &json!({"success": true})))
}

pub(super) fn show(core: &Core, call: &Call) -> Response {
    let mut profile = core.state().profile.about.clone();
    profile.insert("messaging_product".to_owned(), json!("whatsapp"));
    let asked: Option<Vec<&str>> =
        call.query("fields").map(|fields| fields.split(',').map(str::trim).collect());
    profile.retain(|key, _| {
        key == "messaging_product" || asked.as_ref().is_none_or(|asked| asked.contains(&key.as_str()))
    });
    respond(200, &json!({"data": [profile]}))
}

pub(super) fn change(core: &Core, call: &Call) -> Result<Response, GraphError> {
    let body = Value::Object(call.object()?);
    if body.get("messaging_product").and_then(Value::as_str) != Some("whatsapp") {
        return Err(GraphError::new(100, "The parameter messaging_product is required."));
    }
    let changes = checked(&body)?;
    change_profile(core, |profile| {
        profile.about.extend(changes);
        Ok(())
    })?;
    Ok(respond(200, &json!({"success": true})))
}

fn checked(body: &Value) -> Result<Map<String, Value>, GraphError> {
    let mut changes = Map::new();
    let place = |key: &str| body.get(key).map(|value| At::new(key, value));
    for (key, most) in TEXTS {
        if let Some(at) = place(key) {
            let length = at.string()?.chars().count();
            if length > most {
                let why = format!("must be at most {most} characters long; it has {length}");
                return Err(at.refuse_with(100, &why));
            }
            changes.insert(key.to_owned(), at.value.clone());
        }
    }
    if let Some(at) = place("websites") {
        for website in at.items(0, WEBSITES)? {
            website.text(WEBSITE)?;
            website.url()?;
        }
        changes.insert("websites".to_owned(), at.value.clone());
    }
    if let Some(at) = place("vertical") {
        at.one_of(&VERTICALS)?;
        changes.insert("vertical".to_owned(), at.value.clone());
    }
    if let Some(handle) = place("profile_picture_handle") {
        handle.text(usize::MAX)?;
        changes.insert("profile_picture_url".to_owned(), json!("https://pps.whatsapp.net/v/picture"));
    }
    Ok(changes)
}
