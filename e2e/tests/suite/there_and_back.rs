//! The main path: a message to a guest and the guest's answer.

use bellhop_e2e::{Hotel, eventually};
use serde_json::json;

const NOAH: &str = "+972541234567";

#[tokio::test]
async fn a_text_goes_out_once_and_the_ticks_turn() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest(NOAH, "נועה לוי").await;
    let sent = hotel.staff.text(NOAH, "שלום! החדר מוכן").await.expect(202);
    assert_eq!(sent["status"], "queued");
    assert_eq!(sent["conversation_id"], conversation.as_str());

    let message = hotel.staff.until(sent["message_id"].as_str().unwrap(), &["read"]).await;
    for time in ["sent_at", "delivered_at", "read_at"] {
        assert!(message[time].is_string(), "{time} in {message}");
    }
    let ledger = hotel.phones.ledger_of(NOAH).await;
    assert_eq!(ledger.len(), 1);
    assert_eq!(ledger[0]["payload"]["text"]["body"], "שלום! החדר מוכן");
    assert_eq!(ledger[0]["id"], message["wamid"]);
    let echo = format!("{}.1", sent["message_id"].as_str().unwrap());
    assert_eq!(ledger[0]["biz_opaque_callback_data"], echo.as_str());
    hotel.close().await;
}

#[tokio::test]
async fn the_guests_answer_arrives_and_opens_the_window_from_its_own_time() {
    let hotel = Hotel::open().await;
    let phone = "+14155552671";
    hotel.phones.guest(json!({"phone": phone, "name": "Ana"})).await;
    // Nobody wrote yet: free text is refused, exactly as the contract says.
    let refused = hotel.staff.text(phone, "Hello").await.expect(403);
    let error = &refused["error"];
    assert_eq!(error["code"], "MESSAGE_WINDOW_EXPIRED");
    assert_eq!(error["message"], "Cannot send free-form message outside 24-hour window");
    assert_eq!(error["details"]["guest_phone"], phone);
    assert_eq!(error["details"]["suggested_templates"][0], "service_followup");
    assert_eq!(error["details"]["suggested_templates"][1], "general_inquiry");
    assert_eq!(error["recovery_options"][0], "Use approved template message");
    let unknown = hotel.staff.get(&format!("/guests?phone={}", &phone[1..])).await.expect(200);
    assert_eq!(unknown["data"], json!([]), "a refused send leaves no guest behind");

    // An hour ago, by the guest's own clock.
    let wrote = chrono_now_seconds() - 3600;
    let path = format!("/guests/{}/messages", &phone[1..]);
    let body = json!({"type": "text", "text": {"body": "Is there parking?"}, "timestamp": wrote.to_string()});
    hotel.phones.post(&path, &body).await;
    let conversation = hotel.staff.conversation_of(phone).await;
    let id = conversation["conversation_id"].as_str().unwrap();
    let detail = hotel.staff.get(&format!("/conversations/{id}")).await.expect(200);
    assert_eq!(detail["messages"][0]["content"]["text"], "Is there parking?");
    assert_eq!(detail["messages"][0]["direction"], "inbound");
    assert_eq!(detail["status"], "active");
    assert!(detail["participants"].as_array().is_some_and(|all| !all.is_empty()));
    let window = hotel.staff.get(&format!("/conversations/{id}/window-status")).await.expect(200);
    assert_eq!(window["within_window"], true);
    let hours = window["hours_remaining"].as_f64().unwrap();
    assert!((22.9..=23.0).contains(&hours), "{hours} hours from the message's own time");

    let sent = hotel.staff.text(phone, "Yes, behind the house").await.expect(202);
    hotel.staff.until(sent["message_id"].as_str().unwrap(), &["sent", "delivered", "read"]).await;

    // The window closes at its end, and a template still leaves.
    hotel.phones.advance_clock(24 * 3600).await;
    let window = hotel.staff.get(&format!("/conversations/{id}/window-status")).await.expect(200);
    assert_eq!(window["within_window"], false);
    assert_eq!(window["hours_remaining"], 0.0);
    let refused = hotel.staff.text(phone, "Still there?").await.expect(403);
    assert!(refused["error"]["details"]["last_guest_message"].is_string());
    assert!(refused["error"]["details"]["window_expires"].is_string());
    let template = json!({
        "guest_phone": phone, "template_name": "service_followup", "language": "en",
        "parameters": parameters_of(&hotel, "service_followup").await,
    });
    let sent = hotel.staff.post("/templates/send", &template).await.expect(202);
    hotel.staff.until(sent["message_id"].as_str().unwrap(), &["sent", "delivered", "read"]).await;
    hotel.close().await;
}

/// A value for each parameter of a template, as its own page lists them.
async fn parameters_of(hotel: &Hotel, name: &str) -> serde_json::Value {
    let template = hotel.staff.get(&format!("/templates/{name}")).await.expect(200);
    let names = template["parameters"].as_array().expect("a list").iter();
    names.map(|name| (name.as_str().expect("a name").to_owned(), json!("something"))).collect()
}

#[tokio::test]
async fn the_guides_templates_leave_with_their_parameters() {
    let hotel = Hotel::open().await;
    for (name, language, parameters) in [
        (
            "welcome_checkin",
            "en",
            json!({"guest_name": "John Smith", "hotel_name": "Grand Plaza Hotel", "room_number": "205",
                "checkin_time": "3:00 PM", "checkout_date": "January 18, 2024"}),
        ),
        (
            "service_confirmation",
            "en",
            json!({"service_type": "Spa Massage", "appointment_time": "Tomorrow at 2:00 PM",
                "location": "Wellness Center - Room 3", "estimated_duration": "90 minutes"}),
        ),
        ("appointment_reminder", "en_US", json!({"1": "John Doe", "2": "3:00 PM", "3": "March 15"})),
        (
            "wedding_invitation",
            "he",
            json!({"1": "נועה", "2": "דוד", "3": "וורד", "4": "גן עדן", "5": "25/02", "6": "19:00",
                "7": "https://example.com/r"}),
        ),
        ("hello_world", "en_US", json!({})),
    ] {
        let body = json!({
            "guest_phone": "+1234567890", "template_name": name, "language": language, "parameters": parameters,
            "conversation_metadata": {"booking_reference": "RB123456", name: true},
        });
        let sent = hotel.staff.post("/templates/send", &body).await.expect(202);
        let message = hotel
            .staff
            .until(sent["message_id"].as_str().unwrap(), &["sent", "delivered", "read", "failed"])
            .await;
        assert_ne!(message["status"], "failed", "{message}");
        assert!(!message["content"]["text"].as_str().unwrap().contains("{{"), "{message}");
    }
    let conversation = hotel.staff.conversation_of("+1234567890").await;
    assert_eq!(conversation["metadata"]["booking_reference"], "RB123456");
    assert_eq!(conversation["metadata"]["welcome_checkin"], true, "metadata is laid over what was there");
    hotel.close().await;
}

#[tokio::test]
async fn wrong_templates_and_parameters_are_named_before_any_call() {
    let hotel = Hotel::open().await;
    let send = |name: &str, language: &str, parameters: serde_json::Value| {
        let body = json!({"guest_phone": "+1234567890", "template_name": name, "language": language,
            "parameters": parameters});
        let staff = hotel.staff.clone();
        async move { staff.post("/templates/send", &body).await }
    };
    assert_eq!(send("no_such", "en", json!({})).await.refused(404), "TEMPLATE_NOT_FOUND");
    assert_eq!(send("welcome_checkin", "fr", json!({})).await.refused(404), "TEMPLATE_NOT_FOUND");
    let missing = send("service_confirmation", "en", json!({"service_type": "Spa"})).await.expect(400);
    assert_eq!(missing["error"]["code"], "INVALID_TEMPLATE_PARAMETERS");
    let wrong = missing["error"]["details"]["wrong"].to_string();
    assert!(wrong.contains("appointment_time") && wrong.contains("location"), "{wrong}");
    // A positional template is not filled by the order of JSON keys.
    let named = json!({"a": "John", "b": "3 PM", "c": "March"});
    assert_eq!(
        send("appointment_reminder", "en_US", named).await.refused(400),
        "INVALID_TEMPLATE_PARAMETERS"
    );
    assert!(hotel.phones.ledger_of("+1234567890").await.is_empty());
    hotel.close().await;
}

#[tokio::test]
async fn the_guides_list_of_templates_is_not_empty() {
    let hotel = Hotel::open().await;
    let listed = hotel.staff.get("/templates?language=en&category=guest_services").await.expect(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(4));
    hotel.close().await;
}

#[tokio::test]
async fn a_language_falls_back_to_its_base_and_to_what_is_approved() {
    let hotel = Hotel::open().await;
    for (language, status) in [("en_GB", "REJECTED"), ("en_US", "APPROVED"), ("he", "APPROVED")] {
        let template = json!({"name": "greet", "language": language, "status": status, "category": "UTILITY",
            "parameter_format": "POSITIONAL", "components": [{"type": "BODY", "text": "Hello"}]});
        hotel.phones.put("/templates", &template).await;
    }
    hotel.running.app().sync_connections().await.unwrap();
    let send = |language: &str| {
        let body = json!({"guest_phone": "+1234567890", "template_name": "greet", "language": language});
        let staff = hotel.staff.clone();
        async move { staff.post("/templates/send", &body).await }
    };
    send("en").await.expect(202);
    send("EN").await.expect(202);
    send("he_IL").await.expect(202);
    let rejected = send("en_GB").await.expect(404);
    assert_eq!(rejected["error"]["details"]["status"], "REJECTED");
    assert_eq!(send("en_AU").await.refused(404), "TEMPLATE_NOT_FOUND");
    // A change at the provider is taken over.
    hotel.phones.put("/templates", &json!({"name": "greet", "language": "en_US", "status": "PAUSED"})).await;
    hotel.running.app().sync_connections().await.unwrap();
    assert_eq!(send("en_US").await.refused(404), "TEMPLATE_NOT_FOUND");
    hotel.close().await;
}

#[tokio::test]
async fn a_resolved_conversation_reopens_when_the_guest_writes() {
    let hotel = Hotel::open().await;
    let id = hotel.guest(NOAH, "Noa").await;
    let body =
        json!({"resolution_notes": "Towels brought", "satisfaction_rating": 5, "follow_up_required": false});
    let resolved = hotel.staff.post(&format!("/conversations/{id}/resolve"), &body).await.expect(200);
    assert_eq!(resolved["status"], "resolved");
    let listed =
        hotel.staff.get("/conversations?guest_phone=%2B972541234567&status=active").await.expect(200);
    assert_eq!(listed["data"], json!([]));
    let too_good = json!({"satisfaction_rating": 6});
    assert_eq!(
        hotel.staff.post(&format!("/conversations/{id}/resolve"), &too_good).await.refused(400),
        "VALIDATION_FAILED"
    );
    hotel.phones.writes(NOAH, "One more thing").await;
    eventually("the conversation to reopen", || async {
        let detail = hotel.staff.get(&format!("/conversations/{id}")).await.expect(200);
        (detail["status"] == "active").then_some(())
    })
    .await;
    hotel.close().await;
}

fn chrono_now_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Without the webhook it would take the next round of asking, minutes later.
#[tokio::test]
async fn an_upgrade_of_the_number_is_used_at_once() {
    let hotel = Hotel::open().await;
    let metrics = hotel.staff.base.replace("/api/v1/whatsapp", "/metrics");
    let limit_becomes = |wanted: &'static str| {
        let metrics = metrics.clone();
        eventually("the number's limit to be known", move || {
            let metrics = metrics.clone();
            async move {
                let numbers = reqwest::get(metrics).await.ok()?.text().await.ok()?;
                let mut limits = numbers.lines().filter(|line| line.starts_with("bellhop_pace_limit{"));
                limits.any(|line| line.ends_with(wanted)).then_some(())
            }
        })
    };
    limit_becomes(" 80").await;
    let account = hotel.phones.get("/account").await;
    let path = format!("/numbers/{}", account["phone_number_id"].as_str().expect("an id"));
    hotel.phones.put(&path, &json!({"throughput": 1_000})).await;
    limit_becomes(" 1000").await;
    hotel.close().await;
}
