//! What is held about people: what erasure and retention leave of it, and what an export hands out.

mod erasure;
mod export;
mod hidden;
mod interrupted;
mod retention;
mod traces;

use bellhop_e2e::{Answer, Api, Hotel, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::partners::INSECURE;
use crate::webhook_security::deliver;

const JPEG: &[u8] = include_bytes!("../../fixtures/pixel.jpg");

async fn hotel() -> Hotel {
    Hotel::with(&[INSECURE, ("BELLHOP_SEND_LEASE_SECONDS", "2")]).await
}

async fn patch(api: &Api, path: &str, body: Value) -> Answer {
    api.ask(Method::PATCH, path, Some(&body), &[]).await
}

async fn put(api: &Api, path: &str, body: Value) -> Answer {
    api.ask(Method::PUT, path, Some(&body), &[]).await
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}")).to_owned()
}

async fn guest_id(hotel: &Hotel, phone: &str) -> String {
    let found = hotel.staff.get(&format!("/guests?phone=%2B{}", &phone[1..])).await.expect(200);
    text(&found["data"][0], "guest_id")
}

/// Asks for the erasure and waits for its end.
async fn erased(hotel: &Hotel, guest: &str) {
    let path = format!("/guests/{guest}/erase");
    let asked = hotel.admin.post(&path, &json!({})).await.expect(202);
    assert_eq!(asked["guest_id"], guest);
    until_erased(&hotel.admin, guest).await;
}

async fn until_erased(admin: &Api, guest: &str) {
    let path = format!("/guests/{guest}/erase");
    eventually("the erasure to be over", || async {
        let state = admin.get(&path).await.expect(200);
        (state["erasure"]["status"] == "completed")
            .then(|| assert!(state["erasure"]["completed_at"].is_string()))
    })
    .await;
}

/// A picture like no other, from a guest.
async fn photo(hotel: &Hotel, phone: &str, mark: &[u8], caption: &str) {
    let url = format!("{}/simulator/media?filename=sea.jpg", hotel.phones.url);
    let bytes = [JPEG, mark].concat();
    let stored = reqwest::Client::new()
        .post(url)
        .header("content-type", "image/jpeg")
        .body(bytes)
        .send()
        .await
        .unwrap();
    let stored: Value = serde_json::from_str(&stored.text().await.unwrap()).unwrap();
    let photo = json!({"type": "image", "image": {"id": stored["id"], "caption": caption}});
    hotel.phones.post(&format!("/guests/{}/messages", &phone[1..]), &photo).await;
}

/// Messages of a guest, as WhatsApp tells of them.
async fn told(hotel: &Hotel, wa_id: &str, name: &str, mut message: Value) {
    let account = bellhop_simulator::well_known(1);
    message["from"] = json!(wa_id);
    let metadata = json!({"phone_number_id": account.phone_number_id});
    let contacts = json!([{"profile": {"name": name}, "wa_id": wa_id}]);
    let body = json!({"object": "whatsapp_business_account", "entry": [{"id": account.waba_id, "changes": [{
        "field": "messages", "value": {"metadata": metadata, "contacts": contacts, "messages": [message]}}]}]});
    assert_eq!(deliver(hotel, &body, Some(&account.app_secret)).await, 200);
}
