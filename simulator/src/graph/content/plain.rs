//! Texts, locations, contacts and reactions.

use serde_json::Value;

use super::{At, Content, Scene, emoji::is_emoji};
use crate::{graph::GraphError, state::Line};

const TEXT_LIMIT: usize = 4_096;
const CONTACTS_LIMIT: usize = 257;
/// WhatsApp takes reactions to messages of the last 30 days.
const REACTION_AGE_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

pub(super) fn text(_: &Scene<'_>, at: &At<'_>) -> Result<Content, GraphError> {
    let Some(text) = at.value.get("body").and_then(Value::as_str) else {
        return Err(GraphError::missing("text['body']"));
    };
    if let Some(preview) = at.get("preview_url") {
        preview.flag()?;
    }
    match text.chars().count() {
        1..=TEXT_LIMIT if !text.trim().is_empty() => Ok(Content::free("text", text)),
        length => Err(GraphError::new(
            100,
            format!(
                "Param text['body'] must be at most {TEXT_LIMIT} characters long and not blank; it has {length}"
            ),
        )),
    }
}

pub(super) fn location(_: &Scene<'_>, at: &At<'_>) -> Result<Content, GraphError> {
    check_location(at)?;
    let text = |key: &str| at.value.get(key).and_then(Value::as_str);
    Ok(Content::free("location", text("name").or(text("address")).unwrap_or("[location]")))
}

/// Coordinates are numbers, or strings of numbers as some clients write them.
pub(crate) fn check_location(at: &At<'_>) -> Result<(), GraphError> {
    for (key, most) in [("latitude", 90.0), ("longitude", 180.0)] {
        let Some(place) = at.get(key) else {
            return Err(at.refuse_with(131_008, &format!("is missing its {key}")));
        };
        let degrees = match place.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        if !degrees.is_some_and(|degrees: f64| degrees.abs() <= most) {
            return Err(place.refuse(&format!("must be a number from -{most} to {most}")));
        }
    }
    for key in ["name", "address"] {
        if let Some(place) = at.get(key) {
            place.string()?;
        }
    }
    Ok(())
}

pub(super) fn contacts(_: &Scene<'_>, at: &At<'_>) -> Result<Content, GraphError> {
    let mut names = Vec::new();
    for contact in at.items(1, CONTACTS_LIMIT)? {
        let name = contact.get("name").and_then(|name| name.get("formatted_name"));
        let Some(name) = name else {
            return Err(contact.refuse_with(131_008, "is missing its name['formatted_name']"));
        };
        names.push(name.text(usize::MAX)?);
    }
    Ok(Content::free("contacts", names.join(", ")))
}

/// An empty emoji takes the reaction back.
pub(super) fn reaction(scene: &Scene<'_>, at: &At<'_>) -> Result<Content, GraphError> {
    let Some(id) = at.get("message_id") else { return Err(GraphError::missing("reaction['message_id']")) };
    let Some(emoji) = at.get("emoji") else { return Err(GraphError::missing("reaction['emoji']")) };
    let shown = emoji.string()?;
    if !shown.is_empty() && !is_emoji(shown) {
        return Err(emoji.refuse("must be one emoji, or empty"));
    }
    let (written, is_reaction) = match scene.message(id.string()?) {
        Some(Line::Sent(place)) => {
            scene.state.sent.get(place).map_or((0, false), |sent| (sent.accepted_at, sent.kind == "reaction"))
        }
        Some(Line::Inbound(place)) => scene.state.inbound.get(place).map_or((0, false), |message| {
            (message.at, message.body.get("type").is_some_and(|kind| kind == "reaction"))
        }),
        None => return Err(id.refuse("is not a message of this chat")),
    };
    if is_reaction {
        return Err(id.refuse("is a reaction itself"));
    }
    if scene.now.saturating_sub(written) > REACTION_AGE_MS {
        return Err(id.refuse("is a message of more than 30 days ago"));
    }
    Ok(Content::free("reaction", shown))
}
