//! Guests and their phones.

use std::sync::{Arc, atomic::AtomicBool};

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::{Answer, Input, Problem, chat::line, media};
use crate::{
    clock::system_ms,
    core::Core,
    guests::{Profile, bsuid_for, digits, is_bsuid},
    queue::{Event, Owner},
    restore::tag,
    state::{Guest, GuestId, Inbound, Line, State},
    wamid::{Author, is_wamid, mint},
};

/// What `POST /simulator/guests` takes. An absent key leaves what is known; `"bsuid": null` makes a guest
/// without one, as before business-scoped ids existed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    phone: Option<String>,
    wa_id: Option<String>,
    name: Option<String>,
    username: Option<String>,
    #[serde(default, deserialize_with = "given")]
    bsuid: Option<Option<String>>,
    hidden_number: Option<bool>,
    on_whatsapp: Option<bool>,
}

fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(from).map(Some)
}

pub(super) fn put(core: &Core, input: &Input) -> Answer {
    let mut body: Body = input.parse()?;
    for number in [&mut body.phone, &mut body.wa_id].into_iter().flatten() {
        *number = digits(number).ok_or_else(|| Problem::bad(format!("{number:?} is not a phone number")))?;
    }
    if let Some(Some(bsuid)) = &body.bsuid
        && !is_bsuid(bsuid)
    {
        return Err(Problem::bad(format!("bsuid must look like US.13491208655302741918, not {bsuid:?}")));
    }
    let shown = {
        let mut state = core.state();
        let by_phone = body.phone.as_deref().and_then(|phone| state.find_guest(phone));
        let by_bsuid = body.bsuid.as_ref().and_then(|id| state.find_guest(id.as_deref()?));
        let id = by_phone.or(by_bsuid).unwrap_or(state.guests.len());
        let known = state.guests.get(id).map(|guest| guest.profile.clone());
        let profile = merge(core, known, body)?;
        if let Some(other) = by_bsuid.filter(|other| *other != id) {
            let gone = Profile { merged_into: Some(id), ..Profile::default() };
            core.record(tag::GUEST, &(other, &gone));
            state.put_guest(other, gone);
        }
        core.record(tag::GUEST, &(id, &profile));
        state.put_guest(id, profile);
        shown(core, &state, id)
    };
    core.flush()?;
    Ok(shown)
}

fn merge(core: &Core, known: Option<Profile>, body: Body) -> Result<Profile, Problem> {
    let fresh = Profile { on_whatsapp: true, ..Profile::default() };
    let is_new = known.is_none();
    let mut profile = known.unwrap_or(fresh);
    profile.phone = body.phone.or(profile.phone);
    profile.wa_id = body.wa_id.or(profile.wa_id);
    profile.name = body.name.or(profile.name);
    profile.username = body.username.or(profile.username);
    profile.hidden_number = body.hidden_number.unwrap_or(profile.hidden_number);
    profile.on_whatsapp = body.on_whatsapp.unwrap_or(profile.on_whatsapp);
    match body.bsuid {
        Some(bsuid) => profile.bsuid = bsuid,
        None if is_new => {
            let seed = profile.phone.clone().unwrap_or_else(|| mint(Author::Guest, "new"));
            profile.bsuid = Some(bsuid_for(&core.account.waba_id, &seed));
        }
        None => {}
    }
    if profile.bsuid.is_none() && (profile.hidden_number || profile.phone.is_none()) {
        return Err(Problem::bad("a guest without a number to show needs a bsuid"));
    }
    Ok(profile)
}

pub(super) fn find(state: &State, name: &str) -> Result<GuestId, Problem> {
    state.find_guest(name).ok_or_else(|| Problem::unknown(format!("nobody made a guest {name:?}")))
}

/// All guests, whoever had the newest message first.
pub(super) fn list(core: &Core) -> Value {
    let state = core.state();
    let mut ids: Vec<GuestId> =
        (0..state.guests.len()).filter(|id| state.guests[*id].profile.merged_into.is_none()).collect();
    let newest = |id: &GuestId| state.guests[*id].chat.last().map(|line| received(&state, *line));
    ids.sort_by_key(|id| std::cmp::Reverse(newest(id)));
    let data: Vec<Value> = ids.iter().map(|id| shown(core, &state, *id)).collect();
    json!({"data": data})
}

pub(super) fn get(core: &Core, name: &str) -> Answer {
    let state = core.state();
    let id = find(&state, name)?;
    Ok(shown(core, &state, id))
}

pub(super) fn shown(core: &Core, state: &State, id: GuestId) -> Value {
    let Some(guest) = state.guests.get(id) else { return Value::Null };
    let profile = &guest.profile;
    json!({
        "phone": profile.phone.as_ref().map(|phone| format!("+{phone}")),
        "wa_id": profile.any_wa_id(),
        "bsuid": profile.bsuid,
        "name": profile.name,
        "username": profile.username,
        "hidden_number": profile.hidden_number,
        "on_whatsapp": profile.on_whatsapp,
        "typing": guest.typing_until.is_some_and(|until| system_ms() < until),
        "window": window(core, guest),
        "last": guest.chat.last().map(|last| line(state, *last)),
    })
}

fn window(core: &Core, guest: &Guest) -> Value {
    json!({"open": guest.window_open(core.clock.now_ms()), "expires_at": guest.window_closes()})
}

fn received(state: &State, line: Line) -> i64 {
    match line {
        Line::Sent(place) => state.sent.get(place).map_or(0, |sent| sent.accepted_at),
        Line::Inbound(place) => state.inbound.get(place).map_or(0, |message| message.at),
    }
}

/// The guest writes. The window and the webhook carry the message's own timestamp.
pub(super) fn write(core: &Arc<Core>, name: &str, input: &Input) -> Answer {
    let mut body: Map<String, Value> = input.parse()?;
    let Some(kind) = body.get("type").and_then(Value::as_str).map(str::to_owned) else {
        return Err(Problem::bad("type is needed, and what it names"));
    };
    if kind == "text" && body.get("text").and_then(|text| text.get("body")).and_then(Value::as_str).is_none()
    {
        return Err(Problem::bad("a text needs {\"text\": {\"body\": \"…\"}}"));
    }
    let at = match body.remove("timestamp") {
        None | Some(Value::Null) => core.clock.now_ms(),
        Some(given) => timestamp(&given)?,
    };
    let given_id = body.remove("id").and_then(|id| id.as_str().filter(|id| is_wamid(id)).map(str::to_owned));
    for key in ["from", "from_user_id"] {
        body.remove(key);
    }
    let id = {
        let mut state = core.state();
        let guest = find(&state, name)?;
        let peer = state.guests.get(guest).map(|guest| guest.profile.peer().to_owned()).unwrap_or_default();
        let id = given_id.unwrap_or_else(|| mint(Author::Guest, &peer));
        media::complete(&state, &mut body);
        let due = system_ms();
        let message = Inbound {
            id: id.clone(),
            guest,
            at,
            due,
            body,
            read: AtomicBool::new(false),
            told: AtomicBool::new(false),
        };
        // WhatsApp drops what a blocked guest writes: it neither arrives nor opens the window.
        if state.profile.blocked.contains(&guest) {
            return Ok(json!({"id": id}));
        }
        core.record(tag::INBOUND, &message);
        let place = state.add_inbound(message);
        core.queue(&mut state, Owner::Guest(guest), due, Event::Inbound(place));
        id
    };
    core.flush()?;
    Ok(json!({"id": id}))
}

/// Unix seconds, as a number or as the string that webhooks carry; in milliseconds.
fn timestamp(given: &Value) -> Result<i64, Problem> {
    let seconds = match given {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    seconds
        .and_then(|seconds: i64| seconds.checked_mul(1_000))
        .ok_or_else(|| Problem::bad("timestamp must be in Unix seconds"))
}
