//! Webhook bodies in Meta's shape, with business-scoped user ids.

use serde_json::{Map, Value, json};

use crate::{
    account::Account,
    graph::error_text,
    guests::Profile,
    state::{Event, Inbound, Pricing, Sent, State, Status},
};

/// The `value` of a change that tells this one update.
pub(super) fn value(account: &Account, state: &State, event: &Event) -> Option<Value> {
    let (guest, key, update) = match event {
        Event::Status(sent, place) => {
            let profile = &state.guests.get(state.resolve(sent.guest))?.profile;
            (profile, "statuses", status(profile, sent, *place)?)
        }
        Event::Inbound(place) => {
            let message = state.inbound.get(*place)?;
            let profile = &state.guests.get(state.resolve(message.guest))?.profile;
            (profile, "messages", inbound(account, profile, message))
        }
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
    Some(value)
}

/// The whole body: each value is a change in an entry of its own.
pub(super) fn envelope(account: &Account, values: Vec<Value>) -> Value {
    let entries: Vec<Value> = values
        .into_iter()
        .map(|value| json!({"id": account.waba_id, "changes": [{"value": value, "field": "messages"}]}))
        .collect();
    json!({"object": "whatsapp_business_account", "entry": entries})
}

/// An account-level change: it names no number id.
pub(super) fn upgrade(account: &Account) -> Value {
    let value = json!({
        "display_phone_number": account.display_phone_number,
        "event": "THROUGHPUT_UPGRADE",
        "current_limit": "TIER_UNLIMITED",
        "max_daily_conversations_per_business": "TIER_UNLIMITED",
    });
    let changes = json!([{"value": value, "field": "phone_number_quality_update"}]);
    json!({"object": "whatsapp_business_account", "entry": [{"id": account.waba_id, "changes": changes}]})
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

fn inbound(account: &Account, guest: &Profile, message: &Inbound) -> Value {
    let mut body: Map<String, Value> = message.body.clone();
    if let Some(context) = body.get_mut("context").and_then(Value::as_object_mut) {
        context.entry("from").or_insert_with(|| json!(account.display_phone_number));
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
