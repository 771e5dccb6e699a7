//! What guests write, edit and delete.

use std::sync::{Arc, atomic::AtomicBool};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Input, Problem, guests::find, media};
use crate::{
    clock::system_ms,
    core::Core,
    guests::Ids,
    queue::{Event, Owner},
    restore::tag,
    revisions::Revision,
    state::{GuestId, Inbound, State},
    wamid::{Author, is_wamid, mint},
};

const TEXT_LIMIT: usize = 4_096;

/// A message on its way into the state.
pub(super) struct Said {
    pub id: String,
    /// Simulated Unix milliseconds: the message's own timestamp.
    pub at: i64,
    pub body: Map<String, Value>,
    pub ids: Ids,
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
    let at = body.remove("timestamp");
    let id = body.remove("id").and_then(|id| id.as_str().filter(|id| is_wamid(id)).map(str::to_owned));
    for key in ["from", "from_user_id"] {
        body.remove(key);
    }
    say(core, name, (id, at), |state, _| {
        media::complete(state, &mut body);
        Ok(body)
    })
}

/// Puts a message of the guest into the chat and tells the business. `given` is the id and the timestamp,
/// where the caller has one.
fn say(
    core: &Arc<Core>,
    name: &str,
    given: (Option<String>, Option<Value>),
    compose: impl FnOnce(&State, GuestId) -> Result<Map<String, Value>, Problem>,
) -> Answer {
    let at = match given.1 {
        None | Some(Value::Null) => core.clock.now_ms(),
        Some(given) => timestamp(&given)?,
    };
    let id = {
        let mut state = core.state();
        let guest = find(&state, name)?;
        let Some(profile) = state.guests.get(guest).map(|guest| &guest.profile) else {
            return Err(Problem::unknown("there is no such guest"));
        };
        if profile.blocks_business {
            return Err(Problem::bad("this guest has blocked the business, and cannot write to it"));
        }
        let (ids, peer) = (profile.ids(), profile.peer().to_owned());
        let body = compose(&state, guest)?;
        let id = given.0.unwrap_or_else(|| mint(Author::Guest, &peer));
        // WhatsApp drops what a blocked guest writes: it neither arrives nor opens the window.
        if state.profile.blocked.contains(&guest) {
            return Ok(json!({"id": id}));
        }
        keep(core, &mut state, guest, Said { id: id.clone(), at, body, ids });
        id
    };
    core.flush()?;
    Ok(json!({"id": id}))
}

/// Takes a message up and queues its webhook; [`Core::flush`] comes once the state is not locked.
pub(super) fn keep(core: &Arc<Core>, state: &mut State, guest: GuestId, said: Said) {
    let due = system_ms();
    let message = Inbound {
        id: said.id,
        guest,
        at: said.at,
        due,
        body: said.body,
        ids: Some(said.ids),
        read: AtomicBool::new(false),
        told: AtomicBool::new(false),
    };
    core.record(tag::INBOUND, &message);
    let place = state.add_inbound(message);
    core.queue(state, Owner::Guest(guest), due, Event::Inbound(place));
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

/// The guest changes the words of a message of their own.
pub(super) fn edit(core: &Arc<Core>, name: &str, input: &Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        id: String,
        text: String,
        timestamp: Option<Value>,
    }
    let Body { id, text, timestamp } = input.parse()?;
    if text.trim().is_empty() || text.chars().count() > TEXT_LIMIT {
        return Err(Problem::bad(format!("text must have 1 to {TEXT_LIMIT} characters, and not be blank")));
    }
    say(core, name, (None, timestamp), |state, guest| {
        let message = reworded(own(state, guest, &id)?, &text)
            .ok_or_else(|| Problem::bad("only texts and captions can be edited"))?;
        Ok(change("edit", json!({"original_message_id": id, "message": message})))
    })
}

/// The guest deletes a message of their own for everyone.
pub(super) fn revoke(core: &Arc<Core>, name: &str, input: &Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        id: String,
        timestamp: Option<Value>,
    }
    let Body { id, timestamp } = input.parse()?;
    say(core, name, (None, timestamp), |state, guest| {
        own(state, guest, &id)?;
        Ok(change("revoke", json!({"original_message_id": id})))
    })
}

fn change(kind: &str, content: Value) -> Map<String, Value> {
    [("type".to_owned(), json!(kind)), (kind.to_owned(), content)].into_iter().collect()
}

/// A message that this guest wrote and has not deleted, as it reads now.
fn own<'a>(state: &'a State, guest: GuestId, id: &str) -> Result<&'a Map<String, Value>, Problem> {
    let written = state.inbound_ids.get(id).and_then(|place| state.inbound.get(*place));
    let written = written.filter(|message| state.resolve(message.guest) == guest);
    let message = written.ok_or_else(|| Problem::unknown(format!("this guest wrote no message {id:?}")))?;
    let kind = message.body.get("type").and_then(Value::as_str);
    if matches!(kind, Some("edit" | "revoke" | "reaction" | "system")) {
        return Err(Problem::bad("this is no message that can be edited or deleted"));
    }
    match state.revisions(guest).get(id).copied() {
        None => Ok(&message.body),
        Some(Revision::Edited(body)) => Ok(body),
        Some(Revision::Revoked) => Err(Problem::bad("this message is deleted already")),
    }
}

/// The message with other words; None where it has none. What it answers stays with it.
fn reworded(body: &Map<String, Value>, text: &str) -> Option<Map<String, Value>> {
    let kind = body.get("type")?.as_str()?;
    let words = match kind {
        "text" => "body",
        "image" | "video" | "document" => "caption",
        _ => return None,
    };
    let mut content = body.get(kind)?.as_object()?.clone();
    *content.get_mut(words)? = json!(text);
    let mut message = change(kind, Value::Object(content));
    if let Some(context) = body.get("context") {
        message.insert("context".to_owned(), context.clone());
    }
    Some(message)
}
