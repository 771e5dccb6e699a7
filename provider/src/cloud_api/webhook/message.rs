//! `messages[]`: what a guest sent, or did to what they had sent.

use bellhop_domain::PhoneNumber;
use bellhop_domain::inbound::{
    InboundKind, InboundMessage, Item, NewIdentity, Revision, RevisionChange, Sender, Unreadable,
};
use serde::Deserialize;
use serde_json::Value;

use super::super::map::answer::digits;
use super::super::map::inbound::{self as map, Carried};
use super::super::wire::{inbound as wire, webhook::Contact};
use super::{person, time, unreadable};

pub(super) fn read(item: &Value, contacts: &[Contact]) -> Result<Item, Unreadable> {
    let what = format!("the message {}", item["id"].as_str().unwrap_or("without an id"));
    let bad = |why: &str| unreadable(&what, why);
    let message = wire::Message::deserialize(item).map_err(|_| bad("it is not an object"))?;
    if message.group_id.is_some() {
        return Ok(Item::Kept);
    }
    let wamid = message.id.clone().ok_or_else(|| bad("it has no id"))?;
    let word = message.kind.clone().ok_or_else(|| bad("it has no type"))?;
    let timestamp = time(message.timestamp).ok_or_else(|| bad("its timestamp is not one"))?;
    if let Some((original, change)) = revision(&word, item) {
        return Ok(Item::Revision(Revision { wamid, original, timestamp, change }));
    }
    let from = sender(&message, contacts);
    // Digits alone are nobody: such a sender could be neither found again nor answered.
    let is_number = from.wa_id.as_deref().is_some_and(|wa_id| PhoneNumber::from_wa_id(wa_id).is_ok());
    if !is_number && from.bsuid.is_none() {
        return Err(bad("it names no sender"));
    }
    let Carried { content, file } = map::content(&word, item);
    let kind = kind(&word);
    let moved = message.system.as_ref().and_then(new_identity);
    let origin = map::origin(message.context.as_ref(), message.referral);
    let reply_to = message.context.and_then(|context| context.id);
    let message = InboundMessage { wamid, from, timestamp, kind, content, reply_to, origin, file, moved };
    Ok(Item::Message(Box::new(message)))
}

/// Only what a guest writes, sends or taps is a message. Meta does not say whether anything else
/// opens the window; to take a closed one for open would cost a refused send.
fn kind(word: &str) -> InboundKind {
    match word {
        "text" | "image" | "video" | "audio" | "document" | "sticker" | "location" | "contacts"
        | "interactive" | "button" | "order" => InboundKind::Message,
        "reaction" => InboundKind::Reaction,
        "system" => InboundKind::System,
        // `unsupported`, `unknown`, `errors`, and kinds yet to come.
        _ => InboundKind::Unsupported,
    }
}

/// The message that is changed, and how. `None` for messages of their own, and for changes that do not say of
/// what: those are shown as what they are.
fn revision(word: &str, item: &Value) -> Option<(String, RevisionChange)> {
    match word {
        "edit" => {
            let edit = wire::Edit::deserialize(&item["edit"]).ok()?;
            let content = map::content(edit.message["type"].as_str()?, &edit.message).content;
            Some((edit.original_message_id, RevisionChange::Edit(Box::new(content))))
        }
        "revoke" => {
            let revoke = wire::Revoke::deserialize(&item["revoke"]).ok()?;
            Some((revoke.original_message_id, RevisionChange::Revoke))
        }
        _ => None,
    }
}

/// Who the guest is from now on. Source: Meta, webhooks, `system`; `new_wa_id` is the older word.
fn new_identity(system: &wire::System) -> Option<NewIdentity> {
    let wa_id = || system.wa_id.as_deref().or(system.new_wa_id.as_deref()).and_then(digits);
    let moved = match system.kind.as_deref()? {
        "user_changed_number" => NewIdentity { wa_id: wa_id(), bsuid: system.user_id.clone() },
        "user_changed_user_id" => NewIdentity { wa_id: None, bsuid: system.user_id.clone() },
        _ => return None,
    };
    (moved.wa_id.is_some() || moved.bsuid.is_some()).then_some(moved)
}

fn sender(message: &wire::Message, contacts: &[Contact]) -> Sender {
    let wa_id = message.from.as_deref().and_then(digits);
    let previous = message.system.as_ref().and_then(|system| system.previous_user_id.clone());
    let bsuid = message.from_user_id.clone().or(previous);
    person(wa_id, bsuid, contacts)
}
