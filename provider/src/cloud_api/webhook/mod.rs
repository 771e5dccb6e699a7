//! Webhooks into [`Change`]s. Every level is read on its own, so that what is broken in one place
//! is an error in that place only.

mod message;
mod preference;
mod template;

use bellhop_domain::inbound::{Change, DeliveryStatus, Item, Sender, StatusUpdate, Unreadable};
use bellhop_domain::pricing::Pricing;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::json;
use super::map::answer::digits;
use super::wire::webhook as wire;

/// The only `object` that speaks of WhatsApp; one app may get webhooks of other products too.
const OBJECT: &str = "whatsapp_business_account";
/// The `field` with guests' messages and our messages' statuses.
const MESSAGES: &str = "messages";
/// 9999-12-31T23:59:59Z: the last second that sorts as text, which is how SQLite compares times.
const LAST_SECOND: i64 = 253_402_300_799;

/// `why` never quotes a value: it is stored and logged, and values are what guests wrote.
fn unreadable(what: &str, why: impl ToString) -> Unreadable {
    Unreadable { what: what.to_owned(), why: why.to_string() }
}

pub(super) fn read(body: &[u8]) -> Result<Vec<Change>, Unreadable> {
    let mut body = json::parse(body).map_err(|error| unreadable("the webhook", error))?;
    match &body["object"] {
        Value::String(object) if object == OBJECT => {}
        _ => return Err(unreadable("the webhook", format!("its object is not {OBJECT}"))),
    }
    match body["entry"].take() {
        Value::Array(entries) => Ok(entries.into_iter().flat_map(entry).collect()),
        _ => Err(unreadable("the webhook", "it has no list of entries")),
    }
}

fn entry(mut entry: Value) -> Vec<Change> {
    let waba_id = json::as_text(&entry["id"]).unwrap_or_default();
    let time = json::as_integer(&entry["time"]);
    if let Some(changes) = entry.get_mut("changes").and_then(Value::as_array_mut) {
        let changes = std::mem::take(changes).into_iter();
        return changes.map(|raw| change(waba_id.clone(), time, raw)).collect();
    }
    let items = vec![Err(unreadable("the entry", "it has no list of changes"))];
    vec![Change { waba_id, phone_number_id: None, time, field: String::new(), raw: entry, items }]
}

fn change(waba_id: String, time: Option<i64>, raw: Value) -> Change {
    let field = raw["field"].as_str().unwrap_or_default().to_owned();
    let value = wire::ChangeValue::deserialize(&raw["value"]);
    let (phone_number_id, items) = match value {
        Err(_) => (None, vec![Err(unreadable("the change", "its value is not an object"))]),
        Ok(value) => {
            let contacts = value.contacts.unwrap_or_default();
            let items = if field == MESSAGES {
                items(&raw["value"], &contacts)
            } else if field == preference::FIELD {
                preference::read(&raw["value"], &contacts)
            } else {
                // All other fields concern the account; of these only templates are acted upon.
                vec![template::read(&field, &raw["value"]).unwrap_or(Ok(Item::Kept))]
            };
            (value.metadata.and_then(|metadata| metadata.phone_number_id), items)
        }
    };
    Change { waba_id, phone_number_id, time, field, raw, items }
}

fn items(value: &Value, contacts: &[wire::Contact]) -> Vec<Result<Item, Unreadable>> {
    let mut items = Vec::new();
    read_list(value, "messages", &mut items, |item| message::read(item, contacts));
    read_list(value, "statuses", &mut items, |item| status(item, contacts));
    if items.is_empty() {
        // Only `errors` of the account, echoes of the business's own app, or something new.
        items.push(Ok(Item::Kept));
    }
    items
}

fn read_list(
    value: &Value,
    name: &str,
    items: &mut Vec<Result<Item, Unreadable>>,
    read: impl Fn(&Value) -> Result<Item, Unreadable>,
) {
    match value.get(name) {
        Some(Value::Array(list)) => items.extend(list.iter().map(read)),
        None | Some(Value::Null) => {}
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            items.push(Err(unreadable(name, "it is not a list")));
        }
    }
}

/// Somebody whom an item names, with what the contacts beside it add.
fn person(wa_id: Option<String>, bsuid: Option<String>, contacts: &[wire::Contact]) -> Sender {
    let Some(contact) = contact(contacts, wa_id.as_deref(), bsuid.as_deref()) else {
        return Sender { wa_id, bsuid, username: None, name: None };
    };
    let profile = contact.profile.as_ref();
    Sender {
        wa_id: wa_id.or_else(|| contact.wa_id.as_deref().and_then(digits)),
        bsuid: bsuid.or_else(|| contact.user_id.clone()),
        username: profile.and_then(|p| p.username.clone()),
        name: profile.and_then(|p| p.name.clone()),
    }
}

/// The contact that is this person. One whose ids say otherwise never is: identities are joined on
/// what this returns.
fn contact<'a>(
    contacts: &'a [wire::Contact],
    wa_id: Option<&str>,
    bsuid: Option<&str>,
) -> Option<&'a wire::Contact> {
    let agree = |contact: &&wire::Contact| {
        let differ = |a: Option<&str>, b: Option<&str>| a.is_some() && b.is_some() && a != b;
        let theirs = contact.wa_id.as_deref().and_then(digits);
        !differ(theirs.as_deref(), wa_id) && !differ(contact.user_id.as_deref(), bsuid)
    };
    let named = |contact: &&wire::Contact| {
        let theirs = contact.wa_id.as_deref().and_then(digits);
        (wa_id.is_some() && theirs.as_deref() == wa_id)
            || (bsuid.is_some() && contact.user_id.as_deref() == bsuid)
    };
    contacts.iter().find(|c| named(c) && agree(c)).or_else(|| match contacts {
        [only] => Some(only).filter(agree),
        [] | [_, _, ..] => None,
    })
}

fn status(item: &Value, contacts: &[wire::Contact]) -> Result<Item, Unreadable> {
    let what = format!("the status of {}", item["id"].as_str().unwrap_or("a message without an id"));
    let bad = |why: &str| unreadable(&what, why);
    let status = wire::Status::deserialize(item).map_err(|_| bad("it is not an object"))?;
    if status.recipient_type.as_deref() == Some("group") {
        return Ok(Item::Kept);
    }
    let word = status.status.ok_or_else(|| bad("it has no status"))?;
    let Some(word) = delivery_status(&word) else { return Ok(Item::Kept) };
    let wamid = status.id.ok_or_else(|| bad("it has no id"))?;
    let timestamp = time(status.timestamp).ok_or_else(|| bad("its timestamp is not one"))?;
    let wa_id = status.recipient_id.as_deref().and_then(digits);
    let bsuid = status.recipient_user_id.or_else(|| {
        contact(contacts, wa_id.as_deref(), None).filter(|_| wa_id.is_some()).and_then(|c| c.user_id.clone())
    });
    let error = match word {
        DeliveryStatus::Failed => status.errors.unwrap_or_default().into_iter().find_map(Into::into),
        DeliveryStatus::Sent | DeliveryStatus::Delivered | DeliveryStatus::Read => None,
    };
    Ok(Item::Status(StatusUpdate {
        wamid,
        status: word,
        timestamp,
        attempt: status.biz_opaque_callback_data.and_then(|data| data.parse().ok()),
        wa_id,
        bsuid,
        error,
        pricing: status.pricing.and_then(pricing),
    }))
}

fn pricing(stated: wire::Pricing) -> Option<Pricing> {
    let wire::Pricing { billable, pricing_model, kind, category } = stated;
    Pricing::of(billable, pricing_model, kind, category)
}

/// `None` for words that say nothing of a message's way: `deleted` and `warning` of the old
/// on-premises API, and words yet to come.
fn delivery_status(word: &str) -> Option<DeliveryStatus> {
    match word {
        // A voice note that was played was delivered and seen.
        "played" => Some(DeliveryStatus::Read),
        word => word.parse().ok(),
    }
}

fn time(seconds: Option<i64>) -> Option<DateTime<Utc>> {
    let seconds = seconds.filter(|seconds| (0..=LAST_SECOND).contains(seconds))?;
    DateTime::from_timestamp(seconds, 0)
}
