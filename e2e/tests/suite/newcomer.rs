//! What the README promises whoever connects a first number: guest, room and photo in one conversation, and STOP
//! heard.

use bellhop_e2e::{Hotel, Phones, eventually};
use bellhop_simulator::well_known;
use reqwest::Method;
use serde_json::json;

const PHONE: &str = "+14155550123";
const PHOTO: &[u8] = include_bytes!("../fixtures/pixel.jpg");

#[tokio::test]
async fn a_photo_from_room_205_and_then_stop() {
    let hotel = Hotel::open().await;
    let phones = Phones::start(2).await;
    let account = well_known(2);
    let number = json!({"base_url": phones.url, "waba_id": account.waba_id,
        "phone_number_id": account.phone_number_id, "access_token": account.access_token,
        "app_secret": account.app_secret});
    let made = hotel.admin.post("/connections", &number).await.expect(201);
    assert_eq!((&made["status"], &made["inbound"]["ready"]), (&json!("active"), &json!(true)));
    let stay = json!({"version": 1, "status": "in_house", "room": "205", "arrival": "2026-11-20",
        "departure": "2026-11-24", "guests": [{"phone": PHONE, "name": "Ana", "tier": "gold"}]});
    let stay = hotel.admin.ask(Method::PUT, "/stays/pms/R-1", Some(&stay), &[]).await.expect(200);
    assert_eq!(stay["outcome"], "applied");

    phones.guest(json!({"phone": PHONE, "name": "Ana"})).await;
    let client = reqwest::Client::new().post(format!("{}/simulator/media?filename=tap.jpg", phones.url));
    let file = client.header("content-type", "image/jpeg").body(PHOTO).send().await.unwrap();
    let file: serde_json::Value = file.json().await.unwrap();
    let photo = json!({"type": "image", "image": {"id": file["id"], "caption": "The tap drips"}});
    let path = format!("/guests/{}/messages", &PHONE[1..]);
    phones.post(&path, &photo).await;
    let conversation = eventually("the photo, from room 205", || async {
        let listed = hotel.staff.get("/conversations?room=205").await.expect(200);
        let id = listed["data"][0]["conversation_id"].as_str()?.to_owned();
        let detail = hotel.staff.get(&format!("/conversations/{id}")).await.expect(200);
        (detail["messages"][0]["content"]["media_status"] == "stored").then_some(detail)
    })
    .await;
    let guest = &conversation["guest"];
    assert_eq!((&guest["tier"], &guest["stay"]["room"]), (&json!("gold"), &json!("205")));
    assert_eq!(conversation["messages"][0]["content"]["caption"], "The tap drips");

    let offer = json!({"guest_phone": PHONE, "template_name": "spa_offer", "language": "en",
        "parameters": {"guest_name": "Ana", "discount": "20%"},
        "button_parameters": [{"index": 0, "type": "copy_code", "value": "SPA20"}]});
    hotel.staff.post("/templates/send", &offer).await.expect(202);
    phones.post(&path, &json!({"type": "text", "text": {"body": "STOP"}})).await;
    let refused = eventually("the refusal", || async {
        let answer = hotel.staff.post("/templates/send", &offer).await;
        (answer.status.as_u16() == 403).then_some(answer.body)
    })
    .await;
    assert_eq!(refused["error"]["code"], "GUEST_OPTED_OUT");
    hotel.close().await;
}
