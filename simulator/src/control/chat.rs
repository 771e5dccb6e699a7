//! A guest's chat as the phone shows it.

use std::{collections::HashMap, sync::atomic::Ordering};

use serde_json::{Map, Value, json};

use super::{
    Answer,
    guests::{find, shown},
};
use crate::{
    clock::system_ms,
    core::Core,
    revisions::Revision,
    state::{Line, Sent, State, Status},
};

/// What stands where a message was.
const DELETED: &str = "This message was deleted";

/// The chat as the guest's phone shows it, oldest first.
pub(super) fn chat(core: &Core, name: &str) -> Answer {
    let state = core.state();
    let id = find(&state, name)?;
    let Some(guest) = state.guests.get(id) else { return Ok(Value::Null) };
    let now = core.clock.now_ms();
    let revisions = state.revisions(id);
    let on_phone = guest.chat.iter().copied().filter(|one| is_on_phone(&state, *one));
    let data: Vec<Value> = on_phone.map(|one| whole_line(&state, one, &revisions, now)).collect();
    Ok(json!({"guest": shown(core, &state, id), "now": now, "data": data}))
}

/// Whether the guest's phone has this message: what was sent to a guest who blocks it has not come.
pub(super) fn is_on_phone(state: &State, line: Line) -> bool {
    match line {
        Line::Sent(place) => state.sent.get(place).is_some_and(|sent| !sent.unseen),
        Line::Inbound(_) => true,
    }
}

/// A message in short: who, what kind, its words.
pub(super) fn line(state: &State, line: Line) -> Value {
    match line {
        Line::Sent(place) => {
            let Some(sent) = state.sent.get(place) else { return Value::Null };
            let reached = sent.reached(system_ms());
            json!({
                "id": sent.id,
                "from": "business",
                "type": sent.kind,
                "text": sent.text,
                "at": sent.accepted_at,
                "status": reached.map_or(json!("accepted"), |status| json!(status)),
            })
        }
        Line::Inbound(place) => {
            let Some(message) = state.inbound.get(place) else { return Value::Null };
            let told = if message.told.load(Ordering::Relaxed) { Status::Delivered } else { Status::Sent };
            let status = if message.read.load(Ordering::Relaxed) { Status::Read } else { told };
            json!({
                "id": message.id,
                "from": "guest",
                "type": message.body.get("type"),
                "text": inbound_text(&message.body),
                "at": message.at,
                "status": status,
            })
        }
    }
}

/// A message with all that a phone draws of it.
fn whole_line(state: &State, place: Line, revisions: &HashMap<&str, Revision<'_>>, now: i64) -> Value {
    let (mut content, context) = match place {
        Line::Sent(at) => state.sent.get(at).map(|sent| sent_content(sent)).unwrap_or_default(),
        Line::Inbound(at) => state.inbound.get(at).map(|message| parts(&message.body)).unwrap_or_default(),
    };
    let mut shown = line(state, place);
    match shown["id"].as_str().and_then(|id| revisions.get(id)) {
        Some(Revision::Edited(body)) => {
            content = parts(body).0;
            shown["text"] = json!(inbound_text(body));
            shown["edited"] = json!(true);
        }
        Some(Revision::Revoked) => {
            content = Value::Null;
            shown["text"] = json!(DELETED);
            shown["revoked"] = json!(true);
        }
        None => {}
    }
    if let Some(media) = media_of(&content).and_then(|id| state.media.get(id)) {
        shown["media"] = json!({
            "id": media.id,
            "mime_type": media.mime_type,
            "file_size": media.file_size,
            "filename": media.filename,
            "expired": !media.lives(now),
        });
    }
    shown["content"] = content;
    if let Some(id) = context.get("message_id").or_else(|| context.get("id")) {
        shown["context"] = json!({"id": id});
    }
    shown
}

/// What stands under the message's type, and its context.
fn parts(body: &Map<String, Value>) -> (Value, Value) {
    let kind = body.get("type").and_then(Value::as_str).unwrap_or("text");
    let part = |key: &str| body.get(key).cloned().unwrap_or_default();
    (part(kind), part("context"))
}

/// Of a template the parts as they were filled in; of anything else what was sent.
fn sent_content(sent: &Sent) -> (Value, Value) {
    let body: Map<String, Value> = serde_json::from_str(sent.payload.get()).unwrap_or_default();
    let (content, context) = parts(&body);
    if sent.kind != "template" {
        return (content, context);
    }
    let shown = sent.shown.as_ref().and_then(|shown| serde_json::from_str(shown.get()).ok());
    (shown.unwrap_or_else(|| json!({"body": sent.text})), context)
}

/// The id of the media in a message, or in its header.
fn media_of(content: &Value) -> Option<&str> {
    let in_header = || {
        let header = content.get("header")?;
        header.get(header.get("type")?.as_str()?)?.get("id")
    };
    content.get("id").or_else(in_header)?.as_str()
}

/// What a chat shows of any message: its words, or what kind it is.
fn inbound_text(body: &Map<String, Value>) -> String {
    let kind = body.get("type").and_then(Value::as_str).unwrap_or("unknown");
    let content = body.get(kind);
    if kind == "revoke" {
        return DELETED.to_owned();
    }
    if let Some(message) = content.and_then(|content| content.get("message")?.as_object()) {
        return inbound_text(message);
    }
    let words = ["body", "caption", "emoji", "text", "name", "filename"];
    let own = words.iter().find_map(|key| content?.get(key)?.as_str());
    let chosen = || content?.get(content?.get("type")?.as_str()?)?.get("title")?.as_str();
    let card = || content?.get(0)?.get("name")?.get("formatted_name")?.as_str();
    own.or_else(chosen).or_else(card).map_or_else(|| format!("[{kind}]"), str::to_owned)
}
