//! The webhook parser against whole payloads.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod common;

use bellhop_domain::Content;
use bellhop_domain::inbound::{DeliveryStatus, InboundKind, Item, Sender};
use chrono::DateTime;
use common::{attempt, items, json_file, message, own, read, read_json, shared, status, stem};
use serde_json::{Value, json};

fn envelope(value: &Value) -> Value {
    json!({"object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]})
}

#[test]
fn a_broken_part_does_not_hold_up_its_neighbours() {
    let body = own("batch.json");
    let changes = read_json(&body);
    let of = |i: usize| {
        (changes[i].waba_id.as_str(), changes[i].phone_number_id.as_deref(), changes[i].field.as_str())
    };
    assert_eq!(changes.len(), 5);
    assert_eq!(of(0), ("700", Some("7001"), "messages"));
    assert_eq!(of(1), ("700", None, "account_update"));
    assert_eq!(of(2), ("700", None, "messages"));
    assert_eq!(of(3), ("701", None, ""));
    assert_eq!(of(4), ("702", Some("7002"), "messages"));
    assert_eq!(changes[0].raw, body["entry"][0]["changes"][0]);
    assert_eq!(changes[3].raw, body["entry"][1]);
    let kinds: Vec<String> = changes
        .iter()
        .flat_map(|change| &change.items)
        .map(|item| match item {
            Ok(Item::Message(m)) => m.wamid.clone(),
            Ok(Item::Revision(r)) => format!("{} of {}", r.wamid, r.original),
            Ok(Item::Status(s)) => format!("{} {}", s.wamid, s.status),
            Ok(Item::Template(news)) => format!("{} {:?}", news.name, news.change),
            Ok(Item::Preference(preference)) => preference.choice.to_string(),
            Ok(Item::Kept) => "kept".into(),
            Err(error) => error.to_string(),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "wamid.OWN1",
            "the message without an id cannot be read: it has no id",
            "wamid.OWN2",
            "the message without an id cannot be read: it is not an object",
            "wamid.OWN3",
            "kept",
            "wamid.OUT2 delivered",
            "the status of wamid.OUT3 cannot be read: its timestamp is not one",
            "kept",
            "kept",
            "wamid.OUT6 failed",
            "kept",
            "the change cannot be read: its value is not an object",
            "the entry cannot be read: it has no list of changes",
            "kept",
        ]
    );
}

#[test]
fn what_the_readable_parts_say() {
    let mut first = read_json(&own("batch.json")).swap_remove(0).items.into_iter().filter_map(Result::ok);
    let one = message(first.next().unwrap());
    assert_eq!(one.content.summary(), "שלום 👋");
    assert_eq!(one.timestamp, DateTime::from_timestamp(1_790_000_001, 0).unwrap());
    let noa = Sender {
        wa_id: Some("972540000001".into()),
        bsuid: Some("IL.71".into()),
        username: None,
        name: Some("Noa".into()),
    };
    assert_eq!(one.from, noa);
    let hidden = message(first.next().unwrap());
    assert_eq!(hidden.content.summary(), "", "an empty text is a text");
    assert_eq!(hidden.from.wa_id, None);
    assert_eq!(hidden.from.bsuid.as_deref(), Some("IL.72"));
    assert_eq!(hidden.from.username.as_deref(), Some("quiet"));
    let new = message(first.next().unwrap());
    assert_eq!(new.kind, InboundKind::Unsupported);
    assert_eq!(new.reply_to.as_deref(), Some("wamid.OUT1"));
    assert_eq!(new.from, noa, "the contact adds what the message left out");
    match &new.content {
        Content::Unsupported(item) => {
            assert_eq!(
                (item.original_type.as_str(), &item.payload["hologram"]["id"]),
                ("hologram", &json!("9"))
            );
        }
        other => panic!("{other:?}"),
    }
    let delivered = status(first.find(|item| matches!(item, Item::Status(_))).unwrap());
    assert_eq!(
        (delivered.wa_id.as_deref(), delivered.bsuid.as_deref()),
        (Some("972540000001"), Some("IL.71"))
    );
    let failed = status(first.find(|item| matches!(item, Item::Status(_))).unwrap());
    assert_eq!((failed.wa_id, failed.bsuid.as_deref()), (None, Some("IL.72")));
    let error = failed.error.unwrap();
    assert_eq!(
        (error.code, error.title.as_str(), error.details.as_deref()),
        (131_026, "Message undeliverable", Some("not on WhatsApp"))
    );
    assert_eq!((error.http_status, error.is_transient), (None, false));
}

#[test]
fn only_our_own_echo_is_an_attempt() {
    let ours = attempt();
    for (data, expected) in [
        (json!(ours.to_string()), Some(ours)),
        (json!("order=42;try=1"), None),
        (json!(7), None),
        (json!({}), None),
    ] {
        let body = envelope(
            &json!({"statuses": [{"id": "wamid.A", "status": "sent", "timestamp": "1", "biz_opaque_callback_data": data}]}),
        );
        assert_eq!(status(items(read_json(&body)).remove(0)).attempt, expected, "{data}");
    }
}

#[test]
fn identities_that_contradict_each_other_are_not_joined() {
    let text = json!({"id": "wamid.A", "timestamp": "1", "type": "text", "text": {"body": "x"}});
    let sender = |ids: Value, contacts: Value| {
        let mut item = text.clone();
        item.as_object_mut().unwrap().extend(ids.as_object().unwrap().clone());
        message(items(read_json(&envelope(&json!({"contacts": contacts, "messages": [item]})))).remove(0))
            .from
    };
    let other = json!([{"profile": {"name": "Bo"}, "wa_id": "16500000222", "user_id": "US.2"}]);
    let alone = Sender { wa_id: Some("16500000111".into()), ..Sender::default() };
    assert_eq!(sender(json!({"from": "16500000111"}), other.clone()), alone);
    assert_eq!(sender(json!({"from": "16500000222", "from_user_id": "US.9"}), other.clone()).name, None);
    assert_eq!(sender(json!({"from": "+16500000222"}), other.clone()).bsuid.as_deref(), Some("US.2"));
    assert_eq!(sender(json!({"from": 16_500_000_222_u64}), other.clone()).bsuid.as_deref(), Some("US.2"));
    assert_eq!(
        sender(json!({}), other).wa_id.as_deref(),
        Some("16500000222"),
        "the only contact is the sender"
    );
    let two = json!([{"wa_id": "16500000222"}, {"wa_id": "16500000333"}]);
    assert!(read_json(&envelope(&json!({"contacts": two, "messages": [text]})))[0].items[0].is_err());
    assert_eq!(sender(json!({"from": "16500000111"}), json!("broken")), alone);
}

#[test]
fn a_body_that_is_no_webhook_is_an_error() {
    let good = own("batch.json").to_string();
    let trailing = format!("{good} x");
    for body in [
        "",
        "null",
        "[]",
        "{",
        "{}",
        r#"{"object":"page","entry":[]}"#,
        r#"{"object":"whatsapp_business_account"}"#,
        r#"{"object":"whatsapp_business_account","entry":{}}"#,
        &trailing,
        &good[..good.len() - 1],
        &"[".repeat(100_000),
    ] {
        assert!(read(body.as_bytes()).is_err(), "{}", &body[..body.len().min(60)]);
    }
    assert!(read(br#"{"object":"whatsapp_business_account","entry":[]}"#).unwrap().is_empty());
}

#[test]
fn texts_that_no_database_takes_are_mended() {
    let body = br#"{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"messages":[
        {"from":"16500000111","id":"wamid.A","timestamp":"1","type":"text","text":{"body":"a\u0000b\ud83d"}}]}}]}]}"#;
    let changes = read(body).unwrap();
    assert_eq!(changes[0].raw["value"]["messages"][0]["text"]["body"], "a\u{FFFD}b\u{FFFD}");
    assert_eq!(message(items(changes).remove(0)).content.summary(), "a\u{FFFD}b\u{FFFD}");
}

#[test]
fn every_synthetic_status_file() {
    for path in shared("synthetic/statuses") {
        let (name, body) = (stem(&path), json_file(&path));
        let posts = body.as_array().cloned().unwrap_or_else(|| vec![body.clone()]);
        let words: Vec<String> = posts
            .iter()
            .flat_map(|post| {
                let raw = &post["entry"][0]["changes"][0]["value"]["statuses"][0];
                items(read_json(post))
                    .into_iter()
                    .map(|item| check_status(name, item, raw))
                    .collect::<Vec<_>>()
            })
            .collect();
        let expected = match name {
            "group-status" => "kept",
            "played-voice" => "read",
            "sequence-out-of-order-and-duplicate" => "delivered sent read delivered",
            "sequence-read-without-delivered" => "sent read",
            name => name.split('-').next().unwrap(),
        };
        assert_eq!(words.join(" "), expected, "{name}");
    }
}

fn check_status(name: &str, item: Item, raw: &Value) -> String {
    let update = match item {
        Item::Status(update) => update,
        Item::Kept => return "kept".into(),
        other @ (Item::Message(_) | Item::Revision(_) | Item::Template(_) | Item::Preference(_)) => {
            panic!("{name}: {other:?}")
        }
    };
    assert_eq!(update.wamid, raw["id"], "{name}");
    assert_eq!(update.wa_id.as_deref(), Some("15550002222"), "{name}");
    assert_eq!(update.bsuid.as_deref(), raw["recipient_user_id"].as_str(), "{name}");
    assert_eq!(update.timestamp.timestamp().to_string(), raw["timestamp"], "{name}");
    assert_eq!(update.attempt, None, "{name}");
    let pricing = update.pricing.map(|pricing| serde_json::to_value(pricing).unwrap());
    assert_eq!(pricing.as_ref(), raw.get("pricing"), "{name}");
    assert_eq!(update.error.is_some(), update.status == DeliveryStatus::Failed, "{name}");
    if let Some(error) = update.error {
        assert_eq!(name, format!("failed-{}", error.code));
        assert!(error.is_known(), "{name}");
        assert_eq!(error.title, raw["errors"][0]["title"], "{name}");
        assert_eq!(error.details.as_deref(), raw["errors"][0]["error_data"]["details"].as_str(), "{name}");
    }
    update.status.to_string()
}

#[test]
fn every_synthetic_account_file_is_kept_but_those_of_templates_and_guests() {
    for path in shared("synthetic/account") {
        let changes = read_json(&json_file(&path));
        assert_eq!(changes.len(), 1);
        assert_ne!(changes[0].field, "messages");
        let of_guest = stem(&path).starts_with("user-preferences");
        assert_eq!(changes[0].phone_number_id.is_some(), of_guest, "{}", stem(&path));
        let of_template = stem(&path).starts_with("template-");
        match &items(changes)[..] {
            [Item::Kept] => assert!(!of_template && !of_guest, "{}", stem(&path)),
            [Item::Template(_)] => assert!(of_template, "{}", stem(&path)),
            [Item::Preference(preference)] => {
                assert_eq!(format!("user-preferences-{}", preference.choice), stem(&path));
                assert_eq!(preference.from.wa_id.as_deref(), Some("15550002222"));
                assert_eq!(preference.from.bsuid.as_deref(), Some("US.10000000000000000001"));
                assert_eq!(preference.timestamp.timestamp(), 1_790_420_400);
                let detail = format!("User requested to {} marketing messages", preference.choice);
                assert_eq!(preference.detail, Some(detail));
            }
            other => panic!("{}: {other:?}", stem(&path)),
        }
    }
}

/// Digits that are no number would be a guest whom nobody finds again: kept with an error, and its neighbour applied.
#[test]
fn a_sender_that_is_no_number_is_nobody() {
    for from in ["5", "0", "123456", "0012345", "1234567890123456"] {
        let said = |from: &str, id: &str| json!({"from": from, "id": id, "timestamp": "1750000000", "type": "text", "text": {"body": "hi"}});
        let mut messages = vec![said(from, "wamid.BAD"), said("16505551234", "wamid.GOOD")];
        let changes = read_json(&envelope(&json!({"messages": messages})));
        let items = &changes[0].items;
        let error = items[0].as_ref().unwrap_err().to_string();
        assert_eq!(error, "the message wamid.BAD cannot be read: it names no sender", "{from}");
        assert!(matches!(&items[1], Ok(Item::Message(good)) if good.wamid == "wamid.GOOD"));
        // Whoever has an id of the business's own needs no number.
        messages[0]["from_user_id"] = json!("US.1");
        let changes = read_json(&envelope(&json!({"messages": messages})));
        assert!(changes[0].items.iter().all(Result::is_ok), "{from}");
    }
}
