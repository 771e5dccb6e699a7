//! What guests decide about the business and about themselves.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Answer, Input, Problem,
    guests::{find, shown},
    writing::{Said, keep},
};
use crate::{
    core::Core,
    guests::{Profile, digits, is_bsuid},
    restore::tag,
    state::{GuestId, State},
    wamid::{Author, mint},
    webhooks,
};

/// Nobody is told of a block: the business finds out by what does not arrive.
pub(super) fn block(core: &Arc<Core>, name: &str, input: &Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        blocked: bool,
    }
    let Body { blocked } = input.parse()?;
    change(core, name, |_, _, profile| {
        profile.blocks_business = blocked;
        Ok(())
    })
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Choice {
    Stop,
    Resume,
}

/// The guest wants no marketing any more, or takes it again.
pub(super) fn marketing(core: &Arc<Core>, name: &str, input: &Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        value: Choice,
    }
    let Body { value } = input.parse()?;
    change(core, name, |state, guest, profile| {
        let stop = value == Choice::Stop;
        if profile.stopped_marketing != stop {
            profile.stopped_marketing = stop;
            let (field, news) = webhooks::preference(&core.account, profile, core.clock.now_ms());
            core.notify_of(state, guest, field, news);
        }
        Ok(())
    })
}

/// The guest moves to another number, gets another user id, or both.
pub(super) fn number(core: &Arc<Core>, name: &str, input: &Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        phone: Option<String>,
        bsuid: Option<String>,
    }
    let Body { phone, bsuid } = input.parse()?;
    change(core, name, |state, guest, profile| {
        let before = profile.clone();
        if let Some(phone) = phone {
            move_to(state, profile, &phone)?;
        }
        if let Some(bsuid) = bsuid {
            let bsuid = new_bsuid(core, state, profile, bsuid)?;
            profile.former_names.extend(profile.bsuid.replace(bsuid));
        }
        if *profile == before {
            return Err(Problem::bad("phone or bsuid is needed, and must be a new one"));
        }
        if let Some(system) = news(&before, profile) {
            let body = json!({"type": "system", "system": system});
            let body: Map<String, Value> = body.as_object().cloned().unwrap_or_default();
            let id = mint(Author::Guest, before.peer());
            keep(core, state, guest, Said { id, at: core.clock.now_ms(), body, ids: before.ids() });
        }
        Ok(())
    })
}

fn move_to(state: &State, profile: &mut Profile, phone: &str) -> Result<(), Problem> {
    let Some(phone) = digits(phone) else {
        return Err(Problem::bad(format!("{phone:?} is not a phone number")));
    };
    if state.find_guest(&phone).is_some() {
        return Err(Problem::bad(format!("+{phone} is the number of a guest already")));
    }
    // Both writings of a number that has two are left.
    profile.former_names.extend(profile.phone.replace(phone));
    profile.former_names.extend(profile.wa_id.take());
    Ok(())
}

fn new_bsuid(core: &Core, state: &State, profile: &Profile, wanted: String) -> Result<String, Problem> {
    if wanted == "new" {
        let seed = profile.phone.clone().or_else(|| profile.bsuid.clone()).unwrap_or_default();
        return Ok(state.fresh_bsuid(&core.account.waba_id, &seed));
    }
    if !is_bsuid(&wanted) {
        return Err(Problem::bad(format!("bsuid must look like US.13491208655302741918, not {wanted:?}")));
    }
    match state.find_guest(&wanted) {
        Some(_) => Err(Problem::bad(format!("{wanted} is the bsuid of a guest already"))),
        None => Ok(wanted),
    }
}

/// What the business is told of the change: nothing of a number that it cannot see.
fn news(before: &Profile, after: &Profile) -> Option<Value> {
    let (old, new) = (before.ids(), after.ids());
    let (kind, from, to) = if new.wa_id == old.wa_id {
        if new.user_id == old.user_id {
            return None;
        }
        ("user_changed_user_id", old.user_id.as_deref(), new.user_id.as_deref())
    } else {
        ("user_changed_number", old.wa_id.as_deref(), new.wa_id.as_deref())
    };
    let name = before.shown_name();
    let body = match (from, to) {
        (Some(from), Some(to)) => format!("User {name} changed from {from} to {to}"),
        (_, to) => format!("User {name} changed to {}", to.unwrap_or_default()),
    };
    let mut system = json!({"type": kind, "body": body});
    if kind == "user_changed_number" {
        system["wa_id"] = json!(new.wa_id);
    }
    if let Some(user_id) = &new.user_id {
        system["user_id"] = json!(user_id);
    }
    if let Some(former) = old.user_id.filter(|former| new.user_id.as_ref() != Some(former)) {
        system["previous_user_id"] = json!(former);
    }
    Some(system)
}

/// Changes what is known of a guest, for good; answers the guest.
fn change(
    core: &Arc<Core>,
    name: &str,
    what: impl FnOnce(&mut State, GuestId, &mut Profile) -> Result<(), Problem>,
) -> Answer {
    let shown = {
        let mut state = core.state();
        let id = find(&state, name)?;
        let Some(mut profile) = state.guests.get(id).map(|guest| guest.profile.clone()) else {
            return Err(Problem::unknown("there is no such guest"));
        };
        what(&mut state, id, &mut profile)?;
        core.record(tag::GUEST, &(id, &profile));
        state.put_guest(id, profile);
        shown(core, &state, id)
    };
    core.flush()?;
    Ok(shown)
}
