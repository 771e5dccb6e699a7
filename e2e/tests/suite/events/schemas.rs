//! What really happens has the shapes that the document promises.

use std::collections::{BTreeMap, BTreeSet};

use bellhop_domain::event::EventType;
use bellhop_e2e::batch::{guest, to_guests, until_completed};
use bellhop_e2e::sink::{Manner, Sink};
use bellhop_e2e::{Answer, Api, Hotel, PATIENCE, eventually};
use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

use crate::partners::{INSECURE, configured, wanted};
use crate::webhook_security::deliver;

const PHONE: &str = "+14155552671";
const JPEG: &[u8] = include_bytes!("../../fixtures/pixel.jpg");
const DAY: i64 = 24 * 3600;

async fn patch(api: &Api, path: &str, body: Value) -> Answer {
    api.ask(Method::PATCH, path, Some(&body), &[]).await
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}")).to_owned()
}

/// For each type: a validator of the whole event, and the names that the document has for its data.
fn shapes() -> BTreeMap<String, (Validator, BTreeSet<String>)> {
    let document: Value = serde_json::from_str(&bellhop_api::openapi_json()).unwrap();
    let of = |(name, hook): (&String, &Value)| {
        let mut schema = hook["post"]["requestBody"]["content"]["application/json"]["schema"].clone();
        let envelope = document.pointer(&schema["allOf"][0]["$ref"].as_str().unwrap()[1..]).unwrap();
        let data = envelope["properties"]["data"]["$ref"].as_str().unwrap();
        let data = document.pointer(&data[1..]).unwrap()["properties"].as_object().unwrap();
        let names = data.keys().cloned().collect();
        schema["components"] = document["components"].clone();
        (name.clone(), (jsonschema::draft202012::new(&schema).unwrap(), names))
    };
    document["webhooks"].as_object().unwrap().iter().map(of).collect()
}

#[test]
fn every_type_has_its_shape_and_nothing_else_fits_it() {
    let shapes = shapes();
    let types: BTreeSet<String> = EventType::ALL.iter().map(|of| of.as_str().to_owned()).collect();
    assert_eq!(shapes.keys().cloned().collect::<BTreeSet<_>>(), types);
    let id = bellhop_domain::EventId::new().to_string();
    let data = json!({"conversation_id": bellhop_domain::ConversationId::new().to_string(),
        "guest_id": bellhop_domain::GuestId::new().to_string()});
    let event = json!({"id": id, "sequence": 1, "event": "conversation_opened", "data": data,
        "created_at": "2026-01-01T00:00:00.000Z", "property_id": bellhop_domain::PropertyId::new().to_string()});
    assert!(shapes["conversation_opened"].0.is_valid(&event));
    assert!(!shapes["conversation_reopened"].0.is_valid(&event), "another type");
    for field in ["id", "sequence", "event", "created_at", "property_id", "data"] {
        let mut less = event.clone();
        less.as_object_mut().unwrap().remove(field);
        assert!(!shapes["conversation_opened"].0.is_valid(&less), "without {field}");
    }
}

#[tokio::test]
async fn what_happens_fits_the_document() {
    let hotel = Hotel::with(&[INSECURE]).await;
    let conversation = hotel.guest(PHONE, "Ana").await;
    messages(&hotel).await;
    a_partner_goes_away(&hotel).await;
    what_the_guest_does(&hotel).await;
    people_and_conversations(&hotel, &conversation).await;
    batches(&hotel).await;
    templates_and_numbers(&hotel).await;
    time_passes(&hotel).await;
    // What nothing here causes, and why.
    let left_out = BTreeSet::new();
    let all: BTreeSet<&str> = EventType::ALL.iter().map(|of| of.as_str()).collect();
    let expected: BTreeSet<&str> = all.difference(&left_out).copied().collect();
    let log = eventually("an event of every type", || async {
        let log = whole_log(&hotel.staff).await;
        let seen: BTreeSet<&str> = log.iter().map(|event| event["event"].as_str().unwrap()).collect();
        let missing: Vec<_> = expected.difference(&seen).collect();
        if !missing.is_empty() {
            println!("still missing: {missing:?}");
        }
        missing.is_empty().then_some(log.clone())
    })
    .await;
    let shapes = shapes();
    let mut wrong = BTreeSet::new();
    for event in &log {
        let name = event["event"].as_str().unwrap();
        let (validator, names) = &shapes[name];
        wrong.extend(validator.iter_errors(event).map(|e| format!("{name}{}: {e}", e.instance_path())));
        let told = event["data"].as_object().unwrap().keys();
        wrong.extend(
            told.filter(|key| !names.contains(*key)).map(|key| format!("{name}: {key} is not documented")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    hotel.close().await;
}

async fn whole_log(api: &Api) -> Vec<Value> {
    let (mut log, mut after) = (Vec::new(), 0);
    loop {
        let page = api.get(&format!("/events?after={after}&limit=100")).await.expect(200);
        log.extend(page["data"].as_array().unwrap().iter().cloned());
        after = page["next_after"].as_i64().unwrap();
        if page["has_more"] == false {
            return log;
        }
    }
}

async fn messages(hotel: &Hotel) {
    let sent = hotel.staff.text(PHONE, "Welcome").await.expect(202);
    hotel.staff.until(&text(&sent, "message_id"), &["read"]).await;
    hotel.phones.faults(json!({"send_error": {"code": 131_026, "times": 1}})).await;
    let failed = hotel.staff.text(PHONE, "to nobody").await.expect(202);
    hotel.staff.until(&text(&failed, "message_id"), &["failed"]).await;
    hotel.phones.faults(json!({"close_after_accept": {"times": 1}, "webhooks": {"silent": true}})).await;
    let doubted = hotel.staff.text(PHONE, "who knows").await.expect(202);
    hotel.staff.until(&text(&doubted, "message_id"), &["in_doubt"]).await;
    hotel.phones.no_faults().await;
}

async fn a_partner_goes_away(hotel: &Hotel) {
    let sink = Sink::open().await;
    configured(&hotel.admin, &wanted(&sink)).await;
    sink.does(Manner::Answers(410));
    hotel.phones.writes(PHONE, "Is anybody there?").await;
    sink.until("the last request", |seen| seen.text() == "Is anybody there?").await;
}

async fn what_the_guest_does(hotel: &Hotel) {
    let url = format!("{}/simulator/media?filename=sea.jpg", hotel.phones.url);
    let stored =
        reqwest::Client::new().post(url).header("content-type", "image/jpeg").body(JPEG).send().await;
    let stored: Value = serde_json::from_str(&stored.unwrap().text().await.unwrap()).unwrap();
    let photo = json!({"type": "image", "image": {"id": stored["id"], "caption": "The view"}});
    hotel.phones.post(&format!("/guests/{}/messages", &PHONE[1..]), &photo).await;
    let now = chrono::Utc::now().timestamp();
    for message in [
        json!({"id": "wamid.W", "timestamp": (now - 9).to_string(), "type": "text", "text": {"body": "at 9"}}),
        json!({"id": "wamid.W1", "timestamp": (now - 8).to_string(), "type": "edit", "edit": {
            "original_message_id": "wamid.W", "message": {"type": "text", "text": {"body": "at 10"}}}}),
        json!({"id": "wamid.W2", "timestamp": (now - 7).to_string(), "type": "revoke",
            "revoke": {"original_message_id": "wamid.W"}}),
    ] {
        from(hotel, &PHONE[1..], message).await;
    }
    // A number of which two thought that it was theirs.
    let (old, new) = ("14155550001", "16505550001");
    let says = |at: i64, id: &str| json!({"id": id, "timestamp": at.to_string(), "type": "text", "text": {"body": "hi"}});
    from(hotel, old, says(now - 30, "wamid.old")).await;
    from(hotel, new, says(now - 10, "wamid.new")).await;
    let moved = json!({"id": "wamid.moved", "timestamp": (now - 20).to_string(), "type": "system",
        "system": {"type": "user_changed_number", "body": "User changed", "wa_id": new}});
    from(hotel, old, moved).await;
}

async fn from(hotel: &Hotel, wa_id: &str, mut message: Value) {
    let account = bellhop_simulator::well_known(1);
    message["from"] = json!(wa_id);
    let metadata = json!({"phone_number_id": account.phone_number_id});
    let body = json!({"object": "whatsapp_business_account", "entry": [{"id": account.waba_id, "changes": [{
        "field": "messages", "value": {"metadata": metadata, "messages": [message]}}]}]});
    assert_eq!(deliver(hotel, &body, Some(&account.app_secret)).await, 200);
}

async fn people_and_conversations(hotel: &Hotel, conversation: &str) {
    let found = hotel.staff.get(&format!("/guests?phone=%2B{}", &PHONE[1..])).await.expect(200);
    let guest = text(&found["data"][0], "guest_id");
    patch(&hotel.staff, &format!("/guests/{guest}"), json!({"tier": "gold"})).await.expect(200);
    for state in ["opted_in", "opted_out"] {
        let body = json!({"kind": "marketing", "state": state});
        hotel.staff.ask(Method::PUT, &format!("/guests/{guest}/consent"), Some(&body), &[]).await.expect(200);
    }
    a_guest_is_erased(hotel).await;
    let resolution =
        json!({"resolution_notes": "done", "satisfaction_rating": 5, "follow_up_required": false});
    let path = format!("/conversations/{conversation}/resolve");
    let resolved = hotel.staff.post(&path, &resolution).await;
    resolved.expect(200);
    hotel.phones.writes(PHONE, "One more thing").await;
    let dana = json!({"name": "Dana", "email": "dana@h.example", "role": "staff"});
    let dana = text(&hotel.admin.post("/staff", &dana).await.expect(201), "staff_member_id");
    let path = format!("/conversations/{conversation}/assignee");
    for to in [json!(dana), Value::Null] {
        let body = json!({"staff_member_id": to});
        hotel.staff.ask(Method::PUT, &path, Some(&body), &[]).await.expect(200);
    }
}

async fn a_guest_is_erased(hotel: &Hotel) {
    hotel.guest("+14155559999", "Eve").await;
    let found = hotel.staff.get("/guests?phone=%2B14155559999").await.expect(200);
    let path = format!("/guests/{}/erase", text(&found["data"][0], "guest_id"));
    hotel.admin.post(&path, &json!({})).await.expect(202);
}

async fn batches(hotel: &Hotel) {
    let slow = json!({"rate_limit": {"messages_per_second": 2}});
    let hand_in = async |guests: std::ops::Range<usize>, more: &Value| {
        let body = to_guests(guests, more.clone());
        text(&hotel.staff.post("/messages/batch-send", &body).await.expect(202), "batch_id")
    };
    let batch = hand_in(0..40, &slow).await;
    eventually("the batch to run", || async {
        let batch = hotel.staff.get(&format!("/batches/{batch}")).await.expect(200);
        (batch["status"] == "running").then_some(())
    })
    .await;
    for command in ["pause", "resume", "cancel"] {
        if command == "cancel" {
            eventually("news of the batch", || async {
                let page = hotel.staff.get("/events?types=batch_progress").await.expect(200);
                page["data"].as_array().is_some_and(|all| !all.is_empty()).then_some(())
            })
            .await;
        }
        hotel.staff.post(&format!("/batches/{batch}/{command}"), &json!({})).await.expect(200);
    }
    let batch = hand_in(40..42, &json!({})).await;
    until_completed(&hotel.staff, &batch, PATIENCE).await;
}

async fn templates_and_numbers(hotel: &Hotel) {
    let change = |more: Value| {
        let mut template = json!({"name": "service_followup", "language": "en"});
        template.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        template
    };
    for more in [
        json!({"quality_score": {"score": "RED", "date": 0}}),
        json!({"status": "PAUSED"}),
        json!({"category": "MARKETING"}),
    ] {
        hotel.phones.put("/templates", &change(more)).await;
    }
    let number = text(&hotel.admin.get("/connections").await.expect(200)["data"][0], "connection_id");
    let slow = json!({"rate_limit": {"messages_per_second": 5}, "template":
        {"template_name": "hello_world", "language": "en_US"},
        "recipients": (50..80).map(|n| json!({"phone": guest(n)})).collect::<Vec<_>>()});
    let batch = text(&hotel.staff.post("/messages/batch-send", &slow).await.expect(202), "batch_id");
    hotel.phones.faults(json!({"send_error": {"code": 190}})).await;
    eventually("the batch to stop", || async {
        let batch = hotel.staff.get(&format!("/batches/{batch}")).await.expect(200);
        (batch["status"] == "stopped").then_some(())
    })
    .await;
    hotel.phones.no_faults().await;
    let token = json!({"access_token": bellhop_simulator::well_known(1).access_token});
    patch(&hotel.admin, &format!("/connections/{number}"), token).await.expect(200);
}

async fn time_passes(hotel: &Hotel) {
    // Refused for now, and due again only when the window has closed.
    hotel.phones.writes(PHONE, "Good night").await;
    hotel.phones.faults(json!({"send_error": {"code": 131_016}})).await;
    let waits = hotel.staff.text(PHONE, "too late").await.expect(202);
    hotel.phones.advance_clock(DAY - 1800).await;
    eventually("the last call", || async {
        let page = hotel.staff.get("/events?types=window_closing").await.expect(200);
        page["data"].as_array().is_some_and(|all| !all.is_empty()).then_some(())
    })
    .await;
    hotel.phones.advance_clock(DAY).await;
    hotel.phones.no_faults().await;
    hotel.staff.until(&text(&waits, "message_id"), &["expired"]).await;
}
