//! The control API's own contract, templates, and the page.

mod common;

use common::Sim;
use serde_json::{Value, json};

const ADA: &str = "972541234567";

#[tokio::test]
async fn the_account_is_well_known() {
    let sim = Sim::start().await;
    let account = sim.get("account").await;
    assert_eq!(account, json!(bellhop_simulator::well_known(1)));
    let keys: Vec<_> = account.as_object().unwrap().keys().map(String::as_str).collect();
    let expected =
        ["access_token", "app_id", "app_secret", "display_phone_number", "phone_number_id", "waba_id"];
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn guests_are_made_and_updated() {
    let sim = Sim::start().await;
    let made = sim.guest(json!({"phone": "+972-54-123-4567", "name": "Noa"})).await;
    assert_eq!((&made["phone"], &made["wa_id"]), (&json!("+972541234567"), &json!(ADA)));
    assert_eq!((&made["on_whatsapp"], &made["window"]["open"]), (&json!(true), &json!(false)));
    let bsuid = made["bsuid"].as_str().unwrap();
    let updated = sim.guest(json!({"bsuid": bsuid, "username": "noa"})).await;
    assert_eq!((&updated["name"], &updated["username"]), (&json!("Noa"), &json!("noa")));
    assert_eq!(sim.get("guests").await["data"].as_array().unwrap().len(), 1);
    for path in ["guests/+972541234567", "guests/%2B972541234567", "guests/972541234567"] {
        assert_eq!(sim.get(path).await["bsuid"], bsuid);
    }
    for (body, word) in [
        (json!({"phone": "12"}), "12"),
        (json!({"bsuid": "nobody"}), "bsuid"),
        (json!({"hidden": true}), "hidden"),
        (json!({"bsuid": null}), "bsuid"),
    ] {
        let (status, answer) = sim.control_raw("POST", "guests", body).await;
        assert_eq!(status, 400);
        assert!(answer["error"].as_str().unwrap().contains(word), "{answer}");
    }
    for (method, path, expected) in [
        ("GET", "guests/999999999", 404),
        ("GET", "nothing", 404),
        ("DELETE", "account", 404),
        ("GET", "messages?limit=x", 400),
        ("GET", "messages?since=yesterday", 400),
    ] {
        let (status, answer) = sim.control_raw(method, path, Value::Null).await;
        assert_eq!(status, expected, "{path}");
        assert!(answer["error"].is_string());
    }
}

#[tokio::test]
async fn a_guest_writes_in_metas_shape() {
    let sim = Sim::start().await;
    sim.guest(json!({"phone": ADA})).await;
    let path = format!("guests/{ADA}/messages");
    for body in [
        json!({"type": "text"}),
        json!({"text": {"body": "x"}}),
        json!({"type": "text", "text": {"body": "x"}, "timestamp": "soon"}),
    ] {
        assert_eq!(sim.control_raw("POST", &path, body).await.0, 400);
    }
    let sticker = json!({"type": "sticker", "sticker": {"id": "1", "mime_type": "image/webp"}});
    let answer = sim.control("POST", &path, sticker).await;
    assert!(answer["id"].as_str().unwrap().starts_with("wamid."));
    let chat = sim.get(&format!("guests/{ADA}/chat")).await;
    assert_eq!(chat["data"][0]["text"], "[sticker]");
    assert_eq!(chat["guest"]["window"]["open"], true);
    let (status, _) = sim.control_raw("POST", "guests/15551230000/messages", json!({"type": "x"})).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn the_ledger_filters_and_clears() {
    let sim = Sim::quick().await;
    sim.open_guest(ADA).await;
    sim.open_guest("16505551234").await;
    for n in 0..3 {
        sim.text(ADA, &n.to_string()).await;
    }
    sim.control("POST", "clock", json!({"advance_seconds": 60})).await;
    let since = sim.clock.now_ms();
    sim.text("16505551234", "later").await;
    let hello = json!({"messaging_product": "whatsapp", "to": ADA, "type": "template",
        "template": {"name": "hello_world", "language": {"code": "en_US"}}});
    assert_eq!(sim.send(hello).await.0, 200);
    for (query, count, shown) in [
        ("", 5, 5),
        ("limit=2", 5, 2),
        ("limit=0", 5, 0),
        ("to=972541234567", 4, 4),
        ("to=%2B972541234567", 4, 4),
        ("to=+972541234567", 4, 4),
        ("type=template", 1, 1),
        ("type=text&to=972541234567", 3, 3),
        (&format!("since={since}"), 2, 2),
    ] {
        let ledger = sim.ledger(query).await;
        assert_eq!(ledger["count"], count, "{query}");
        assert_eq!(ledger["data"].as_array().unwrap().len(), shown, "{query}");
    }
    let oldest = sim.ledger("limit=1").await;
    assert_eq!(oldest["data"][0]["payload"]["text"]["body"], "0");
    sim.control("DELETE", "messages", Value::Null).await;
    assert_eq!(sim.ledger("").await, json!({"count": 0, "data": []}));
}

#[tokio::test]
async fn the_number_takes_what_meta_has() {
    let sim = Sim::start().await;
    let path = sim.number_path();
    assert_eq!(sim.get(&path).await, json!({"throughput": 80, "pair_limit": true}));
    let answer = sim.control("PUT", &path, json!({"throughput": null, "pair_limit": false})).await;
    assert_eq!(answer, json!({"throughput": null, "pair_limit": false}));
    sim.control("PUT", &path, json!({"throughput": 1_000})).await;
    assert_eq!(sim.get(&path).await, json!({"throughput": 1_000, "pair_limit": false}));
    for body in [json!({"throughput": 81}), json!({"throughput": "80"}), json!({"speed": 1}), json!([])] {
        assert_eq!(sim.control_raw("PUT", &path, body).await.0, 400);
    }
    assert_eq!(sim.control_raw("PUT", "numbers/1", json!({"throughput": 80})).await.0, 404);
    let (_, number) = sim.graph("GET", &sim.account.phone_number_id.clone(), Value::Null).await;
    assert_eq!(number["id"], sim.account.phone_number_id);
    assert!(number["display_phone_number"].as_str().unwrap().starts_with("+1 555-"));
    assert_eq!(number.get("throughput"), None);
}

#[tokio::test]
async fn the_clock_moves() {
    let sim = Sim::start().await;
    let before = sim.clock.now();
    let answer = sim.control("POST", "clock", json!({"advance_seconds": 90_000})).await;
    assert_eq!(answer["offset_seconds"], 90_000.0);
    assert!((sim.clock.now() - before).num_seconds() >= 90_000);
    for body in
        [json!({}), json!({"advance_seconds": "1"}), json!({"advance_seconds": 1e18}), json!({"seconds": 1})]
    {
        assert_eq!(sim.control_raw("POST", "clock", body).await.0, 400);
    }
}

#[tokio::test]
async fn templates_come_in_pages() {
    let sim = Sim::start().await;
    let path = format!("{}/message_templates", sim.account.waba_id);
    let mut names = Vec::new();
    let mut query = "limit=3&status=APPROVED".to_owned();
    loop {
        let (status, page) = sim.graph("GET", &format!("{path}?{query}"), Value::Null).await;
        assert_eq!(status, 200, "{page}");
        names.extend(
            page["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["paging"].get("next") else { break };
        let next = next.as_str().unwrap();
        assert!(next.starts_with(&sim.base) && next.contains("limit=3"), "{next}");
        assert!(!next.contains(&sim.account.access_token));
        query = next.split_once('?').unwrap().1.to_owned();
    }
    assert_eq!(
        names,
        [
            "welcome_checkin",
            "service_confirmation",
            "service_followup",
            "general_inquiry",
            "wedding_invitation",
            "appointment_reminder",
            "hello_world",
            "room_key",
            "stay_extension",
            "invoice",
            "directions",
            "spa_offer",
            "welcome_checkin",
            "welcome_checkin",
            "promo_video"
        ]
    );
    let count = async |query: &str| {
        let (_, page) = sim.graph("GET", &format!("{path}?{query}"), Value::Null).await;
        assert_eq!(page["paging"].get("next"), None);
        page["data"].as_array().unwrap().len()
    };
    assert_eq!(count("language=he").await, 2);
    assert_eq!(count("name=service").await, 2);
    assert_eq!(count("category=MARKETING").await, 3);
    assert_eq!(count("status=PAUSED").await, 0);
    let (status, _) = sim.graph("GET", &format!("{path}?after=%25%25"), Value::Null).await;
    assert_eq!(status, 400);
    let (_, page) = sim.graph("GET", &format!("{path}?name=welcome_checkin"), Value::Null).await;
    let template = &page["data"][0];
    assert_eq!(template["parameter_format"], "NAMED");
    assert_eq!(template["components"][1]["type"], "BODY");
    let example = &template["components"][1]["example"]["body_text_named_params"];
    assert_eq!(example[0], json!({"param_name": "guest_name", "example": "John Smith"}));
}

#[tokio::test]
async fn a_template_can_be_added() {
    let sim = Sim::quick().await;
    let body = json!({"name": "quiet_hours", "language": "en", "components": [{"type": "BODY", "text": "Good night"}]});
    let made = sim.control("PUT", "templates", body).await;
    assert_eq!(made["status"], "APPROVED");
    let send = json!({"messaging_product": "whatsapp", "to": ADA, "type": "template",
        "template": {"name": "quiet_hours", "language": {"code": "en"}}});
    assert_eq!(sim.send(send).await.0, 200);
    for body in [
        json!({"name": "x"}),
        json!({"name": "X y", "language": "en"}),
        json!({"name": "x", "language": "en"}),
    ] {
        assert_eq!(sim.control_raw("PUT", "templates", body).await.0, 400);
    }
}

#[tokio::test]
async fn the_page_comes_from_here_alone() {
    let sim = Sim::start().await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/phone.css", "text/css"),
        ("/content.css", "text/css"),
        ("/phone.js", "text/javascript"),
        ("/basics.js", "text/javascript"),
        ("/chat.js", "text/javascript"),
        ("/content.js", "text/javascript"),
        ("/answers.js", "text/javascript"),
        ("/sharing.js", "text/javascript"),
        ("/settings.js", "text/javascript"),
    ] {
        let response = sim.http.get(format!("{}{path}", sim.base)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-type").starts_with(kind) && header("content-type").contains("utf-8"));
        assert!(header("content-security-policy").contains("default-src 'none'"));
        let text = response.text().await.unwrap();
        assert!(!text.contains("https://"), "{path} loads something from elsewhere");
    }
    assert_eq!(sim.http.get(format!("{}/nothing", sim.base)).send().await.unwrap().status(), 404);
    assert_eq!(sim.http.post(&sim.base).send().await.unwrap().status(), 405);
}
