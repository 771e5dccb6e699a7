//! What guests choose about a business's marketing in WhatsApp itself.

use bellhop_domain::PhoneNumber;
use bellhop_domain::inbound::{Item, Preference, Unreadable};
use serde::Deserialize;
use serde_json::Value;

use super::super::map::answer::digits;
use super::super::wire::webhook as wire;
use super::{person, read_list, time, unreadable};

/// The `field` that brings them.
pub(super) const FIELD: &str = "user_preferences";
/// The only category that there is; another would be about something else.
const MARKETING: &str = "marketing_messages";

pub(super) fn read(value: &Value, contacts: &[wire::Contact]) -> Vec<Result<Item, Unreadable>> {
    let mut items = Vec::new();
    read_list(value, FIELD, &mut items, |item| preference(item, contacts));
    if items.is_empty() {
        items.push(Ok(Item::Kept));
    }
    items
}

fn preference(item: &Value, contacts: &[wire::Contact]) -> Result<Item, Unreadable> {
    let bad = |why: &str| unreadable("the preference of a guest", why);
    let given = wire::UserPreference::deserialize(item).map_err(|_| bad("it is not an object"))?;
    if given.category.as_deref() != Some(MARKETING) {
        return Ok(Item::Kept);
    }
    let choice = given.value.ok_or_else(|| bad("it has no value"))?;
    // `signup`, and words yet to come: they say something else than stop and resume.
    let Ok(choice) = choice.parse() else { return Ok(Item::Kept) };
    let from = person(given.wa_id.as_deref().and_then(digits), given.user_id, contacts);
    let is_number = from.wa_id.as_deref().is_some_and(|wa_id| PhoneNumber::from_wa_id(wa_id).is_ok());
    if !is_number && from.bsuid.is_none() {
        return Err(bad("it names nobody"));
    }
    let timestamp = time(given.timestamp).ok_or_else(|| bad("its timestamp is not one"))?;
    Ok(Item::Preference(Preference { from, choice, timestamp, detail: given.detail }))
}
