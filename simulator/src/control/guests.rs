//! Guests and their phones.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{
    Answer, Input, Problem,
    chat::{is_on_phone, line},
};
use crate::{
    clock::system_ms,
    core::Core,
    guests::{Profile, digits, is_bsuid},
    restore::tag,
    state::{Guest, GuestId, Line, State},
    wamid::{Author, mint},
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
        let mut profile = merge(core, &state, known, body)?;
        if let Some(other) = by_bsuid.filter(|other| *other != id) {
            if let Some(other) = state.guests.get(other) {
                absorb(&mut profile, &other.profile);
            }
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

/// What somebody decided holds under every name of theirs.
fn absorb(profile: &mut Profile, other: &Profile) {
    profile.former_names.extend(other.former_names.iter().cloned());
    profile.blocks_business |= other.blocks_business;
    profile.stopped_marketing |= other.stopped_marketing;
}

fn merge(core: &Core, state: &State, known: Option<Profile>, body: Body) -> Result<Profile, Problem> {
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
            profile.bsuid = Some(state.fresh_bsuid(&core.account.waba_id, &seed));
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
        "blocked": profile.blocks_business,
        "marketing": if profile.stopped_marketing { "stop" } else { "resume" },
        "last": guest.chat.iter().rev().find(|one| is_on_phone(state, **one)).map(|last| line(state, *last)),
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
