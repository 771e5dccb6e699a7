//! Webhook bodies in Meta's shape, with business-scoped user ids.

use serde_json::{Map, Value, json};

use crate::{
    account::Account,
    graph::error_text,
    guests::{Ids, Profile},
    queue::{Event, Notice},
    state::{Inbound, Pricing, Sent, State, Status},
};

/// The entry that tells this one update.
pub(super) fn entry(account: &Account, state: &State, event: &Event) -> Option<Value> {
    let mut value = metadata(account);
    match event {
        Event::Status(sent, place) => {
            let profile = &state.guests.get(state.resolve(sent.guest))?.profile;
            let ids = profile.ids();
            value["contacts"] = json!([contact(profile, &ids)]);
            value["statuses"] = json!([status(&ids, sent, *place)?]);
        }
        Event::Inbound(place) => {
            let message = state.inbound.get(*place)?;
            let profile = &state.guests.get(state.resolve(message.guest))?.profile;
            let ids = message.ids.clone().unwrap_or_else(|| profile.ids());
            if !is_change_of_identity(message) {
                value["contacts"] = json!([contact(profile, &ids)]);
            }
            value["messages"] = json!([inbound(account, state, &ids, message)]);
        }
        Event::Notice(place) => return Some(notice(account, state.notices.get(*place)?)),
    }
    Some(json!({"id": account.waba_id, "changes": [{"value": value, "field": "messages"}]}))
}

fn metadata(account: &Account) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": account.display_phone_number,
            "phone_number_id": account.phone_number_id,
        },
    })
}

/// A new number or user id is told without `contacts`: the name belongs to neither of the two.
fn is_change_of_identity(message: &Inbound) -> bool {
    let kind = message.body.get("system").and_then(|system| system.get("type")).and_then(Value::as_str);
    matches!(kind, Some("user_changed_number" | "user_changed_user_id"))
}

/// A change of the account has a time at its entry, and what a guest wants has one of its own.
fn notice(account: &Account, notice: &Notice) -> Value {
    let mut entry = json!({
        "id": account.waba_id,
        "changes": [{"value": notice.value, "field": notice.field}],
    });
    if notice.guest.is_none() {
        entry["time"] = json!(notice.at.div_euclid(1_000));
    }
    entry
}

/// Field and value of the news that a guest stopped the business's marketing, or takes it again. `at` is
/// in simulated Unix milliseconds; the webhook's timestamp is a number here, and a string everywhere else.
pub(crate) fn preference(account: &Account, guest: &Profile, at: i64) -> (&'static str, Value) {
    let choice = if guest.stopped_marketing { "stop" } else { "resume" };
    let ids = guest.ids();
    let mut preference = json!({
        "detail": format!("User requested to {choice} marketing messages"),
        "category": "marketing_messages",
        "value": choice,
        "timestamp": at.div_euclid(1_000),
    });
    match &ids.wa_id {
        Some(wa_id) => preference["wa_id"] = json!(wa_id),
        None => put(&mut preference, "user_id", ids.user_id.as_deref()),
    }
    let mut value = metadata(account);
    value["contacts"] = json!([contact(guest, &ids)]);
    value["user_preferences"] = json!([preference]);
    ("user_preferences", value)
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

fn contact(guest: &Profile, ids: &Ids) -> Value {
    let mut contact = json!({"profile": {"name": guest.shown_name()}});
    if let Some(username) = &guest.username {
        contact["profile"]["username"] = json!(username);
    }
    put(&mut contact, "wa_id", ids.wa_id.as_deref());
    put(&mut contact, "user_id", ids.user_id.as_deref());
    contact
}

fn put(object: &mut Value, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        object[key] = json!(text);
    }
}

fn status(ids: &Ids, sent: &Sent, place: usize) -> Option<Value> {
    let planned = sent.plan.get(place)?;
    let mut status = json!({
        "id": sent.id,
        "status": planned.status,
        "timestamp": seconds(planned.at),
    });
    put(&mut status, "recipient_id", ids.wa_id.as_deref());
    put(&mut status, "recipient_user_id", ids.user_id.as_deref());
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

fn inbound(account: &Account, state: &State, ids: &Ids, message: &Inbound) -> Value {
    let mut body: Map<String, Value> = message.body.clone();
    let context = body.get_mut("context").and_then(Value::as_object_mut);
    // One without an id says something else: that the message was forwarded, say.
    if let Some(context) = context.filter(|context| context.contains_key("id")) {
        // Guests quote themselves too.
        let quoted = context.get("id").and_then(Value::as_str);
        let own = quoted.is_some_and(|id| state.inbound_ids.contains_key(id));
        let author = if own { ids.wa_id.as_deref() } else { Some(account.display_phone_number.as_str()) };
        if let Some(author) = author {
            context.entry("from").or_insert_with(|| json!(author));
        }
    }
    let mut value = Value::Object(body);
    put(&mut value, "from", ids.wa_id.as_deref());
    put(&mut value, "from_user_id", ids.user_id.as_deref());
    value["id"] = json!(message.id);
    value["timestamp"] = seconds(message.at);
    value
}

/// Timestamps are strings of whole seconds.
fn seconds(ms: i64) -> Value {
    json!(ms.div_euclid(1_000).to_string())
}
