//! Who may tell us things, and what repeats do.

use bellhop_e2e::Hotel;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// What an inbound webhook of a test carries.
pub struct Inbound<'a> {
    /// The simulated account whose number it names.
    pub account: u32,
    pub wa_id: Option<&'a str>,
    pub bsuid: Option<&'a str>,
    pub wamid: &'a str,
    pub text: &'a str,
}

impl Inbound<'_> {
    pub fn of(account: u32) -> Self {
        Self { account, wa_id: None, bsuid: None, wamid: "wamid.TEST", text: "hello" }
    }
}

/// The payload in Meta's shape.
pub fn inbound(of: &Inbound<'_>) -> Value {
    let account = bellhop_simulator::well_known(of.account);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    json!({"object": "whatsapp_business_account", "entry": [{"id": account.waba_id, "changes": [{
    "field": "messages",
    "value": {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": account.display_phone_number, "phone_number_id": account.phone_number_id},
        "contacts": [{"profile": {"name": "Test"}, "wa_id": of.wa_id, "user_id": of.bsuid}],
        "messages": [{"from": of.wa_id, "from_user_id": of.bsuid, "id": of.wamid, "timestamp": now.to_string(),
            "type": "text", "text": {"body": of.text}}],
    }}]}]})
}

/// A status of one of our messages, in Meta's shape; `echo` is the callback data.
pub fn status(wamid: &str, status: &str, echo: Option<&str>) -> Value {
    let account = bellhop_simulator::well_known(1);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut told =
        json!({"id": wamid, "status": status, "timestamp": now.to_string(), "recipient_id": "14155552671"});
    if let Some(echo) = echo {
        told["biz_opaque_callback_data"] = json!(echo);
    }
    if status == "failed" {
        told["errors"] = json!([{"code": 131_026, "title": "Message undeliverable"}]);
    }
    let metadata = json!({"display_phone_number": account.display_phone_number, "phone_number_id": account.phone_number_id});
    json!({"object": "whatsapp_business_account", "entry": [{"id": account.waba_id, "changes": [{
        "field": "messages",
        "value": {"messaging_product": "whatsapp", "metadata": metadata, "statuses": [told]}}]}]})
}

pub fn signature(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length").chain_update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

/// Posts a webhook as the provider would; the HTTP status.
pub async fn deliver(hotel: &Hotel, body: &Value, secret: Option<&str>) -> u16 {
    let bytes = serde_json::to_vec(body).expect("JSON");
    let header = secret.map(|secret| signature(secret, &bytes));
    deliver_raw(hotel, bytes, header.as_deref()).await
}

async fn deliver_raw(hotel: &Hotel, body: Vec<u8>, header: Option<&str>) -> u16 {
    let url = format!("{}/webhook", hotel.staff.base);
    let mut request = reqwest::Client::new().post(url).header("content-type", "application/json").body(body);
    if let Some(header) = header {
        request = request.header("x-hub-signature-256", header);
    }
    request.send().await.expect("an answer").status().as_u16()
}

async fn conversations(hotel: &Hotel) -> Vec<Value> {
    let listed = hotel.staff.get("/conversations").await.expect(200);
    listed["data"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_is_not_signed_is_not_stored() {
    let hotel = Hotel::open().await;
    let before = conversations(&hotel).await;
    let body = inbound(&Inbound { wa_id: Some("14155550000"), ..Inbound::of(1) });
    let secret = bellhop_simulator::well_known(1).app_secret;
    assert_eq!(deliver(&hotel, &body, None).await, 401);
    assert_eq!(deliver(&hotel, &body, Some("another secret")).await, 401);
    let bytes = serde_json::to_vec(&body).unwrap();
    let good = signature(&secret, &bytes);
    for forged in
        [good.replace("sha256=", "sha1="), good[..70].to_owned(), good.to_uppercase(), String::new()]
    {
        assert_eq!(deliver_raw(&hotel, bytes.clone(), Some(&forged)).await, 401, "{forged}");
    }
    let mut changed = bytes.clone();
    changed.push(b' ');
    assert_eq!(deliver_raw(&hotel, changed, Some(&good)).await, 401);
    assert_eq!(conversations(&hotel).await, before);
    // The same bytes, signed, are taken.
    assert_eq!(deliver_raw(&hotel, bytes, Some(&good)).await, 200);
    assert_eq!(conversations(&hotel).await.len(), before.len() + 1);
    hotel.close().await;
}

#[tokio::test]
async fn replays_change_nothing() {
    let hotel = Hotel::open().await;
    let secret = bellhop_simulator::well_known(1).app_secret;
    let body = inbound(&Inbound { wa_id: Some("14155550000"), ..Inbound::of(1) });
    let whole = |hotel: &Hotel, id: String| {
        let staff = hotel.staff.clone();
        async move { staff.get(&format!("/conversations/{id}")).await.expect(200) }
    };
    assert_eq!(deliver(&hotel, &body, Some(&secret)).await, 200);
    let id =
        hotel.staff.conversation_of("+14155550000").await["conversation_id"].as_str().unwrap().to_owned();
    let first = whole(&hotel, id.clone()).await;
    for _ in 0..3 {
        assert_eq!(deliver(&hotel, &body, Some(&secret)).await, 200);
    }
    // Wrapped anew, the same message is still the same.
    let mut again = body.clone();
    again["entry"][0]["time"] = json!(1);
    again["entry"][0]["changes"][0]["value"]["something_new"] = json!(true);
    assert_eq!(deliver(&hotel, &again, Some(&secret)).await, 200);
    assert_eq!(whole(&hotel, id).await, first);
    hotel.close().await;
}

#[tokio::test]
async fn an_unreadable_neighbour_holds_nobody_up() {
    let hotel = Hotel::open().await;
    let secret = bellhop_simulator::well_known(1).app_secret;
    let mut body = inbound(&Inbound { wa_id: Some("14155550000"), ..Inbound::of(1) });
    let messages = body["entry"][0]["changes"][0]["value"]["messages"].as_array_mut().unwrap();
    messages.insert(0, json!({"id": 7, "type": ["text"]}));
    messages.insert(1, json!("nonsense"));
    messages.push(
        json!({"from": "14155550000", "id": "wamid.NEW", "timestamp": "1790416800", "type": "hologram",
        "hologram": {"size": 3}}),
    );
    assert_eq!(deliver(&hotel, &body, Some(&secret)).await, 200);
    let id =
        hotel.staff.conversation_of("+14155550000").await["conversation_id"].as_str().unwrap().to_owned();
    let detail = hotel.staff.get(&format!("/conversations/{id}")).await.expect(200);
    let kinds: Vec<&str> =
        detail["messages"].as_array().unwrap().iter().filter_map(|m| m["message_type"].as_str()).collect();
    assert_eq!(kinds, ["text", "unsupported"]);
    assert_eq!(detail["messages"][1]["content"]["original_type"], "hologram");
    // Signed, but no webhook at all: an error, and the provider may try again.
    let garbage = b"{\"object\":".to_vec();
    let header = signature(&secret, &garbage);
    assert_eq!(deliver_raw(&hotel, garbage, Some(&header)).await, 400);
    hotel.close().await;
}

#[tokio::test]
async fn the_verification_challenge_wants_the_right_token() {
    let hotel = Hotel::open().await;
    let ask = |token: &str| {
        let query = format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
        reqwest::get(format!("{}/webhook?{query}", hotel.staff.base))
    };
    // The demo's own token is known to the simulator alone; a connection whose token is known:
    let line = bellhop_domain::ports::Line {
        base_url: hotel.phones.url.clone(),
        api_version: "v23.0".to_owned(),
        phone_number_id: "1".to_owned(),
        waba_id: "1".to_owned(),
        access_token: bellhop_domain::Secret::new("t"),
    };
    let connection = bellhop_service::connection::NewConnection {
        line,
        display_phone_number: "1".to_owned(),
        app_secret: bellhop_domain::Secret::new("s"),
        verify_token: bellhop_domain::Secret::new("known"),
    };
    let property = hotel.running.handoff().property_id.parse().unwrap();
    hotel.running.app().connect(property, connection).await.unwrap();
    let answer = ask("known").await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    assert_eq!(answer.text().await.unwrap(), "1158201444");
    assert_eq!(ask("wrong").await.unwrap().status(), 403);
    hotel.close().await;
}
