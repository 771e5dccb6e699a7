//! What became of a guest's messages afterwards: edited, or deleted for everyone.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::state::{GuestId, Inbound, Line, State};

#[derive(Clone, Copy)]
pub(crate) enum Revision<'a> {
    /// The message as it reads now, in Meta's shape.
    Edited(&'a Map<String, Value>),
    Revoked,
}

impl State {
    /// By the message's id. Of several edits the newest counts, and nothing brings a deleted message back.
    pub(crate) fn revisions(&self, guest: GuestId) -> HashMap<&str, Revision<'_>> {
        let mut revisions = HashMap::new();
        let chat = self.guests.get(guest).map(|guest| guest.chat.as_slice()).unwrap_or_default();
        let written = chat.iter().filter_map(|line| match *line {
            Line::Inbound(place) => self.inbound.get(place),
            Line::Sent(_) => None,
        });
        for (id, revision) in written.filter_map(revision) {
            if !matches!(revisions.get(id), Some(Revision::Revoked)) {
                revisions.insert(id, revision);
            }
        }
        revisions
    }
}

/// Which message this one changes, and how; None: it changes none.
fn revision(message: &Inbound) -> Option<(&str, Revision<'_>)> {
    let kind = message.body.get("type")?.as_str()?;
    let content = message.body.get(kind)?;
    let id = || content.get("original_message_id")?.as_str();
    match kind {
        "edit" => Some((id()?, Revision::Edited(content.get("message")?.as_object()?))),
        "revoke" => Some((id()?, Revision::Revoked)),
        _ => None,
    }
}
