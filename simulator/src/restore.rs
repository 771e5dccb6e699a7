//! From the journal to the state and back.

use std::{path::Path, sync::atomic::Ordering};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::{
    clock::SharedClock,
    guests::Profile,
    journal::{self, push_line},
    state::{Event, GuestId, Inbound, Line, NumberSettings, Sent, State},
    templates::{self, Template},
};

/// The tags of the journal's lines.
pub(crate) mod tag {
    pub(crate) const CLOCK: &str = "clock";
    pub(crate) const NUMBER: &str = "number";
    pub(crate) const CALLBACK: &str = "callback";
    pub(crate) const TEMPLATE: &str = "template";
    pub(crate) const GUEST: &str = "guest";
    pub(crate) const SENT: &str = "sent";
    pub(crate) const INBOUND: &str = "inbound";
    pub(crate) const TOLD_STATUS: &str = "told_status";
    pub(crate) const TOLD_INBOUND: &str = "told_inbound";
    pub(crate) const READ: &str = "read";
    pub(crate) const CLEARED: &str = "cleared";
}

/// Reads the journal into an empty state and queues the webhooks that nobody has answered 200 yet.
pub(crate) fn load(path: &Path, clock: &SharedClock, state: &mut State) -> std::io::Result<()> {
    let mut sent_ids = std::collections::HashMap::new();
    journal::read(path, |tag, data| {
        if apply(tag, data, clock, state).is_none() && !apply_sent(tag, data, state, &mut sent_ids) {
            tracing::warn!(tag, "a journal line was not understood");
        }
    })?;
    requeue(state);
    Ok(())
}

fn parse<T: DeserializeOwned>(data: &RawValue) -> Option<T> {
    T::deserialize(&mut serde_json::Deserializer::from_str(data.get())).ok()
}

fn apply(tag: &str, data: &RawValue, clock: &SharedClock, state: &mut State) -> Option<()> {
    match tag {
        tag::CLOCK => clock.set_offset_ms(parse(data)?),
        tag::NUMBER => state.number = parse::<NumberSettings>(data)?,
        tag::CALLBACK => state.callback = parse::<Option<String>>(data)?,
        tag::TEMPLATE => state.put_template(parse::<Template>(data)?),
        tag::GUEST => {
            let (id, profile): (GuestId, Profile) = parse(data)?;
            state.put_guest(id, profile);
        }
        tag::INBOUND => {
            state.add_inbound(parse::<Inbound>(data)?);
        }
        tag::TOLD_INBOUND => {
            let place: usize = parse(data)?;
            state.inbound.get(place)?.told.store(true, Ordering::Relaxed);
        }
        tag::READ => {
            state.mark_read(&parse::<String>(data)?);
        }
        tag::CLEARED => state.ledger_start = state.sent.len(),
        _ => return None,
    }
    Some(())
}

type SentPlaces = std::collections::HashMap<String, usize>;

fn apply_sent(tag: &str, data: &RawValue, state: &mut State, ids: &mut SentPlaces) -> bool {
    match tag {
        tag::SENT => {
            let Some(sent) = parse::<Sent>(data) else { return false };
            ids.insert(sent.id.clone(), state.sent.len());
            state.add_sent(sent);
            true
        }
        tag::TOLD_STATUS => {
            let Some((id, place)) = parse::<(String, usize)>(data) else { return false };
            let Some(sent) = ids.get(&id).and_then(|at| state.sent.get(*at)) else { return false };
            sent.mark_told(place);
            true
        }
        _ => false,
    }
}

fn requeue(state: &mut State) {
    let mut waiting = Vec::new();
    for sent in &state.sent {
        for (place, planned) in sent.plan.iter().enumerate().filter(|(place, _)| !sent.is_told(*place)) {
            waiting.push((sent.guest, planned.due, Event::Status(sent.clone(), place)));
        }
    }
    for (place, message) in state.inbound.iter().enumerate() {
        if !message.told.load(Ordering::Relaxed) {
            waiting.push((message.guest, message.due, Event::Inbound(place)));
        }
    }
    for (guest, due, event) in waiting {
        state.queue(guest, due, event);
    }
}

/// The state as journal lines: what [`load`] makes the same state of.
pub(crate) fn dump(clock: &SharedClock, state: &State) -> Vec<u8> {
    let mut lines = Vec::new();
    push_line(&mut lines, tag::CLOCK, &clock.offset_ms());
    push_line(&mut lines, tag::NUMBER, &state.number);
    push_line(&mut lines, tag::CALLBACK, &state.callback);
    // Those that nobody changed follow the code, which may have a newer text.
    let seeded = templates::seeded();
    for template in state.templates.iter().filter(|template| !seeded.contains(template)) {
        push_line(&mut lines, tag::TEMPLATE, template);
    }
    for (id, guest) in state.guests.iter().enumerate() {
        push_line(&mut lines, tag::GUEST, &(id, &guest.profile));
    }
    for line in &state.log {
        match *line {
            Line::Sent(place) => dump_sent(&mut lines, state, place),
            Line::Inbound(place) => {
                if let Some(message) = state.inbound.get(place) {
                    push_line(&mut lines, tag::INBOUND, message);
                }
            }
        }
    }
    if state.ledger_start == state.sent.len() && state.ledger_start > 0 {
        push_line(&mut lines, tag::CLEARED, &());
    }
    lines
}

fn dump_sent(lines: &mut Vec<u8>, state: &State, place: usize) {
    let Some(sent) = state.sent.get(place) else { return };
    if place == state.ledger_start && place > 0 {
        push_line(lines, tag::CLEARED, &());
    }
    push_line(lines, tag::SENT, sent.as_ref());
}
