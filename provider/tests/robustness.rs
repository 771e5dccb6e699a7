//! No bytes make the webhook parser panic.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod common;

use common::{own, read};
use proptest::prelude::*;
use serde_json::{Value, json};

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(Value::from),
        Just(json!("1790000000")),
        Just(json!("99999999999999999999")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop_oneof![Just("id".to_owned()), Just("body".to_owned()), any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(nodes).sum(),
        Value::Object(map) => map.values().map(nodes).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0usize,
    }
}

/// Puts `new` in place of the node with this number, counted depth first.
fn replace(value: &mut Value, number: &mut usize, new: &Value) {
    if *number == 0 {
        *value = new.clone();
        *number = usize::MAX;
        return;
    }
    *number -= 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(map) => map.values_mut().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for child in children {
        replace(child, number, new);
        if *number == usize::MAX {
            return;
        }
    }
}

fn sent(case: &Value) -> Value {
    let mut message = case["message"].clone();
    for (key, value) in [("from", "15550002222"), ("id", "wamid.IN"), ("timestamp", "1790000000")] {
        message[key] = json!(value);
    }
    message
}

/// Everything that is read of webhooks.
fn webhook() -> Value {
    let mut body = own("batch.json");
    let value = json!({"event": "REJECTED", "message_template_id": 168, "message_template_name": "welcome",
        "message_template_language": "en", "reason": "SCAM", "new_category": "UTILITY", "new_quality_score": "RED",
        "rejection_info": {"reason": "r", "recommendation": "r"}, "other_info": {"title": "t", "description": "d"}});
    let fields = [
        "message_template_status_update",
        "template_category_update",
        "message_template_quality_update",
        "message_template_components_update",
    ];
    let changes: Vec<Value> = fields.iter().map(|field| json!({"field": field, "value": value})).collect();
    body["entry"].as_array_mut().unwrap().push(json!({"id": "703", "changes": changes}));
    let messages: Vec<Value> = own("inbound.json").as_array().unwrap().iter().map(sent).collect();
    let guests = json!({"field": "messages", "value": {"messages": messages}});
    body["entry"].as_array_mut().unwrap().push(json!({"id": "704", "changes": [guests]}));
    body
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _: Result<_, _> = read(&bytes);
    }

    #[test]
    fn arbitrary_escapes(text in r#"\{"object":"whatsapp_business_account","entry":\[["\\ud8cDCu0aé,:]{0,40}\]\}"#) {
        let _: Result<_, _> = read(text.as_bytes());
    }

    #[test]
    fn a_webhook_with_random_nodes_replaced(spots in prop::collection::vec((any::<prop::sample::Index>(), any_value()), 1..6)) {
        let mut body = webhook();
        for (spot, new) in spots {
            let mut number = spot.index(nodes(&body));
            replace(&mut body, &mut number, &new);
        }
        if let Ok(changes) = read(body.to_string().as_bytes()) {
            let entries = body["entry"].as_array().unwrap();
            let count = |entry: &Value| entry["changes"].as_array().map_or(1, Vec::len);
            prop_assert_eq!(changes.len(), entries.iter().map(count).sum::<usize>());
            // Nothing that was there is passed over in silence.
            prop_assert!(changes.iter().all(|change| !change.items.is_empty()));
        }
    }

    #[test]
    fn a_webhook_with_bytes_changed(spots in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut body = webhook().to_string().into_bytes();
        for (spot, byte) in spots {
            let at = spot.index(body.len());
            body[at] = byte;
        }
        let _: Result<_, _> = read(&body);
    }
}
