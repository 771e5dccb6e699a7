//! Sends: their answers, repeats and waits.

use std::sync::atomic::Ordering;

use bellhop_domain::answer::Answer;
use bellhop_domain::provider_error::ProviderError;
use chrono::TimeDelta;
use poem::http::Method;
use serde_json::{Value, json};

use crate::support::{GUEST, World};

fn text(text: &str) -> Value {
    json!({"guest_phone": GUEST, "message_type": "text", "content": {"text": text}})
}

#[tokio::test]
async fn a_text_in_the_words_of_the_guide() {
    let world = World::new().await;
    let conversation = world.guest_writes("hi").await;
    let body = json!({
        "guest_phone": "+1234567890", "message_type": "text",
        "content": {"text": "Welcome to Grand Plaza Hotel! How can we assist you today?"},
        "conversation_id": conversation, "staff_member_id": "staff_456", "something_new": [1],
    });
    let answer = world.post("/messages/send", body).await;
    let sent = answer.ok(202);
    assert_eq!(sent["status"], "queued");
    assert_eq!(sent["conversation_id"], conversation);
    assert!(sent["created_at"].is_string());
    let location = format!("/api/v1/whatsapp/messages/{}", sent["message_id"].as_str().unwrap());
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!(answer.header("preference-applied"), None);
}

#[tokio::test]
async fn a_template_in_the_words_of_the_guide() {
    let world = World::new().await;
    let body = json!({
        "guest_phone": "+1234567890", "template_name": "welcome_checkin", "language": "en",
        "parameters": {"room": 205},
        "conversation_metadata": {"booking_reference": "RB123456", "guest_tier": "gold_member"},
    });
    let sent = world.post("/templates/send", body).await.ok(202);
    let message = world.get(&format!("/messages/{}", sent["message_id"].as_str().unwrap())).await.ok(200);
    let content = json!({
        "template_name": "welcome_checkin", "language": "en", "parameters": {"room": "205"},
        "text": "Welcome to room 205",
    });
    assert_eq!((&message["message_type"], &message["content"]), (&json!("template"), &content));
    let id = sent["conversation_id"].as_str().unwrap();
    let conversation = world.get(&format!("/conversations/{id}")).await.ok(200);
    assert_eq!(conversation["metadata"]["guest_tier"], "gold_member");
}

#[tokio::test]
async fn the_closed_window_is_refused_exactly_as_the_guide_shows() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    world.clock.advance(TimeDelta::hours(25));
    let error = world.post("/messages/send", text("Hello")).await.error(403, "MESSAGE_WINDOW_EXPIRED");
    assert_eq!(error["message"], "Cannot send free-form message outside 24-hour window");
    let details = error["details"].as_object().unwrap();
    assert_eq!(details["guest_phone"], GUEST);
    assert!(details["last_guest_message"].is_string() && details["window_expires"].is_string());
    assert_eq!(details["suggested_templates"][0], "service_followup");
    assert_eq!(error["recovery_options"][0], "Use approved template message");
}

#[tokio::test]
async fn a_repeat_with_its_key_makes_nothing_new() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    let send = async |key: &str, body: Value| {
        let ask = world.request(Method::POST, "/messages/send").token(&world.staff);
        ask.header("idempotency-key", key).json(body).send().await
    };
    let first = send("k1", text("one")).await.ok(202);
    for key in ["k1", "\"k1\""] {
        assert_eq!(send(key, text("one")).await.ok(202)["message_id"], first["message_id"], "{key}");
    }
    send("k1", text("two")).await.error(422, "IDEMPOTENCY_KEY_REUSED");
    assert_ne!(send("k2", text("one")).await.ok(202)["message_id"], first["message_id"]);
    assert_eq!(send("", text("one")).await.wrong_fields(), ["Idempotency-Key"]);
    let binary = world.request(Method::POST, "/messages/send").token(&world.staff);
    let binary = binary.raw_header("idempotency-key", &[b'k', 0xfc]).json(text("one")).send().await;
    assert_eq!(binary.wrong_fields(), ["Idempotency-Key"], "never passed over");
}

#[tokio::test]
async fn who_prefers_to_wait_gets_what_is_known_by_then() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    let send = async |prefer: &str, body: Value| {
        let ask = world.request(Method::POST, "/messages/send").token(&world.staff);
        ask.header("prefer", prefer).json(body).send().await
    };
    let waited = send("wait=5", text("one")).await;
    assert_eq!(waited.ok(202)["status"], "sent");
    assert_eq!(waited.header("preference-applied"), Some("wait=5"));
    assert_eq!(send("respond-async", text("two")).await.header("preference-applied"), None);
    let refusal = ProviderError {
        code: 131026,
        title: "Message undeliverable".into(),
        details: None,
        http_status: Some(400),
        is_transient: false,
        retry_after: None,
    };
    *world.provider.answer.lock().unwrap() = Some(Answer::Refused(refusal));
    let failed = send("wait=5", text("three")).await.ok(202);
    assert_eq!(failed["status"], "failed");
    let reason = &failed["failure_reason"];
    assert_eq!(reason["code"], "GUEST_NOT_ON_WHATSAPP");
    assert_eq!(reason["details"], "Message undeliverable (131026)");
    assert!(!reason["recovery_options"].as_array().unwrap().is_empty());
    let message = world.get(&format!("/messages/{}", failed["message_id"].as_str().unwrap())).await.ok(200);
    assert_eq!(message["failure"], json!({"code": 131026, "title": "Message undeliverable"}));
}

#[tokio::test]
async fn staff_decide_about_a_message_in_doubt() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    *world.provider.answer.lock().unwrap() = Some(Answer::Unknown { reason: "timeout".into() });
    let ask = world.request(Method::POST, "/messages/send").token(&world.staff).header("prefer", "wait=5");
    let doubt = ask.json(text("one")).send().await.ok(202);
    assert_eq!(doubt["status"], "in_doubt");
    let path = format!("/messages/{}/resolve-doubt", doubt["message_id"].as_str().unwrap());
    assert_eq!(world.post(&path, json!({"action": "forget"})).await.wrong_fields(), ["action"]);
    let sends = world.provider.sends.load(Ordering::SeqCst);
    let given_up = world.post(&path, json!({"action": "mark_failed"})).await.ok(200);
    assert_eq!(given_up["status"], "failed");
    assert_eq!(world.provider.sends.load(Ordering::SeqCst), sends);
    world.post(&path, json!({"action": "resend"})).await.error(409, "MESSAGE_NOT_IN_DOUBT");
}

#[tokio::test]
async fn a_target_that_is_none_or_two() {
    let world = World::new().await;
    let conversation = world.guest_writes("hi").await;
    let send = async |target: Value| {
        let mut body = json!({"message_type": "text", "content": {"text": "Hello"}});
        body.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
        world.post("/messages/send", body).await
    };
    assert_eq!(send(json!({})).await.wrong_fields(), ["guest_phone"]);
    send(json!({"conversation_id": "conv_abc123"})).await.error(404, "NOT_FOUND");
    send(json!({"guest_id": "conv_abc123"})).await.error(404, "NOT_FOUND");
    send(json!({"guest_phone": "no number"})).await.error(400, "INVALID_PHONE_NUMBER");
    let two = json!({"guest_phone": "+15551234567", "conversation_id": conversation});
    send(two).await.error(409, "CONVERSATION_MISMATCH");
    send(json!({"guest_phone": null, "guest_id": null, "conversation_id": conversation})).await.ok(202);
}

#[tokio::test]
async fn wrong_parameters_of_a_template_are_named() {
    let world = World::new().await;
    let send = async |parameters: Value| {
        let body =
            json!({"guest_phone": GUEST, "template_name": "welcome_checkin", "parameters": parameters});
        world.post("/templates/send", body).await
    };
    let missing = send(json!({})).await.error(400, "INVALID_TEMPLATE_PARAMETERS");
    assert_eq!(missing["details"]["wrong"], json!(["room"]));
    assert_eq!(send(json!({"room": {"no": 1}})).await.wrong_fields(), ["parameters.room"]);
    assert_eq!(send(json!("text")).await.wrong_fields(), ["parameters"]);
}
