//! Templates from their submission to the guest.

use std::time::Duration;

use bellhop_e2e::{Answer, BellhopProcess, Home, Hotel, Phones, eventually};
use reqwest::Method;
use serde_json::{Value, json};

const PHONE: &str = "+14155552671";
const BODY: &str =
    "Hi {{1}}, your late checkout until {{2}} has been confirmed for room {{3}}. Additional charges: {{4}}.";

fn late_checkout(name: &str) -> Value {
    json!({"name": name, "category": "UTILITY", "language": "en", "components": [
        {"type": "HEADER", "format": "TEXT", "text": "Late Checkout Confirmed"},
        {"type": "BODY", "text": BODY},
        {"type": "FOOTER", "text": "Thank you for staying with us!"},
    ]})
}

async fn submit(hotel: &Hotel, body: &Value) -> Value {
    hotel.admin.post("/templates", body).await.expect(201)
}

async fn patch(hotel: &Hotel, path: &str, body: Value) -> Answer {
    hotel.admin.ask(Method::PATCH, path, Some(&body), &[]).await
}

async fn until(hotel: &Hotel, name: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(&format!("news of {name}"), || async {
        let template = hotel.staff.get(&format!("/templates/{name}")).await.expect(200);
        is(&template).then_some(template)
    })
    .await
}

async fn until_status(hotel: &Hotel, name: &str, status: &str) -> Value {
    until(hotel, name, |template| template["status"] == status).await
}

fn wrong_fields(answer: &Value) -> Vec<&str> {
    let fields = answer["error"]["details"]["fields"].as_array().expect("fields");
    fields.iter().map(|field| field["field"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn submitted_approved_named_and_sent() {
    let hotel = Hotel::open().await;
    let mut new = late_checkout("late_checkout_confirmation");
    new["parameter_names"] = json!(["guest", "until", "room", "charges"]);
    new["label"] = json!("guest_services");
    let submitted = submit(&hotel, &new).await;
    assert_eq!((&submitted["status"], &submitted["version"]), (&json!("PENDING"), &json!(1)));
    assert_eq!(submitted["components"][1]["example"]["body_text"][0].as_array().unwrap().len(), 4);
    let send = json!({"guest_phone": PHONE, "template_name": "late_checkout_confirmation",
        "parameters": {"room": "205", "guest": "{{2}}", "charges": "$20", "until": "שעה 14:00 🕑"}});
    let early = hotel.staff.post("/templates/send", &send).await;
    if early.status.as_u16() == 404 {
        let refused = early.expect(404);
        assert_eq!(refused["error"]["code"], "TEMPLATE_NOT_FOUND");
        assert_eq!(refused["error"]["details"]["status"], "PENDING");
    }
    let approved = until_status(&hotel, "late_checkout_confirmation", "APPROVED").await;
    assert_eq!(approved["parameters"], json!(["guest", "until", "room", "charges"]));
    let labelled = hotel.staff.get("/templates?category=guest_services&status=APPROVED").await.expect(200);
    assert!(labelled["data"].as_array().unwrap().iter().any(|t| t["name"] == "late_checkout_confirmation"));

    let preview = hotel.staff.post("/templates/preview", &send).await.expect(200);
    let filled = "Hi {{2}}, your late checkout until שעה 14:00 🕑 has been confirmed for room 205. Additional charges: $20.";
    assert_eq!(
        (&preview["text"], &preview["header"]["text"]),
        (&json!(filled), &json!("Late Checkout Confirmed"))
    );
    let sent = hotel.staff.post("/templates/send", &send).await.expect(202);
    hotel.staff.until(sent["message_id"].as_str().unwrap(), &["sent", "delivered", "read"]).await;
    let ledger = hotel.phones.ledger_of(PHONE).await;
    let texts: Vec<&Value> = ledger[0]["payload"]["template"]["components"][0]["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| &parameter["text"])
        .collect();
    assert_eq!(texts, ["{{2}}", "שעה 14:00 🕑", "205", "$20"], "by position, whatever the order of the keys");
    let chat = hotel.phones.get(&format!("/guests/{}/chat", &PHONE[1..])).await;
    assert!(chat["data"][0]["text"].as_str().unwrap().contains(filled), "{chat}");
    hotel.close().await;
}

#[tokio::test]
async fn what_is_wrong_is_named_at_once_and_never_reaches_whatsapp() {
    let hotel = Hotel::open().await;
    let wrong = json!({"name": "Late Checkout", "category": "PRIVATE", "language": "english", "components": [
        {"type": "BODY", "text": "{{1}} is first"}, {"type": "FOOTER", "text": "{{1}}"},
    ]});
    let refused = hotel.admin.post("/templates", &wrong).await.expect(400);
    for field in ["name", "category", "language", "components.0.text", "components.1.text"] {
        assert!(wrong_fields(&refused).contains(&field), "{field} in {refused}");
    }
    assert_eq!(hotel.staff.post("/templates", &late_checkout("a")).await.refused(403), "FORBIDDEN");
    let known = hotel.phones.get("/templates").await["data"].as_array().unwrap().len();
    submit(&hotel, &late_checkout("twice_wait")).await;
    assert_eq!(
        hotel.admin.post("/templates", &late_checkout("twice_wait")).await.refused(409),
        "TEMPLATE_EXISTS"
    );
    assert_eq!(hotel.phones.get("/templates").await["data"].as_array().unwrap().len(), known + 1);
    // Wrong values are refused before a message is made.
    for (given, wrong) in [
        (json!({}), vec!["guest_name", "service_type"]),
        (json!({"guest_name": "a", "service_type": "b", "room": "c"}), vec!["room"]),
        (json!({"guest_name": "a\nb", "service_type": "b"}), vec!["guest_name"]),
        (json!({"guest_name": "a     b", "service_type": "b"}), vec!["guest_name"]),
        (json!({"guest_name": "", "service_type": "b"}), vec!["guest_name"]),
    ] {
        let send = json!({"guest_phone": PHONE, "template_name": "service_followup", "parameters": given});
        let refused = hotel.staff.post("/templates/send", &send).await.expect(400);
        assert_eq!(refused["error"]["code"], "INVALID_TEMPLATE_PARAMETERS");
        assert_eq!(refused["error"]["details"]["wrong"], json!(wrong));
    }
    // A positional template takes positions, and says so.
    let send = json!({"guest_phone": PHONE, "template_name": "appointment_reminder", "language": "en",
        "parameters": {"guest_name": "Ana"}});
    let refused = hotel.staff.post("/templates/send", &send).await.expect(400);
    assert_eq!(refused["error"]["details"]["takes"], json!(["1", "2", "3"]), "en finds en_US");
    assert!(hotel.phones.ledger_of(PHONE).await.is_empty());
    hotel.close().await;
}

#[tokio::test]
async fn a_repeat_with_its_key_submits_once() {
    let hotel = Hotel::open().await;
    let body = late_checkout("keyed_wait");
    let headers = [("idempotency-key", "t-1")];
    let ask = || hotel.admin.ask(Method::POST, "/templates", Some(&body), &headers);
    let first = ask().await.expect(201);
    let again = ask().await.expect(201);
    assert_eq!(first["template_id"], again["template_id"]);
    let all = hotel.phones.get("/templates").await;
    let same = all["data"].as_array().unwrap().iter().filter(|t| t["name"] == "keyed_wait").count();
    assert_eq!(same, 1);
    hotel.close().await;
}

/// A process that dies between its note and WhatsApp's answer, or between that and its record: the same request
/// again ends in one template.
#[tokio::test(flavor = "multi_thread")]
async fn a_death_in_the_middle_leaves_one_template() {
    let deaths = ["template_reserved", "template_submitted"].map(|place| async move {
        let phones = Phones::start(1).await;
        let home = Home::make().await;
        let process = BellhopProcess::start(&home, &phones.url, &[("BELLHOP_FAIL_POINT", place)]).await;
        let body = late_checkout("dead_wait");
        let headers = [("idempotency-key", "dead")];
        process.admin().try_ask(Method::POST, "/templates", Some(&body), &headers).await.ok();
        assert!(process.died(Duration::from_secs(30)).await, "{place}");
        let process = BellhopProcess::start(&home, &phones.url, &[]).await;
        let admin = process.admin();
        let made = eventually("the template to be submitted", || async {
            let again = admin.ask(Method::POST, "/templates", Some(&body), &headers).await;
            match again.status.as_u16() {
                201 => Some(again.body),
                _ => (again.refused(409) != "IDEMPOTENCY_KEY_IN_FLIGHT").then_some(Value::Null),
            }
        })
        .await;
        assert_eq!(made["status"], "PENDING", "{place}: {made}");
        let all = phones.get("/templates").await;
        let same = all["data"].as_array().unwrap().iter().filter(|t| t["name"] == "dead_wait").count();
        assert_eq!(same, 1, "{place}");
        process.kill().await;
    });
    futures_util::future::join_all(deaths).await;
}

#[tokio::test]
async fn reviews_refilings_and_pauses_are_taken_over() {
    let hotel = Hotel::open().await;
    submit(&hotel, &late_checkout("please_reject")).await;
    let rejected = until_status(&hotel, "please_reject", "REJECTED").await;
    assert!(rejected["rejection_reason"].is_string(), "{rejected}");
    // A utility template that becomes marketing is another template: shown, and kept as a version.
    let change = |keys: Value| {
        let mut keys = keys;
        keys["name"] = json!("service_followup");
        keys["language"] = json!("en");
        keys
    };
    hotel.phones.put("/templates", &change(json!({"category": "MARKETING"}))).await;
    let refiled = until(&hotel, "service_followup", |t| t["category"] == "MARKETING").await;
    assert_eq!((&refiled["previous_category"], &refiled["version"]), (&json!("UTILITY"), &json!(2)));
    let versions = hotel.staff.get("/templates/service_followup/versions").await.expect(200);
    assert_eq!(versions["data"][0]["category"], "MARKETING");
    assert_eq!(versions["data"][1]["category"], "UTILITY");
    hotel.phones.put("/templates", &change(json!({"quality_score": {"score": "RED", "date": 0}}))).await;
    until(&hotel, "service_followup", |t| t["quality"] == "RED").await;
    for status in ["PAUSED", "DISABLED"] {
        hotel.phones.put("/templates", &change(json!({"status": status}))).await;
        until_status(&hotel, "service_followup", status).await;
        let send = json!({"guest_phone": PHONE, "template_name": "service_followup", "language": "en",
            "parameters": {"guest_name": "a", "service_type": "b"}});
        let refused = hotel.staff.post("/templates/send", &send).await.expect(404);
        assert_eq!(refused["error"]["details"]["status"], status);
    }
    hotel.phones.put("/templates", &change(json!({"status": "APPROVED"}))).await;
    until_status(&hotel, "service_followup", "APPROVED").await;
    let components = json!([{"type": "BODY", "text": "Hello {{guest_name}}, is all well with you?",
        "example": {"body_text_named_params": [{"param_name": "guest_name", "example": "Ana"}]}}]);
    hotel.phones.put("/templates", &change(json!({"components": components}))).await;
    until(&hotel, "service_followup", |t| t["parameters"] == json!(["guest_name"])).await;
    hotel.close().await;
}

#[tokio::test]
async fn edited_and_removed() {
    let hotel = Hotel::open().await;
    submit(&hotel, &late_checkout("late_checkout")).await;
    until_status(&hotel, "late_checkout", "APPROVED").await;
    let components = json!([{"type": "BODY", "text": "Hi {{1}}, you may stay until {{2}} today."}]);
    let edited =
        patch(&hotel, "/templates/late_checkout", json!({"components": components})).await.expect(200);
    assert_eq!((&edited["version"], &edited["parameters"]), (&json!(2), &json!(["1", "2"])));
    until_status(&hotel, "late_checkout", "APPROVED").await;
    let named = json!({"parameter_names": ["guest", "until"], "label": "stay"});
    let named = patch(&hotel, "/templates/late_checkout", named).await.expect(200);
    assert_eq!((&named["parameters"], &named["label"]), (&json!(["guest", "until"]), &json!("stay")));
    let wrong =
        patch(&hotel, "/templates/late_checkout", json!({"parameter_names": ["one"]})).await.expect(400);
    assert_eq!(wrong_fields(&wrong), ["parameter_names"]);
    let several =
        patch(&hotel, "/templates/welcome_checkin", json!({"category": "MARKETING"})).await.expect(400);
    assert_eq!(wrong_fields(&several), ["language"]);

    hotel.admin.ask(Method::DELETE, "/templates/late_checkout", None, &[]).await.expect(204);
    assert_eq!(hotel.staff.get("/templates/late_checkout").await.refused(404), "TEMPLATE_NOT_FOUND");
    let there = hotel.phones.get("/templates").await;
    assert!(!there["data"].as_array().unwrap().iter().any(|t| t["name"] == "late_checkout"));
    let one = "/templates/welcome_checkin?language=he";
    hotel.admin.ask(Method::DELETE, one, None, &[]).await.expect(204);
    let left = hotel.staff.get("/templates/welcome_checkin").await.expect(200);
    let languages: Vec<&Value> =
        left["translations"].as_array().unwrap().iter().map(|t| &t["language"]).collect();
    assert_eq!(languages, ["ar", "en"]);
    let synced = hotel.admin.post("/templates/sync", &json!({})).await.expect(200);
    assert!(synced["templates"].as_u64() > Some(5));
    hotel.close().await;
}

#[tokio::test]
async fn headers_and_buttons_are_given_and_go_out() {
    let hotel = Hotel::open().await;
    let detail = hotel.staff.get("/templates/invoice").await.expect(200);
    assert_eq!(detail["needs"]["header"], "document");
    assert_eq!(detail["needs"]["buttons"][0]["type"], "url");
    let mut send = json!({"guest_phone": PHONE, "template_name": "invoice", "language": "en",
        "parameters": {"guest_name": "Ana", "total": "$420"}});
    let refused = hotel.staff.post("/templates/send", &send).await.expect(400);
    assert_eq!(refused["error"]["details"]["wrong"], json!(["header"]), "{refused}");
    send["header"] =
        json!({"type": "document", "link": "https://h.example/i.pdf", "filename": "invoice.pdf"});
    let refused = hotel.staff.post("/templates/send", &send).await.expect(400);
    assert_eq!(refused["error"]["details"]["wrong"], json!(["buttons.0"]), "{refused}");
    send["button_parameters"] = json!([{"index": 0, "value": "A-17"}]);
    let sent = hotel.staff.post("/templates/send", &send).await.expect(202);
    hotel.staff.until(sent["message_id"].as_str().unwrap(), &["sent", "delivered", "read"]).await;
    let components = hotel.phones.ledger_of(PHONE).await[0]["payload"]["template"]["components"].clone();
    assert_eq!(
        components,
        json!([
            {"type": "header", "parameters": [{"type": "document",
                "document": {"link": "https://h.example/i.pdf", "filename": "invoice.pdf"}}]},
            {"type": "body", "parameters": [
                {"type": "text", "parameter_name": "guest_name", "text": "Ana"},
                {"type": "text", "parameter_name": "total", "text": "$420"}]},
            {"type": "button", "sub_type": "url", "index": "0",
                "parameters": [{"type": "text", "text": "A-17"}]},
        ])
    );
    let send = json!({"guest_phone": PHONE, "template_name": "directions", "parameters": {"guest_name": "Ana"},
        "header": {"type": "location", "latitude": 32.1, "longitude": "34.8", "name": "Grand Plaza", "address": "1 Sea Rd"}});
    let sent = hotel.staff.post("/templates/send", &send).await.expect(202);
    hotel.staff.until(sent["message_id"].as_str().unwrap(), &["sent", "delivered", "read"]).await;
    hotel.close().await;
}
