//! Everything that a guest can send, content by content.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod common;

use bellhop_domain::content::Content;
use bellhop_domain::inbound::{InboundMessage, Item, Revision, RevisionChange};
use bellhop_domain::media::MediaRef;
use common::{items, json_file, own, read_json, shared, stem};
use serde_json::{Value, json};

fn envelope(message: &Value) -> Value {
    let contact = json!({"profile": {"name": "Ana"}, "wa_id": "15550002222", "user_id": "US.1"});
    let value = json!({"metadata": {"phone_number_id": "2"}, "contacts": [contact], "messages": [message]});
    json!({"object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]})
}

/// Everything that was read of an item, for comparison. Ids of ours are new each time.
fn says(item: Item) -> Value {
    match item {
        Item::Message(message) => message_says(*message),
        Item::Revision(Revision { original, change, .. }) => match change {
            RevisionChange::Edit(content) => json!({"edits": original, "content": plain(&content, None)}),
            RevisionChange::Revoke => json!({"revokes": original}),
        },
        other => panic!("{other:?}"),
    }
}

fn message_says(message: InboundMessage) -> Value {
    let media_id = message.file.as_ref().map(|file| file.media_id);
    let mut says = json!({
        "kind": format!("{:?}", message.kind),
        "content": plain(&message.content, media_id),
    });
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            says[name] = value;
        }
    };
    add("reply_to", message.reply_to.map(Value::from));
    add("origin", message.origin.map(|origin| json!(origin)));
    add("moved", message.moved.map(|to| json!({"wa_id": to.wa_id, "bsuid": to.bsuid})));
    let file = message.file.map(|file| {
        json!({"kind": file.kind, "provider_id": file.provider_id, "mime": file.mime, "sha256": file.sha256,
            "filename": file.filename, "url": file.url})
    });
    add("file", file);
    says
}

fn plain(content: &Content, media_id: Option<bellhop_domain::MediaId>) -> Value {
    let mut plain = json!(content);
    if let Some((_, MediaRef::MediaId(id))) = content.file() {
        assert!(media_id.is_none_or(|of_file| of_file == *id), "the content names the file that is fetched");
        plain["media_id"] = json!("ours");
    }
    // As it came, and long: only that it is whole.
    if let Content::Unsupported(item) = content {
        assert!(item.payload.is_object());
        plain.as_object_mut().unwrap().remove("payload");
    }
    plain
}

#[test]
fn every_type_says_what_the_guest_said() {
    for case in own("inbound.json").as_array().unwrap() {
        let mut message = case["message"].clone();
        for (key, value) in [
            ("from", json!("15550002222")),
            ("from_user_id", json!("US.1")),
            ("id", json!("wamid.IN")),
            ("timestamp", json!("1790000000")),
        ] {
            message.as_object_mut().unwrap().entry(key).or_insert(value);
        }
        let item = items(read_json(&envelope(&message))).remove(0);
        assert_eq!(says(item), case["says"], "{message}");
    }
}

/// A file of this folder that tells what each file of another one says.
fn compare(folder: &str, expected: &Value) {
    for path in shared(folder) {
        let (name, body) = (stem(&path), json_file(&path));
        let Some(expected) = expected.get(name) else {
            panic!("{name} is new: {:?}", items(read_json(&body)))
        };
        let said: Vec<Value> = items(read_json(&body))
            .into_iter()
            .map(|item| match item {
                Item::Kept => json!("kept"),
                Item::Status(status) => json!(format!("{} {}", status.wamid, status.status)),
                item => says(item),
            })
            .collect();
        assert_eq!(Value::from(said), *expected, "{name}");
        check_sender(name, &body);
    }
}

fn check_sender(name: &str, body: &Value) {
    let raw = &body["entry"][0]["changes"][0]["value"]["messages"][0];
    if let Some(Item::Message(message)) = items(read_json(body)).into_iter().next() {
        assert_eq!(message.wamid, raw["id"], "{name}");
        assert_eq!(message.timestamp.timestamp().to_string(), raw["timestamp"], "{name}");
        assert_eq!(message.from.wa_id.as_deref(), raw["from"].as_str(), "{name}");
        let bsuid = raw["from_user_id"].as_str().or(raw["system"]["previous_user_id"].as_str());
        assert_eq!(message.from.bsuid.as_deref(), bsuid, "{name}");
        assert_eq!(message.from.name.is_none(), raw["type"] == "system", "{name}");
    }
}

#[test]
fn every_synthetic_inbound_file() {
    compare("synthetic/inbound", &own("synthetic_inbound.json"));
}

#[test]
fn every_webhook_example_of_metas_openapi_file() {
    compare("facebook-openapi-v23/webhooks", &own("meta_inbound.json"));
}
