//! From the journal to the state and back.

use std::{path::Path, sync::atomic::Ordering};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::{
    clock::SharedClock,
    guests::Profile,
    journal::{self, push_line},
    media::Media,
    profile::NumberProfile,
    queue::{Event, Notice, Owner},
    state::{GuestId, Inbound, Line, NumberSettings, Sent, State},
    templates::{self, Gone, Reviews, Template},
};

/// The tags of the journal's lines.
pub(crate) mod tag {
    pub(crate) const TOKEN: &str = "access_token";
    pub(crate) const CLOCK: &str = "clock";
    pub(crate) const NUMBER: &str = "number";
    pub(crate) const CALLBACK: &str = "callback";
    pub(crate) const TEMPLATE: &str = "template";
    pub(crate) const TEMPLATE_GONE: &str = "template_gone";
    pub(crate) const REVIEWS: &str = "reviews";
    pub(crate) const PROFILE: &str = "profile";
    pub(crate) const MEDIA: &str = "media";
    pub(crate) const NOTICE: &str = "notice";
    pub(crate) const TOLD_NOTICE: &str = "told_notice";
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
    let now = clock.now_ms();
    state.media.retain(|_, media| media.lives(now));
    // A journal counts its notices from the first one, and the next one starts with these.
    state.notices.retain(|notice| !notice.is_told());
    requeue(state);
    Ok(())
}

fn parse<T: DeserializeOwned>(data: &RawValue) -> Option<T> {
    T::deserialize(&mut serde_json::Deserializer::from_str(data.get())).ok()
}

fn apply(tag: &str, data: &RawValue, clock: &SharedClock, state: &mut State) -> Option<()> {
    match tag {
        tag::CLOCK => clock.set_offset_ms(parse(data)?),
        tag::TOKEN => state.tokens.push(parse::<String>(data)?),
        tag::NUMBER => state.number = parse::<NumberSettings>(data)?,
        tag::CALLBACK => state.callback = parse::<Option<String>>(data)?,
        tag::TEMPLATE => put_template(state, parse::<Template>(data)?),
        tag::TEMPLATE_GONE => state.remove_template(parse::<Gone>(data)?),
        tag::REVIEWS => state.reviews = parse::<Reviews>(data)?,
        tag::PROFILE => state.profile = parse::<NumberProfile>(data)?,
        tag::MEDIA => {
            let media: Media = parse(data)?;
            state.media.insert(media.id.clone(), media);
        }
        tag::NOTICE => state.notices.push(parse::<Notice>(data)?),
        tag::TOLD_NOTICE => {
            let place: usize = parse(data)?;
            state.notices.get(place)?.told.store(true, Ordering::Relaxed);
        }
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

/// A newer version may have seeded another template under the id that this one was given.
fn put_template(state: &mut State, mut template: Template) {
    let taken = |known: &Template| {
        known.id == template.id && (known.name != template.name || known.language != template.language)
    };
    if state.templates.iter().any(taken) {
        template.id = state.fresh_template_id();
    }
    state.put_template(template);
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
            waiting.push((Owner::Guest(sent.guest), planned.due, Event::Status(sent.clone(), place)));
        }
    }
    for (place, message) in state.inbound.iter().enumerate() {
        if !message.told.load(Ordering::Relaxed) {
            waiting.push((Owner::Guest(message.guest), message.due, Event::Inbound(place)));
        }
    }
    for (place, notice) in state.notices.iter().enumerate() {
        waiting.push((notice.owner(), notice.due, Event::Notice(place)));
    }
    for (owner, due, event) in waiting {
        state.queue(owner, due, event);
    }
}

/// The state as journal lines: what [`load`] makes the same state of.
pub(crate) fn dump(clock: &SharedClock, state: &State) -> Vec<u8> {
    let mut lines = Vec::new();
    push_line(&mut lines, tag::CLOCK, &clock.offset_ms());
    for token in &state.tokens {
        push_line(&mut lines, tag::TOKEN, token);
    }
    push_line(&mut lines, tag::NUMBER, &state.number);
    push_line(&mut lines, tag::CALLBACK, &state.callback);
    push_line(&mut lines, tag::PROFILE, &state.profile);
    push_line(&mut lines, tag::REVIEWS, &state.reviews);
    // Those that nobody changed follow the code, which may have a newer text.
    let seeded = templates::seeded();
    for template in state.templates.iter().filter(|template| !seeded.contains(template)) {
        push_line(&mut lines, tag::TEMPLATE, template);
    }
    for gone in &state.gone_templates {
        push_line(&mut lines, tag::TEMPLATE_GONE, gone);
    }
    for media in state.media.values() {
        push_line(&mut lines, tag::MEDIA, media);
    }
    for notice in &state.notices {
        push_line(&mut lines, tag::NOTICE, notice);
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
