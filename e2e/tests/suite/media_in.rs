//! Files that guests send: from the phone into the store, and out to staff.

use std::path::Path;
use std::time::Duration;

use bellhop_e2e::{Api, BellhopProcess, Home, Hotel, Phones, eventually, settings};
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value, json};

pub const PHONE: &str = "+14155552671";
pub const JPEG: &[u8] = include_bytes!("../fixtures/pixel.jpg");

/// A file on a guest's phone; WhatsApp's id of it.
pub async fn on_the_phone(phones: &Phones, mime: &str, bytes: &'static [u8]) -> String {
    let url = format!("{}/simulator/media?filename=sea.jpg", phones.url);
    let stored =
        reqwest::Client::new().post(url).header("content-type", mime).body(bytes).send().await.unwrap();
    let stored: Value = serde_json::from_str(&stored.text().await.unwrap()).unwrap();
    stored["id"].as_str().unwrap_or_else(|| panic!("{stored}")).to_owned()
}

pub async fn send_photo(phones: &Phones, id: &str, caption: &str) {
    let path = format!("/guests/{}/messages", &PHONE[1..]);
    phones.post(&path, &json!({"type": "image", "image": {"id": id, "caption": caption}})).await;
}

/// The guest's photo as staff see it, once its file is `status`.
async fn photo(api: &Api, status: &str) -> Value {
    eventually(&format!("a photo that is {status}"), || async {
        let conversation = api.conversation_of(PHONE).await;
        let path = format!("/conversations/{}", conversation["conversation_id"].as_str()?);
        let messages = api.get(&path).await.expect(200)["messages"].as_array()?.clone();
        let is_it = |message: &Value| message["content"]["media_status"] == status;
        messages.into_iter().find(is_it)
    })
    .await
}

async fn read(api: &Api, media: &str, range: Option<&str>) -> reqwest::Response {
    let request = reqwest::Client::new().get(format!("{}/media/{media}", api.base)).bearer_auth(&api.token);
    match range {
        Some(range) => request.header("range", range),
        None => request,
    }
    .send()
    .await
    .unwrap()
}

fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn a_photo_is_served_byte_for_byte() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    let id = on_the_phone(&hotel.phones, "image/jpeg", JPEG).await;
    send_photo(&hotel.phones, &id, "The view from 205").await;
    let message = photo(&hotel.staff, "stored").await;
    assert_eq!((&message["direction"], &message["message_type"]), (&json!("inbound"), &json!("image")));
    assert_eq!(message["content"]["caption"], "The view from 205");
    let media = message["content"]["media_id"].as_str().unwrap();
    let whole = read(&hotel.staff, media, None).await;
    assert_eq!(whole.headers()["content-type"], "image/jpeg");
    assert_eq!(whole.headers()["content-length"], JPEG.len().to_string());
    assert_eq!(whole.bytes().await.unwrap(), JPEG);
    let part = read(&hotel.staff, media, Some("bytes=10-19")).await;
    assert_eq!((part.status().as_u16(), part.bytes().await.unwrap()), (206, JPEG[10..20].to_vec().into()));
    // It is a file like any other: staff can send it on.
    let send = json!({"guest_phone": PHONE, "media_id": media, "media_type": "image"});
    let sent = hotel.staff.post("/messages/send-media", &send).await.expect(202);
    hotel.staff.until(sent["message_id"].as_str().unwrap(), &["sent", "delivered", "read"]).await;
    hotel.close().await;
}

#[tokio::test]
async fn what_whatsapp_has_no_more_is_seen_and_asked_for_again() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    let id = on_the_phone(&hotel.phones, "image/jpeg", JPEG).await;
    let token = bellhop_simulator::well_known(1).access_token;
    let gone = reqwest::Client::new().delete(format!("{}/v23.0/{id}", hotel.phones.url)).bearer_auth(token);
    assert_eq!(gone.send().await.unwrap().status(), 200);
    send_photo(&hotel.phones, &id, "Too late").await;
    let message = photo(&hotel.staff, "failed").await;
    let failure = &message["content"]["media_failure"];
    assert_eq!(failure["code"], "MEDIA_FETCH_FAILED");
    assert!(failure["details"].as_str().unwrap().contains("(code 100)"), "{failure}");
    let path = format!("/media/{}", message["content"]["media_id"].as_str().unwrap());
    assert_eq!(hotel.staff.get(&path).await.refused(409), "MEDIA_FETCH_FAILED");
    let asked = hotel.staff.post(&format!("{path}/retry"), &json!({})).await.expect(202);
    assert_eq!((&asked["media_status"], &asked["attempts"]), (&json!("pending"), &json!(1)));
    eventually("the second attempt", || async {
        let refused = hotel.staff.get(&path).await.expect(409);
        let details = &refused["error"]["details"];
        (details["status"] == "failed" && details["attempts"] == 2).then_some(())
    })
    .await;
    hotel.close().await;
}

/// What is not what it was announced as is not kept, and fetched again.
#[tokio::test]
async fn a_server_that_lies_once_is_asked_again() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    for (lie, caption) in [
        (json!({"sha256": "0".repeat(64)}), "another checksum"),
        (json!({"content_length": 7}), "another length"),
        (json!({"status": 500}), "an error"),
        (json!({"redirect": "http://127.0.0.1:9/"}), "from the other side"),
    ] {
        let mut media = lie;
        media["times"] = json!(1);
        hotel.phones.faults(json!({"media": media})).await;
        let id = on_the_phone(&hotel.phones, "image/jpeg", JPEG).await;
        send_photo(&hotel.phones, &id, caption).await;
        let stored = eventually(caption, || async {
            let listed = hotel.staff.get("/messages?direction=inbound&limit=5").await.expect(200);
            let found = listed["data"].as_array()?.iter().find(|m| m["content"]["caption"] == caption)?;
            (found["content"]["media_status"] == "stored").then(|| found["content"]["media_id"].clone())
        })
        .await;
        assert_eq!(read(&hotel.staff, stored.as_str().unwrap(), None).await.bytes().await.unwrap(), JPEG);
        let left = hotel.phones.get("/faults").await["media"]["times"].as_i64();
        assert!(left.is_none_or(|left| left == 0), "{caption}: nobody lied");
    }
    hotel.close().await;
}

/// Killed when the file is claimed, when it is in the store and when it is about to be committed.
#[tokio::test(flavor = "multi_thread")]
async fn a_death_on_the_way_leaves_one_file_and_one_event() {
    for place in ["fetch_claimed", "fetch_stored", "fetch_before_commit"] {
        let (phones, home) = (Phones::start(1).await, Home::make().await);
        let more = [("BELLHOP_SEND_LEASE_SECONDS", "2"), ("BELLHOP_SWEEP_INTERVAL_MS", "100")];
        let armed = [more[0], more[1], ("BELLHOP_FAIL_POINT", place)];
        let process = BellhopProcess::start(&home, &phones.url, &armed).await;
        phones.guest(json!({"phone": PHONE, "name": "Ana"})).await;
        let id = on_the_phone(&phones, "image/jpeg", JPEG).await;
        send_photo(&phones, &id, "Here").await;
        assert!(process.died(Duration::from_secs(30)).await, "nobody came to {place}");
        let process = BellhopProcess::start(&home, &phones.url, &more).await;
        let message = photo(&process.api, "stored").await;
        let media = message["content"]["media_id"].as_str().unwrap();
        assert_eq!(read(&process.api, media, None).await.bytes().await.unwrap(), JPEG, "{place}");
        let database = Database::connect(settings(&home, &[]).database_url.expose()).await.unwrap();
        let count = async |table: &str| -> i64 {
            let sql = format!("SELECT count(*) FROM {table}");
            let count = Statement::from_string(database.get_database_backend(), sql);
            database.query_one_raw(count).await.unwrap().unwrap().try_get_by_index(0).unwrap()
        };
        assert_eq!(count("events WHERE event = 'media_received'").await, 1, "{place}");
        assert_eq!((count("media").await, count("media_fetches").await), (1, 0), "{place}");
        database.close().await.unwrap();
        assert_eq!(files(&home.path().join("media")), 1, "{place}");
        process.kill().await;
    }
}
