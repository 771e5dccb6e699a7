//! Webhook bodies in Meta's shape, with business-scoped user ids.

use serde_json::{Map, Value, json};

use crate::{
    account::Account,
    graph::error_text,
    guests::Profile,
    queue::{Event, Notice},
    state::{Inbound, Pricing, Sent, State, Status},
};

/// The entry that tells this one update.
pub(super) fn entry(account: &Account, state: &State, event: &Event) -> Option<Value> {
    let (guest, key, update) = match event {
        Event::Status(sent, place) => {
            let profile = &state.guests.get(state.resolve(sent.guest))?.profile;
            (profile, "statuses", status(profile, sent, *place)?)
        }
        Event::Inbound(place) => {
            let message = state.inbound.get(*place)?;
            let profile = &state.guests.get(state.resolve(message.guest))?.profile;
            (profile, "messages", inbound(account, state, profile, message))
        }
        Event::Notice(place) => return Some(notice(account, state.notices.get(*place)?)),
    };
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": account.display_phone_number,
            "phone_number_id": account.phone_number_id,
        },
        "contacts": [contact(guest)],
    });
    value[key] = json!([update]);
    Some(json!({"id": account.waba_id, "changes": [{"value": value, "field": "messages"}]}))
}

/// A change of the account: it names no number id, and its entry has a time.
fn notice(account: &Account, notice: &Notice) -> Value {
    json!({
        "id": account.waba_id,
        "time": notice.at.div_euclid(1_000),
        "changes": [{"value": notice.value, "field": notice.field}],
    })
}

/// The whole body: each update is an entry of its own.
pub(super) fn envelope(entries: Vec<Value>) -> Value {
    json!({"object": "whatsapp_business_account", "entry": entries})
}

/// Field and value of the news that the number may send more from now on.
pub(crate) fn upgrade(account: &Account) -> (&'static str, Value) {
    let value = json!({
        "display_phone_number": account.display_phone_number,
        "event": "THROUGHPUT_UPGRADE",
        "current_limit": "TIER_UNLIMITED",
        "max_daily_conversations_per_business": "TIER_UNLIMITED",
    });
    ("phone_number_quality_update", value)
}

fn contact(guest: &Profile) -> Value {
    let mut contact = json!({"profile": {"name": guest.shown_name()}});
    if let Some(username) = &guest.username {
        contact["profile"]["username"] = json!(username);
    }
    put(&mut contact, "wa_id", guest.shown_wa_id());
    put(&mut contact, "user_id", guest.bsuid.as_deref());
    contact
}

fn put(object: &mut Value, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        object[key] = json!(text);
    }
}

fn status(guest: &Profile, sent: &Sent, place: usize) -> Option<Value> {
    let planned = sent.plan.get(place)?;
    let mut status = json!({
        "id": sent.id,
        "status": planned.status,
        "timestamp": seconds(planned.at),
    });
    put(&mut status, "recipient_id", guest.shown_wa_id());
    put(&mut status, "recipient_user_id", guest.bsuid.as_deref());
    put(&mut status, "biz_opaque_callback_data", sent.opaque.as_deref());
    if tells_price(sent, planned.status) {
        status["pricing"] = pricing(&sent.pricing);
    }
    if let Some(code) = planned.error {
        let (title, details) = error_text(code);
        status["errors"] = json!([{
            "code": code,
            "title": title,
            "message": title,
            "error_data": {"details": details},
            "href": "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes",
        }]);
    }
    Some(status)
}

/// The price comes with `sent` and with one of `delivered` and `read`.
fn tells_price(sent: &Sent, status: Status) -> bool {
    match status {
        Status::Sent | Status::Delivered => true,
        Status::Read => !sent.plan.iter().any(|planned| planned.status == Status::Delivered),
        Status::Failed => false,
    }
}

fn pricing(pricing: &Pricing) -> Value {
    json!({
        "billable": pricing.billable,
        "pricing_model": "PMP",
        "type": pricing.kind,
        "category": pricing.category,
    })
}

fn inbound(account: &Account, state: &State, guest: &Profile, message: &Inbound) -> Value {
    let mut body: Map<String, Value> = message.body.clone();
    if let Some(context) = body.get_mut("context").and_then(Value::as_object_mut) {
        // Guests quote themselves too.
        let quoted = context.get("id").and_then(Value::as_str);
        let own = quoted.is_some_and(|id| state.inbound_ids.contains_key(id));
        let author = if own { guest.shown_wa_id() } else { Some(account.display_phone_number.as_str()) };
        if let Some(author) = author {
            context.entry("from").or_insert_with(|| json!(author));
        }
    }
    let mut value = Value::Object(body);
    put(&mut value, "from", guest.shown_wa_id());
    put(&mut value, "from_user_id", guest.bsuid.as_deref());
    value["id"] = json!(message.id);
    value["timestamp"] = seconds(message.at);
    value
}

/// Timestamps are strings of whole seconds.
fn seconds(ms: i64) -> Value {
    json!(ms.div_euclid(1_000).to_string())
}
