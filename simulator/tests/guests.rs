//! What guests do afterwards: edit, delete, block, stop, hide, and move to another number.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::{Receiver, Sim, code};
use serde_json::{Map, Value, json};

const ADA: &str = "972541234567";
const NEW: &str = "972520000001";

/// A connected simulator, and a guest whose window is open; her BSUID.
async fn connected() -> (Sim, Receiver, String) {
    let (sim, receiver) = (Sim::quick().await, Receiver::start().await);
    sim.register(&receiver).await;
    let bsuid = ready(&sim).await;
    sim.idle().await;
    receiver.forget();
    (sim, receiver, bsuid)
}

async fn ready(sim: &Sim) -> String {
    sim.open_guest(ADA).await;
    sim.get(&format!("guests/{ADA}")).await["bsuid"].as_str().unwrap().to_owned()
}

/// The bytes of a POST with one change of this field.
fn post(sim: &Sim, field: &str, parts: Value) -> String {
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": sim.account.display_phone_number,
            "phone_number_id": sim.account.phone_number_id,
        },
    });
    let map: Map<String, Value> = parts.as_object().cloned().unwrap();
    value.as_object_mut().unwrap().extend(map);
    json!({"object": "whatsapp_business_account", "entry": [
        {"id": sim.account.waba_id, "changes": [{"value": value, "field": field}]}]})
    .to_string()
}

/// The only POST so far, as it came.
fn only(receiver: &Receiver) -> String {
    let posts = receiver.posts();
    assert_eq!(posts.len(), 1, "posts");
    String::from_utf8(posts[0].bytes.clone()).unwrap()
}

/// The id and the timestamp of the message in these bytes.
fn minted(bytes: &str) -> (Value, Value) {
    let body: Value = serde_json::from_str(bytes).unwrap();
    let message = &body["entry"][0]["changes"][0]["value"]["messages"][0];
    (message["id"].clone(), message["timestamp"].clone())
}

fn marketing(to: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": to, "type": "template", "biz_opaque_callback_data": "m.1",
        "template": {"name": "offer", "language": {"code": "en"}}})
}

async fn add_offer(sim: &Sim) {
    let components = json!([{"type": "BODY", "text": "Half price, today only"}]);
    let offer = json!({"name": "offer", "language": "en", "category": "MARKETING", "components": components});
    sim.control("PUT", "templates", offer).await;
}

#[tokio::test]
async fn an_edit_and_a_revoke_in_metas_shape() {
    let (sim, receiver, bsuid) = connected().await;
    let ours = sim.text(ADA, "until when?").await;
    let body = json!({"type": "text", "text": {"body": "til 7"}, "context": {"id": ours}});
    let original = sim.writes_as(ADA, body).await;
    sim.idle().await;
    receiver.forget();
    let edit = json!({"id": original, "text": "until 7", "timestamp": 1_790_416_827});
    let id = sim.deed(ADA, "edit", edit).await["id"].clone();
    sim.idle().await;
    let contacts = json!([{"profile": {"name": "Ada"}, "wa_id": ADA, "user_id": bsuid}]);
    let expected = json!({"contacts": contacts, "messages": [{
        "from": ADA, "from_user_id": bsuid, "id": id, "timestamp": "1790416827", "type": "edit",
        "edit": {"original_message_id": original, "message": {
            "context": {"id": ours}, "type": "text", "text": {"body": "until 7"}}},
    }]});
    assert_eq!(only(&receiver), post(&sim, "messages", expected));
    receiver.forget();

    let revoke = json!({"id": original, "timestamp": 1_790_416_828});
    let id = sim.deed(ADA, "revoke", revoke).await["id"].clone();
    sim.idle().await;
    let expected = json!({"contacts": contacts, "messages": [{
        "from": ADA, "from_user_id": bsuid, "id": id, "timestamp": "1790416828", "type": "revoke",
        "revoke": {"original_message_id": original},
    }]});
    assert_eq!(only(&receiver), post(&sim, "messages", expected));
}

#[tokio::test]
async fn phones_show_what_became_of_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    sim.be_quick().await;
    ready(&sim).await;
    let words = sim.writes(ADA, "one towl").await;
    let url = format!("{}/simulator/media", sim.base);
    let sent = sim.http.post(&url).header("content-type", "image/png").body("png").send().await.unwrap();
    let media: Value = sent.json().await.unwrap();
    let image = json!({"type": "image", "image": {"id": media["id"], "caption": "brokn"}});
    let picture = sim.writes_as(ADA, image).await;
    let gone = sim.writes(ADA, "never mind").await;
    for text in ["two towl", "two towels"] {
        sim.deed(ADA, "edit", json!({"id": words, "text": text})).await;
    }
    sim.deed(ADA, "edit", json!({"id": picture, "text": "broken"})).await;
    sim.deed(ADA, "revoke", json!({"id": gone})).await;
    // An edit that comes late does not bring a deleted message back.
    let late = json!({"original_message_id": gone, "message": {"type": "text", "text": {"body": "mind"}}});
    sim.writes_as(ADA, json!({"type": "edit", "edit": late, "timestamp": 1_790_000_000})).await;
    let shown = sim.lines(ADA).await;
    sim.stop().await;
    let sim = Sim::open(Some(dir.path())).await;
    assert_eq!(sim.lines(ADA).await, shown, "after a restart");
    let line = |id: &str| shown.iter().find(|line| line["id"] == id).unwrap().clone();
    assert_eq!(
        (&line(&words)["text"], &line(&words)["content"], &line(&words)["edited"]),
        (&json!("two towels"), &json!({"body": "two towels"}), &json!(true))
    );
    assert_eq!((&line(&picture)["text"], &line(&picture)["media"]["id"]), (&json!("broken"), &media["id"]));
    assert_eq!(line(&picture)["content"]["id"], media["id"]);
    let deleted = line(&gone);
    assert_eq!((&deleted["revoked"], &deleted["content"]), (&json!(true), &Value::Null));
    assert_eq!(deleted["text"], "This message was deleted");
    assert_eq!(line(&words).get("revoked"), None);
}

#[tokio::test]
async fn only_own_words_can_be_changed() {
    let sim = Sim::quick().await;
    ready(&sim).await;
    sim.open_guest("16505551234").await;
    let elsewhere = sim.writes("16505551234", "mine").await;
    let ours = sim.text(ADA, "ours").await;
    let gone = sim.writes(ADA, "gone").await;
    sim.deed(ADA, "revoke", json!({"id": gone})).await;
    let sticker = sim.writes_as(ADA, json!({"type": "sticker", "sticker": {"id": "1"}})).await;
    let bare = sim.writes_as(ADA, json!({"type": "image", "image": {"id": "1"}})).await;
    for (deed, body, expected) in [
        ("edit", json!({"id": elsewhere, "text": "x"}), 404),
        ("edit", json!({"id": ours, "text": "x"}), 404),
        ("revoke", json!({"id": ours}), 404),
        ("edit", json!({"id": gone, "text": "x"}), 400),
        ("revoke", json!({"id": gone}), 400),
        ("edit", json!({"id": sticker, "text": "x"}), 400),
        ("edit", json!({"id": bare, "text": "x"}), 400),
        ("edit", json!({"id": sticker, "text": " "}), 400),
        ("edit", json!({"id": sticker}), 400),
        ("block", json!({"blocked": "yes"}), 400),
        ("marketing", json!({"value": "pause"}), 400),
        ("number", json!({}), 400),
        ("number", json!({"phone": "12"}), 400),
        ("number", json!({"phone": "16505551234"}), 400),
        ("number", json!({"phone": ADA}), 400),
        ("number", json!({"bsuid": "me"}), 400),
        ("dance", json!({}), 404),
    ] {
        let (status, answer) = sim.control_raw("POST", &format!("guests/{ADA}/{deed}"), body.clone()).await;
        assert_eq!(status, expected, "{deed} {body}: {answer}");
        assert!(answer["error"].is_string());
    }
    sim.deed(ADA, "revoke", json!({"id": sticker})).await;
}

#[tokio::test]
async fn a_guest_who_blocks_the_business_gets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    sim.be_quick().await;
    let receiver = Receiver::start().await;
    sim.register(&receiver).await;
    ready(&sim).await;
    add_offer(&sim).await;
    let guest = sim.deed(ADA, "block", json!({"blocked": true})).await;
    assert_eq!(guest["blocked"], true);
    let id = sim.text(ADA, "are you there?").await;
    assert_eq!(sim.send(marketing(ADA)).await.0, 200);
    sim.idle().await;
    assert_eq!(receiver.statuses(&id), ["sent"]);
    assert_eq!(sim.lines(ADA).await.len(), 1, "hello, and nothing since");
    assert_eq!(sim.get(&format!("guests/{ADA}")).await["last"]["text"], "hello");
    let path = format!("guests/{ADA}/messages");
    let (status, answer) =
        sim.control_raw("POST", &path, json!({"type": "text", "text": {"body": "x"}})).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().contains("blocked"), "{answer}");
    sim.stop().await;
    let sim = Sim::open(Some(dir.path())).await;
    assert_eq!(sim.deed(ADA, "block", json!({"blocked": false})).await["blocked"], false);
    sim.text(ADA, "welcome back").await;
    let lines = sim.lines(ADA).await;
    assert_eq!((lines.len(), &lines[1]["text"]), (2, &json!("welcome back")), "what was missed stays so");
}

#[tokio::test]
async fn marketing_stops_and_resumes() {
    let (sim, receiver, bsuid) = connected().await;
    add_offer(&sim).await;
    for (value, other) in [("stop", 131_050), ("resume", 0)] {
        for _ in 0..2 {
            let guest = sim.deed(ADA, "marketing", json!({"value": value})).await;
            assert_eq!(guest["marketing"], value);
        }
        sim.idle().await;
        let bytes = only(&receiver);
        let body: Value = serde_json::from_str(&bytes).unwrap();
        let at = &body["entry"][0]["changes"][0]["value"]["user_preferences"][0]["timestamp"];
        assert!(at.as_i64().is_some_and(|at| (sim.clock.now_ms() / 1_000 - at).abs() < 60), "{at}");
        let expected = json!({
            "contacts": [{"profile": {"name": "Ada"}, "wa_id": ADA, "user_id": bsuid}],
            "user_preferences": [{"wa_id": ADA, "category": "marketing_messages", "value": value,
                "detail": format!("User requested to {value} marketing messages"), "timestamp": at}],
        });
        assert_eq!(bytes, post(&sim, "user_preferences", expected), "told once");
        receiver.forget();
        let (status, answer) = sim.send(marketing(ADA)).await;
        assert_eq!(status, 200, "{answer}");
        let utility = sim.text(ADA, "your taxi is here").await;
        sim.idle().await;
        assert_eq!(receiver.statuses(&utility), ["sent", "delivered", "read"]);
        let id = answer["messages"][0]["id"].as_str().unwrap();
        let statuses = receiver.statuses(id);
        if other == 0 {
            assert_eq!(statuses, ["sent", "delivered", "read"]);
        } else {
            assert_eq!(statuses, ["failed"]);
            let updates = receiver.updates();
            let failed = updates.iter().find(|(_, update, _)| update["id"] == id).unwrap();
            assert_eq!(failed.1["errors"][0]["code"], other);
            assert_eq!(failed.1["biz_opaque_callback_data"], "m.1");
            assert!(sim.lines(ADA).await.iter().all(|line| line["id"] != id), "it is not on the phone");
        }
        receiver.forget();
    }
}

#[tokio::test]
async fn a_preference_that_was_not_told_is_told_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    sim.guest(json!({"phone": ADA, "name": "Ada", "hidden_number": true, "username": "ada"})).await;
    sim.deed(ADA, "marketing", json!({"value": "stop"})).await;
    // Within one millisecond the journal does not tell which came first.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    sim.writes(ADA, "and good bye").await;
    sim.stop().await;
    let receiver = Receiver::start().await;
    let sim = Sim::open(Some(dir.path())).await;
    assert_eq!(sim.get(&format!("guests/{ADA}")).await["marketing"], "stop");
    sim.register(&receiver).await;
    sim.idle().await;
    let posts: Vec<Value> = receiver.posts().iter().map(common::Post::json).collect();
    let change = |at: usize| posts[at]["entry"][0]["changes"][0].clone();
    assert_eq!((&change(0)["field"], &change(1)["field"]), (&json!("user_preferences"), &json!("messages")));
    let preference = &change(0)["value"]["user_preferences"][0];
    assert_eq!(preference.get("wa_id"), None, "the number stays hidden");
    assert_eq!(preference["user_id"], change(0)["value"]["contacts"][0]["user_id"]);
    assert!(posts.iter().all(|post| !post.to_string().contains(ADA)));
}

#[tokio::test]
async fn a_number_is_hidden_from_now_on_and_shown_again() {
    let (sim, receiver, bsuid) = connected().await;
    sim.control("PUT", "faults", json!({"webhooks": {"silent": true}})).await;
    sim.writes(ADA, "before").await;
    sim.guest(json!({"bsuid": bsuid, "hidden_number": true, "username": "ada.l"})).await;
    sim.writes(ADA, "hidden").await;
    sim.guest(json!({"bsuid": bsuid, "hidden_number": false})).await;
    sim.writes(ADA, "shown").await;
    sim.control("DELETE", "faults", Value::Null).await;
    let updates = receiver.wait_for_updates(3).await;
    for ((_, message, contact), number) in updates.iter().zip([json!(ADA), Value::Null, json!(ADA)]) {
        assert_eq!((&message["from"], &contact["wa_id"]), (&number, &number), "{message}");
        assert_eq!((&message["from_user_id"], &contact["user_id"]), (&json!(bsuid), &json!(bsuid)));
        assert_eq!(contact["profile"]["username"], "ada.l");
    }
    assert_eq!((updates[1].1.get("from"), updates[1].2.get("wa_id")), (None, None), "no key at all");
}

#[tokio::test]
async fn a_new_number_is_told_and_the_old_one_is_nobodys() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    sim.be_quick().await;
    let receiver = Receiver::start().await;
    sim.register(&receiver).await;
    let bsuid = ready(&sim).await;
    sim.idle().await;
    receiver.forget();
    let guest = sim.deed(ADA, "number", json!({"phone": "+972 52-000-0001"})).await;
    assert_eq!((&guest["phone"], &guest["bsuid"]), (&json!(format!("+{NEW}")), &json!(bsuid)));
    sim.idle().await;
    let bytes = only(&receiver);
    let (id, timestamp) = minted(&bytes);
    let expected = json!({"messages": [{
        "from": ADA, "from_user_id": bsuid, "id": id, "timestamp": timestamp, "type": "system",
        "system": {"body": format!("User Ada changed from {ADA} to {NEW}"), "wa_id": NEW,
            "user_id": bsuid, "type": "user_changed_number"},
    }]});
    assert_eq!(bytes, post(&sim, "messages", expected), "no contacts");
    sim.stop().await;

    let sim = Sim::open(Some(dir.path())).await;
    assert_eq!(code(&sim.send_text(ADA, "anybody?").await.1), 131_026);
    assert_eq!(sim.control_raw("GET", &format!("guests/{ADA}"), Value::Null).await.0, 404);
    sim.text(NEW, "the chat goes on").await;
    let lines = sim.lines(NEW).await;
    let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "system", "text"]);
    receiver.forget();
    sim.writes(&bsuid, "from the new one").await;
    sim.idle().await;
    let (_, message, contact) = receiver.updates().into_iter().find(|(key, _, _)| key == "messages").unwrap();
    assert_eq!((&message["from"], &contact["wa_id"]), (&json!(NEW), &json!(NEW)));
    // The operator gives the old number to somebody else.
    let ben = sim.guest(json!({"phone": ADA, "name": "Ben"})).await;
    assert_ne!(ben["bsuid"], json!(bsuid));
    sim.writes(ADA, "hi, this is Ben").await;
    sim.text(ADA, "welcome, Ben").await;
    assert_eq!(sim.lines(ADA).await.len(), 2);
    assert_eq!(sim.get(&format!("guests/{bsuid}")).await["phone"], format!("+{NEW}"));
}

#[tokio::test]
async fn a_new_user_id_comes_alone_or_with_a_new_number() {
    let (sim, receiver, bsuid) = connected().await;
    let other = "IL.10000000000000000009";
    sim.deed(ADA, "number", json!({"bsuid": other})).await;
    sim.idle().await;
    let bytes = only(&receiver);
    let (id, timestamp) = minted(&bytes);
    let expected = json!({"messages": [{
        "from": ADA, "from_user_id": bsuid, "id": id, "timestamp": timestamp, "type": "system",
        "system": {"body": format!("User Ada changed from {bsuid} to {other}"), "user_id": other,
            "previous_user_id": bsuid, "type": "user_changed_user_id"},
    }]});
    assert_eq!(bytes, post(&sim, "messages", expected));
    let body = json!({"messaging_product": "whatsapp", "recipient": bsuid, "text": {"body": "x"}});
    assert_eq!(code(&sim.send(body).await.1), 131_026, "the former id is nobody's");
    let (status, _) = sim.control_raw("POST", &format!("guests/{ADA}/number"), json!({"bsuid": other})).await;
    assert_eq!(status, 400, "it is the present one");
    receiver.forget();

    let guest = sim.deed(ADA, "number", json!({"phone": NEW, "bsuid": "new"})).await;
    let third = guest["bsuid"].as_str().unwrap();
    assert!(third.starts_with("IL.") && third != other && third != bsuid, "{third}");
    sim.idle().await;
    let (_, message, _) = receiver.updates().remove(0);
    assert_eq!(
        message["system"],
        json!({"body": format!("User Ada changed from {ADA} to {NEW}"), "wa_id": NEW, "user_id": third,
            "previous_user_id": other, "type": "user_changed_number"})
    );
    receiver.forget();

    // Of a hidden number nobody hears that it is another one.
    sim.guest(json!({"phone": NEW, "hidden_number": true})).await;
    sim.deed(NEW, "number", json!({"phone": "972520000002"})).await;
    sim.idle().await;
    assert_eq!(receiver.posts().len(), 0);
}

#[tokio::test]
async fn every_type_goes_out_as_it_was_written() {
    let (sim, receiver, bsuid) = connected().await;
    let bodies = [
        json!({"type": "audio", "audio": {"id": "1", "mime_type": "audio/ogg; codecs=opus", "voice": true}}),
        json!({"type": "contacts", "contacts": [{"name": {"formatted_name": "Ben"}, "phones": []}]}),
        json!({"type": "location", "location": {"latitude": 32.08, "longitude": 34.78}}),
        json!({"type": "order", "order": {"catalog_id": "7", "text": "", "product_items": []}}),
        json!({"type": "reaction", "reaction": {"message_id": "wamid.AA"}}),
        json!({"type": "unsupported", "errors": [{"code": 131_051}], "unsupported": {"type": "edit"}}),
        json!({"type": "system", "system": {"type": "customer_identity_changed", "body": "b"},
            "identity": {"hash": "h"}}),
        json!({"type": "text", "text": {"body": "x"}, "referral": {"source_id": "1"},
            "context": {"forwarded": true}}),
        json!({"type": "hologram", "hologram": {"depth": 3}, "group_id": "g"}),
    ];
    for body in &bodies {
        sim.writes_as(ADA, body.clone()).await;
    }
    let updates = receiver.wait_for_updates(bodies.len()).await;
    for (body, (_, message, contact)) in bodies.iter().zip(updates) {
        let mut expected = body.clone();
        for (key, value) in [("from", json!(ADA)), ("from_user_id", json!(bsuid))] {
            expected[key] = value;
        }
        (expected["id"], expected["timestamp"]) = (message["id"].clone(), message["timestamp"].clone());
        assert_eq!(message, expected);
        assert_eq!(contact["user_id"], bsuid);
    }
}
