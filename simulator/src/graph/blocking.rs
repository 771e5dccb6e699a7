//! Guests whom the business does not want to hear from.

use std::sync::Arc;

use poem::{Response, http::Method};
use serde_json::{Value, json};

use super::{At, Call, GraphError, error::respond, registration::change_profile, unknown};
use crate::{
    core::Core,
    state::{GuestId, State},
};

/// Guests in one call.
const MOST: usize = 1_000;

pub(super) fn block_users(core: &Arc<Core>, call: &Call) -> Result<Response, GraphError> {
    match call.method.as_str() {
        "GET" => Ok(list(core)),
        "POST" | "DELETE" => change(core, call, call.method == Method::POST),
        _ => Err(unknown(call, &call.object)),
    }
}

fn list(core: &Core) -> Response {
    let state = core.state();
    let shown = |id: &GuestId| {
        let profile = &state.guests.get(*id)?.profile;
        let mut entry = json!({"messaging_product": "whatsapp"});
        match profile.shown_wa_id() {
            Some(wa_id) => entry["wa_id"] = json!(wa_id),
            None => entry["user_id"] = json!(profile.bsuid),
        }
        Some(entry)
    };
    let data: Vec<Value> = state.profile.blocked.iter().filter_map(shown).collect();
    respond(200, &json!({"data": data, "paging": {"cursors": {}}}))
}

fn change(core: &Arc<Core>, call: &Call, block: bool) -> Result<Response, GraphError> {
    let body = call.object()?;
    if body.get("messaging_product").and_then(Value::as_str) != Some("whatsapp") {
        return Err(GraphError::new(100, "The parameter messaging_product is required."));
    }
    let Some(given) = body.get("block_users") else {
        return Err(GraphError::new(100, "The parameter block_users is required."));
    };
    let now = core.clock.now_ms();
    let (mut done, mut failed, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for one in At::new("block_users", given).items(1, MOST)? {
        let name = one.get("user").or_else(|| one.get("user_id"));
        let Some(name) = name else {
            return Err(one.refuse_with(100, "must have one of 'user' and 'user_id'"));
        };
        let input = name.string()?;
        match reachable(&core.state(), input, block.then_some(now)) {
            Ok((id, wa_id)) => {
                ids.push(id);
                done.push(json!({"input": input, "wa_id": wa_id}));
            }
            Err(why) => {
                let error = json!({"message": why, "code": 139_100, "error_data": {"details": why}});
                failed.push(json!({"input": input, "errors": [error]}));
            }
        }
    }
    change_profile(core, |profile| {
        for id in ids {
            if block {
                profile.blocked.insert(id);
            } else {
                profile.blocked.remove(&id);
            }
        }
        Ok(())
    })?;
    let key = if block { "added_users" } else { "removed_users" };
    let mut users = json!({});
    users[key] = json!(done);
    if !failed.is_empty() {
        users["failed_users"] = json!(failed);
    }
    Ok(respond(200, &json!({"messaging_product": "whatsapp", "block_users": users})))
}

/// Only guests who wrote within the last day can be blocked.
fn reachable(
    state: &State,
    name: &str,
    within: Option<i64>,
) -> Result<(GuestId, Option<String>), &'static str> {
    let found = state.find_guest(name).and_then(|id| Some((id, state.guests.get(id)?)));
    let Some((id, guest)) = found else { return Err("The user is not known") };
    if within.is_some_and(|now| !guest.window_open(now)) {
        return Err("The user has not written in the last 24 hours");
    }
    Ok((id, guest.profile.any_wa_id().map(str::to_owned)))
}
