//! What guests choose about marketing, as webhooks tell it.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod common;

use bellhop_domain::inbound::{Choice, Item};
use common::read_json;
use serde_json::{Value, json};

fn webhook(preferences: &Value) -> Value {
    json!({"object": "whatsapp_business_account", "entry": [{"id": "700", "time": 1_790_000_000, "changes": [{
        "field": "user_preferences", "value": {
            "messaging_product": "whatsapp", "metadata": {"phone_number_id": "7001"},
            "contacts": [{"profile": {"name": "Noa"}, "wa_id": "972540000001", "user_id": "IL.71"}],
            "user_preferences": preferences}}]}]})
}

fn told(preferences: &Value) -> Vec<String> {
    let changes = read_json(&webhook(preferences));
    assert_eq!((changes.len(), changes[0].phone_number_id.as_deref()), (1, Some("7001")));
    let word = |item: &Result<Item, _>| match item {
        Ok(Item::Preference(told)) => {
            format!("{} {:?} {:?}", told.choice, told.from.wa_id.as_deref(), told.from.bsuid.as_deref())
        }
        Ok(Item::Kept) => "kept".into(),
        Ok(other) => panic!("{other:?}"),
        Err(error) => format!("{error}"),
    };
    changes[0].items.iter().map(word).collect()
}

#[test]
fn each_guest_is_found_by_number_or_by_user_id() {
    let one = |more: Value| {
        let mut one = json!({"category": "marketing_messages", "value": "stop", "timestamp": 1_790_000_001});
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one
    };
    let list = json!([
        one(json!({"wa_id": "972540000001"})),
        one(json!({"user_id": "IL.72", "value": "resume", "timestamp": "1790000002"})),
        one(json!({"wa_id": "972540000001", "value": "signup", "signup_id": "7"})),
        one(json!({"wa_id": "972540000001", "category": "order_updates"})),
        one(json!({"wa_id": "972540000001", "timestamp": null})),
        one(json!({"wa_id": "972540000001", "value": null})),
        7,
    ]);
    assert_eq!(
        told(&list),
        [
            "stop Some(\"972540000001\") Some(\"IL.71\")",
            "resume None Some(\"IL.72\")",
            "kept",
            "kept",
            "the preference of a guest cannot be read: its timestamp is not one",
            "the preference of a guest cannot be read: it has no value",
            "the preference of a guest cannot be read: it is not an object",
        ]
    );
    assert_eq!(told(&json!([])), ["kept"]);
    assert_eq!(told(&json!("x")), ["user_preferences cannot be read: it is not a list"]);
}

#[test]
fn nobody_is_guessed_where_nobody_is_named() {
    let nobody = json!([{"category": "marketing_messages", "value": "stop", "timestamp": 1}]);
    let mut body = webhook(&nobody);
    body["entry"][0]["changes"][0]["value"]["contacts"] = json!([]);
    let item = read_json(&body).remove(0).items.remove(0);
    assert!(item.unwrap_err().to_string().contains("it names nobody"));
    // Its own time counts, not that of the webhook.
    let item = read_json(&webhook(&nobody)).remove(0).items.remove(0).unwrap();
    let Item::Preference(told) = item else { panic!("{item:?}") };
    assert_eq!((told.choice, told.timestamp.timestamp()), (Choice::Stop, 1));
    assert_eq!(told.from.wa_id.as_deref(), Some("972540000001"), "the only contact is meant");
}
