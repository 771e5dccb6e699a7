//! What the guides read is there, under their names.

use poem::http::Method;
use serde_json::{Value, json};

use crate::support::{GUEST, World};

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap();
    text.len() == "2024-01-15T10:00:00.000Z".len() && text.ends_with('Z') && text.as_bytes()[19] == b'.'
}

#[tokio::test]
async fn a_status_has_every_key_from_the_beginning() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    let body = json!({"guest_phone": GUEST, "message_type": "text", "content": {"text": "Hello"}});
    let sent = world.post("/messages/send", body).await.ok(202);
    let status =
        world.get(&format!("/messages/{}/status", sent["message_id"].as_str().unwrap())).await.ok(200);
    assert_eq!(
        keys(&status),
        ["delivered_at", "failure_reason", "message_id", "read_at", "sent_at", "status"]
    );
    assert_eq!(status["failure_reason"], Value::Null);
    assert_eq!(status["read_at"], Value::Null);
}

#[tokio::test]
async fn a_conversation_shows_messages_participants_status_and_metadata() {
    let world = World::new().await;
    let id = world.guest_writes("first").await;
    let body = json!({
        "conversation_id": id, "message_type": "text", "content": {"text": "second"},
        "staff_member_id": "staff_456", "metadata": {"shift": "night"},
    });
    world.post("/messages/send", body).await.ok(202);
    let conversation = world.get(&format!("/conversations/{id}")).await.ok(200);
    assert_eq!(conversation["conversation_id"], id);
    assert_eq!(conversation["status"], "active");
    assert_eq!(conversation["metadata"], json!({}));
    assert_eq!(conversation["guest_phone"], GUEST);
    assert_eq!(conversation["messages_next_cursor"], Value::Null);
    assert!(is_time(&conversation["window_expires_at"]) && is_time(&conversation["last_activity_at"]));
    let guest = &conversation["guest"];
    let participants = json!([
        {"type": "guest", "guest_id": guest["guest_id"], "name": null, "phone": GUEST},
        {"type": "staff", "staff_member_id": "staff_456"},
    ]);
    assert_eq!(conversation["participants"], participants);
    let messages = conversation["messages"].as_array().unwrap();
    assert_eq!(messages[0]["content"], json!({"text": "first"}));
    assert_eq!((&messages[0]["direction"], &messages[0]["status"]), (&json!("inbound"), &json!("received")));
    assert_eq!(messages[1]["content"], json!({"text": "second"}));
    assert_eq!(messages[1]["metadata"], json!({"shift": "night"}));
    assert_eq!(messages[1]["message_type"], "text");
    assert!(messages[1].get("reply_to").is_none(), "absent, not null");
    assert!(is_time(&messages[1]["created_at"]));
}

#[tokio::test]
async fn older_messages_follow_by_the_cursor() {
    let world = World::new().await;
    for text in ["a", "b", "c"] {
        world.guest_writes(text).await;
    }
    let id = world.guest_writes("d").await;
    let page = world.get(&format!("/conversations/{id}?limit=3")).await.ok(200);
    let texts = |page: &Value| -> Vec<String> {
        let messages = page["messages"].as_array().unwrap();
        messages.iter().map(|m| m["content"]["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts(&page), ["b", "c", "d"]);
    let cursor = page["messages_next_cursor"].as_str().unwrap();
    let older = world.get(&format!("/conversations/{id}?limit=3&cursor={cursor}")).await.ok(200);
    assert_eq!(texts(&older), ["a"]);
    assert_eq!(older["messages_next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_window_without_end_says_so_with_every_key() {
    let world = World::new().await;
    let body = json!({"guest_phone": GUEST, "template_name": "service_followup", "language": "en"});
    let sent = world.post("/templates/send", body).await.ok(202);
    let path = format!("/conversations/{}/window-status", sent["conversation_id"].as_str().unwrap());
    let closed = json!({"within_window": false, "window_expires_at": null, "hours_remaining": 0.0});
    assert_eq!(world.get(&path).await.ok(200), closed);
    world.guest_writes("hi").await;
    let open = world.get(&path).await.ok(200);
    assert_eq!(open["within_window"], true);
    assert!(is_time(&open["window_expires_at"]));
    let hours = open["hours_remaining"].as_f64().unwrap();
    assert!((23.9..=24.0).contains(&hours) && hours.fract() != 0.0, "{hours}");
}

#[tokio::test]
async fn a_template_shows_one_language_and_the_others_beside() {
    let world = World::new().await;
    let template = world.get("/templates/welcome_checkin").await.ok(200);
    assert_eq!(template["name"], "welcome_checkin");
    assert_eq!(template["language"], "en");
    assert_eq!(template["status"], "APPROVED");
    assert_eq!(template["parameters"], json!(["room"]));
    assert_eq!(template["example"], json!({"room": "205"}));
    assert_eq!(template["components"][0]["type"], "BODY");
    assert_eq!(template["translations"].as_array().unwrap().len(), 2);
    let hebrew = world.get("/templates/welcome_checkin?language=he").await.ok(200);
    assert_eq!(hebrew["language"], "he");
    world.get("/templates/welcome_checkin?language=fr").await.error(404, "TEMPLATE_NOT_FOUND");
    world.get("/templates/unknown").await.error(404, "TEMPLATE_NOT_FOUND");
    let list = world.get("/templates?language=en&limit=1").await.ok(200);
    assert_eq!(list["data"][0]["name"], "service_followup");
    let cursor = list["next_cursor"].as_str().unwrap();
    let rest = world.get(&format!("/templates?language=en&limit=1&cursor={cursor}")).await.ok(200);
    assert_eq!((&rest["data"][0]["name"], &rest["next_cursor"]), (&json!("welcome_checkin"), &Value::Null));
    assert_eq!(world.get("/templates?category=guest_services").await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn a_conversation_is_resolved_and_opened_again() {
    let world = World::new().await;
    let id = world.guest_writes("hi").await;
    let body = json!({"resolution_notes": "done", "satisfaction_rating": 5, "follow_up_required": false});
    let resolved = world.post(&format!("/conversations/{id}/resolve"), body).await.ok(200);
    assert_eq!(resolved["status"], "resolved");
    assert_eq!(resolved["resolution"]["satisfaction_rating"], 5);
    assert_eq!(resolved["resolution"]["resolution_notes"], "done");
    let listed = async |status: &str| {
        let list =
            world.get(&format!("/conversations?guest_phone=%2B1234567890&status={status}")).await.ok(200);
        list["data"].as_array().unwrap().len()
    };
    assert_eq!((listed("active").await, listed("resolved").await), (0, 1));
    world.guest_writes("again").await;
    assert_eq!((listed("active").await, listed("resolved").await), (1, 0));
}

#[tokio::test]
async fn guests_are_found_by_phone_also_where_the_plus_became_a_space() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    for query in ["%2B1234567890", "+1234567890", "%201234567890"] {
        let found = world.get(&format!("/guests?phone={query}")).await.ok(200);
        assert_eq!(found["data"][0]["phone"], GUEST, "{query}");
        assert_eq!(found["next_cursor"], Value::Null);
        let list = world.get(&format!("/conversations?guest_phone={query}")).await.ok(200);
        assert_eq!(list["data"].as_array().unwrap().len(), 1, "{query}");
    }
    let id = world.get("/guests?phone=%2B1234567890").await.ok(200)["data"][0]["guest_id"].clone();
    let guest = world.get(&format!("/guests/{}", id.as_str().unwrap())).await.ok(200);
    assert_eq!(guest["phone"], GUEST);
    assert_eq!(world.get("/guests?phone=%2B972541234567").await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn a_hidden_number_is_null() {
    let world = World::new().await;
    world.webhook(json!({"bsuid": "US.1", "text": "hi", "wamid": "w1"})).await.ok(200);
    let conversation = world.get("/conversations").await.ok(200)["data"][0].clone();
    assert_eq!(conversation["guest_phone"], Value::Null);
    assert_eq!(conversation["guest"]["phone"], Value::Null);
    assert_eq!(conversation["guest"]["bsuid"], "US.1");
}

#[tokio::test]
async fn what_is_not_understood_is_shown_as_it_came() {
    let world = World::new().await;
    world.webhook(json!({"from": "1234567890", "wamid": "w1", "extra": 1})).await.ok(200);
    let message = world.get("/messages?direction=inbound").await.ok(200)["data"][0].clone();
    assert_eq!(message["message_type"], "unsupported");
    assert_eq!(message["content"]["original_type"], "order");
    assert_eq!(message["content"]["payload"]["extra"], 1);
}

#[tokio::test]
async fn the_property_is_read_by_all_and_changed_by_admins() {
    let world = World::new().await;
    let partner = world.request(Method::GET, "/property").token(&world.partner).send().await.ok(200);
    assert_eq!(partner["name"], "Grand Plaza");
    assert_eq!(partner["default_country"], "IL");
    let change = json!({"time_zone": "Asia/Jerusalem", "name": null});
    let patch = |token: &str| world.request(Method::PATCH, "/property").token(token).json(change.clone());
    patch(&world.staff).send().await.error(403, "FORBIDDEN");
    let changed = patch(&world.admin).send().await.ok(200);
    assert_eq!((&changed["time_zone"], &changed["name"]), (&json!("Asia/Jerusalem"), &json!("Grand Plaza")));
}

#[tokio::test]
async fn the_errors_are_listed_for_everybody() {
    let world = World::new().await;
    let list = world.request(Method::GET, "/errors").send().await.ok(200);
    let codes = list["data"].as_array().unwrap();
    assert_eq!(codes.len(), bellhop_domain::problem::Problem::ALL.len());
    let window = codes.iter().find(|row| row["code"] == "MESSAGE_WINDOW_EXPIRED").unwrap();
    assert_eq!(window["http_status"], 403);
    assert_eq!(keys(window), ["code", "http_status", "meaning", "recovery_options"]);
}

#[tokio::test]
async fn the_webhook_answers_its_check_and_takes_signed_bodies_only() {
    let world = World::new().await;
    let check = async |query: &str| world.request(Method::GET, &format!("/webhook?{query}")).send().await;
    let good = check("hub.mode=subscribe&hub.verify_token=verify+token&hub.challenge=42").await;
    assert_eq!((good.status.as_u16(), good.text.as_str()), (200, "42"));
    assert!(good.header("content-type").unwrap().starts_with("text/plain"));
    let bad = check("hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=42").await;
    bad.error(403, "WEBHOOK_VERIFICATION_FAILED");
    assert_eq!(check("hub.mode=subscribe").await.wrong_fields(), ["hub.verify_token"]);
    let unsigned = world.request(Method::POST, "/webhook").body("{}").send().await;
    unsigned.error(401, "INVALID_SIGNATURE");
    assert_eq!(unsigned.header("www-authenticate"), None);
    assert_eq!(world.webhook(json!({"nothing": 1})).await.wrong_fields(), ["body"]);
}

#[tokio::test]
async fn health_tells_the_process_from_its_work() {
    let world = World::new().await;
    let at = async |path: &str| world.request(Method::GET, path).send().await;
    at("~/healthz").await.ok(200);
    at("~/readyz").await.ok(200);
    world.app.set_ready(false);
    at("~/healthz").await.ok(200);
    let not = at("~/readyz").await;
    not.error(503, "SERVICE_UNAVAILABLE");
    assert_eq!(not.header("retry-after"), Some("1"));
    let root = at("~/").await;
    assert_eq!((root.status.as_u16(), root.header("location")), (307, Some("/docs")));
}
