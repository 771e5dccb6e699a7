//! The API's shape as others see it: the document, the pages, the envelope.

use bellhop_e2e::{Answer, Hotel, binary};
use reqwest::Method;
use serde_json::{Value, json};

#[test]
fn the_committed_document_is_the_codes() {
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.yaml")).unwrap();
    let generated = std::process::Command::new(binary("bellhop")).arg("openapi").output().unwrap();
    assert!(generated.status.success());
    let generated = String::from_utf8(generated.stdout).unwrap();
    assert!(committed == generated, "openapi.yaml is out of date: make openapi");
}

#[tokio::test]
async fn root_pages_are_served_by_the_binary_alone() {
    let hotel = Hotel::open().await;
    let root = hotel.staff.base.replace("/api/v1/whatsapp", "");
    let page = |path: &str| reqwest::get(format!("{root}{path}"));
    assert_eq!(page("/healthz").await.unwrap().status(), 200);
    assert_eq!(page("/readyz").await.unwrap().status(), 200);
    let docs = page("/docs").await.unwrap().text().await.unwrap();
    assert!(docs.contains("<html") || docs.contains("<!DOCTYPE"), "a page");
    for outside in ["src=\"http", "href=\"http", "unpkg", "jsdelivr", "cdnjs"] {
        assert!(!docs.contains(outside), "{outside} in /docs");
    }
    let document = page("/openapi.yaml").await.unwrap().text().await.unwrap();
    assert!(document.starts_with("openapi: \"3.1"), "{}", &document[..40]);
    let errors: Value = page("/api/v1/whatsapp/errors").await.unwrap().json().await.unwrap();
    let text = errors.to_string();
    for code in [
        "INVALID_PHONE_NUMBER",
        "TEMPLATE_NOT_FOUND",
        "MESSAGE_WINDOW_EXPIRED",
        "RATE_LIMIT_EXCEEDED",
        "MEDIA_UPLOAD_FAILED",
        "WEBHOOK_DELIVERY_FAILED",
        "GUEST_OPTED_OUT",
    ] {
        assert!(text.contains(code), "{code}");
    }
    hotel.close().await;
}

#[tokio::test]
async fn every_failure_has_the_envelope() {
    let hotel = Hotel::open().await;
    for (answer, status, code) in refusals(&hotel).await {
        let body = answer.expect(status);
        let error = &body["error"];
        assert_eq!(error["code"], code, "{body}");
        for key in ["message", "request_id"] {
            assert!(error[key].as_str().is_some_and(|text| !text.is_empty()), "{key} in {body}");
        }
        assert!(error["details"].is_object() && error["recovery_options"].is_array(), "{body}");
    }
    assert!(hotel.phones.ledger().await.is_empty());
    hotel.close().await;
}

/// Requests that are wrong, each in its own way, with the status and code that answer them.
async fn refusals(hotel: &Hotel) -> Vec<(Answer, u16, &'static str)> {
    let nobody = bellhop_e2e::Api::new(&hotel.staff.base, "bhk_wrong");
    let patch = |body: Value| {
        let admin = hotel.admin.clone();
        async move { admin.ask(Method::PATCH, "/property", Some(&body), &[]).await }
    };
    let send = async |body: Value| hotel.staff.post("/messages/send", &body).await;
    let content = json!({"text": "x"});
    let bad = "VALIDATION_FAILED";
    vec![
        (hotel.staff.get("/no/such/path").await, 404, "NOT_FOUND"),
        (hotel.staff.get("/messages/msg_nonsense").await, 404, "NOT_FOUND"),
        (hotel.staff.get("/conversations/conv_abc123").await, 404, "NOT_FOUND"),
        (hotel.staff.get("/messages?limit=0").await, 400, bad),
        (hotel.staff.get("/messages?limit=101").await, 400, bad),
        (hotel.staff.get("/messages?cursor=xyz").await, 400, bad),
        (hotel.staff.ask(Method::DELETE, "/messages/send", None, &[]).await, 405, "METHOD_NOT_ALLOWED"),
        (send(json!({"message_type": "text", "content": content})).await, 400, bad),
        (send(json!({"guest_phone": "+1234567890", "message_type": "text"})).await, 400, bad),
        (hotel.staff.text("room 205", "x").await, 400, "INVALID_PHONE_NUMBER"),
        (hotel.staff.text("0541234567", "x").await, 400, "INVALID_PHONE_NUMBER"),
        (hotel.staff.text("+1234567890", " ").await, 400, bad),
        (hotel.staff.text("+1234567890", &"x".repeat(4097)).await, 400, bad),
        (hotel.staff.text("+1234567890", &"x".repeat(6 << 20)).await, 413, "PAYLOAD_TOO_LARGE"),
        (patch(json!({"time_zone": "Mars/Olympus"})).await, 400, bad),
        (patch(json!({"default_language": "english"})).await, 400, bad),
        (patch(json!({"default_country": "XX"})).await, 400, bad),
        (nobody.get("/messages").await, 401, "UNAUTHENTICATED"),
        (nobody.post("/messages/send", &json!("nonsense")).await, 401, "UNAUTHENTICATED"),
        (
            hotel.staff.ask(Method::PATCH, "/property", Some(&json!({"name": "x"})), &[]).await,
            403,
            "FORBIDDEN",
        ),
    ]
}

#[tokio::test]
async fn lists_page_through_everything_once() {
    let hotel = Hotel::open().await;
    let phone = "+1234567890";
    let mut sent = Vec::new();
    for n in 0..7 {
        sent.push(hotel.staff.text(phone, &format!("text {n}")).await.expect(202)["message_id"].clone());
    }
    for id in &sent {
        hotel.staff.until(id.as_str().unwrap(), &["read"]).await;
    }
    let mut listed = Vec::new();
    let mut cursor = String::new();
    loop {
        let page =
            hotel.staff.get(&format!("/messages?direction=outbound&limit=3{cursor}")).await.expect(200);
        listed.extend(page["data"].as_array().unwrap().iter().map(|m| m["message_id"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    listed.reverse();
    assert_eq!(listed, sent);

    // In a conversation: the newest page first, oldest first inside it.
    let id = hotel.staff.conversation_of(phone).await["conversation_id"].as_str().unwrap().to_owned();
    let newest = hotel.staff.get(&format!("/conversations/{id}?limit=3")).await.expect(200);
    let ids: Vec<&Value> = newest["messages"].as_array().unwrap().iter().map(|m| &m["message_id"]).collect();
    assert_eq!(ids, sent[4..].iter().collect::<Vec<_>>());
    let older = newest["messages_next_cursor"].as_str().unwrap();
    let older = hotel.staff.get(&format!("/conversations/{id}?limit=3&cursor={older}")).await.expect(200);
    let ids: Vec<&Value> = older["messages"].as_array().unwrap().iter().map(|m| &m["message_id"]).collect();
    assert_eq!(ids, sent[1..4].iter().collect::<Vec<_>>());
    hotel.close().await;
}
