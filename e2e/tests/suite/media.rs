//! Files: in by the API, out to the guest, and back out of the store.

use std::time::Duration;

use bellhop_e2e::{Api, BellhopProcess, Home, Hotel, Phones};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

const PHONE: &str = "+14155552671";

/// One grey pixel.
const JPEG: &[u8] = include_bytes!("../fixtures/pixel.jpg");

async fn sent_file(hotel: &Hotel, body: &Value) -> Value {
    let before = hotel.phones.ledger_of(PHONE).await.len();
    let sent = hotel.staff.post("/messages/send-media", body).await.expect(202);
    hotel.staff.until(sent["message_id"].as_str().unwrap(), &["sent", "delivered", "read"]).await;
    hotel.phones.until_ledger(PHONE, before + 1).await[before]["payload"].clone()
}

#[tokio::test]
async fn uploaded_once_and_sent_as_often_as_wanted() {
    let hotel = Hotel::open().await;
    hotel.guest(PHONE, "Ana").await;
    let uploaded = hotel.staff.upload("image", "room_key_info.jpg", JPEG).await.expect(201);
    assert_eq!(uploaded["mime_type"], "image/jpeg");
    let (id, url) = (uploaded["media_id"].as_str().unwrap(), uploaded["media_url"].as_str().unwrap());
    let send = json!({"guest_phone": PHONE, "media_id": id, "media_type": "image", "caption": "Your key"});
    let first = sent_file(&hotel, &send).await;
    assert_eq!(first["image"]["caption"], "Your key");
    let again = sent_file(&hotel, &send).await;
    assert_eq!(first["image"]["id"], again["image"]["id"], "one copy at WhatsApp");
    let at_whatsapp =
        format!("{}/simulator/media/{}", hotel.phones.url, first["image"]["id"].as_str().unwrap());
    assert_eq!(reqwest::get(at_whatsapp).await.unwrap().bytes().await.unwrap(), JPEG);

    let http = reqwest::Client::new();
    let ours = http.get(url).bearer_auth(&hotel.staff.token).send().await.unwrap();
    assert_eq!(ours.headers()["content-type"], "image/jpeg");
    assert_eq!(ours.headers()["x-content-type-options"], "nosniff");
    assert_eq!(ours.bytes().await.unwrap(), JPEG);
    assert_eq!(http.get(url).send().await.unwrap().status(), 401);

    // As something that it is not, or that is not there.
    let document = json!({"guest_phone": PHONE, "media_id": id, "media_type": "document"});
    let refused = hotel.staff.post("/messages/send-media", &document).await.expect(400);
    assert_eq!(refused["error"]["details"]["fields"][0]["field"], "media_id");
    let refused = hotel.staff.upload("image", "page.jpg", b"<html><script>alert(1)</script></html>").await;
    assert_eq!(refused.refused(422), "MEDIA_UPLOAD_FAILED");
    hotel.close().await;
}

#[tokio::test]
async fn uploaded_again_before_whatsapp_forgets_it() {
    let hotel = Hotel::open().await;
    let uploaded = hotel.staff.upload("image", "key.jpg", JPEG).await.expect(201);
    let template = json!({"guest_phone": PHONE, "template_name": "room_key",
        "parameters": {"guest_name": "Ana", "room_number": "205"},
        "header": {"type": "image", "media_id": uploaded["media_id"]}});
    let mut copies = Vec::new();
    for days in [0, 28, 2] {
        hotel.phones.advance_clock(days * 24 * 3600).await;
        let sent = hotel.staff.post("/templates/send", &template).await.expect(202);
        hotel.staff.until(sent["message_id"].as_str().unwrap(), &["sent", "delivered", "read"]).await;
        let ledger = hotel.phones.ledger_of(PHONE).await;
        let header = &ledger.last().unwrap()["payload"]["template"]["components"][0];
        copies.push(header["parameters"][0]["image"]["id"].clone());
    }
    assert_eq!(copies[0], copies[1]);
    assert_ne!(copies[1], copies[2], "the first copy is over after 30 days");
    // To many: one copy, and one hand-over.
    let recipients: Vec<Value> = (0..20).map(|n| json!({"phone": format!("+97254{n:07}")})).collect();
    let batch = json!({"recipients": recipients, "template": {"template_name": "room_key", "language": "en",
        "parameters": {"guest_name": "Dana", "room_number": "1"}, "header": template["header"]}});
    let batch = hotel.staff.post("/messages/batch-send", &batch).await.expect(202);
    assert_eq!(batch["accepted"], 20, "{batch}");
    hotel.phones.until_ledger("+972540000019", 1).await;
    hotel.close().await;
}

/// A template with a picture above its text is handed in with an example of ours.
#[tokio::test]
async fn a_files_example_goes_with_its_template() {
    let hotel = Hotel::open().await;
    let uploaded = hotel.staff.upload("image", "key.jpg", JPEG).await.expect(201);
    let new = |example: Value| {
        json!({"name": "pool_wait", "category": "UTILITY", "language": "en", "components": [
            {"type": "HEADER", "format": "IMAGE", "example": example},
            {"type": "BODY", "text": "The pool is open."},
        ]})
    };
    let wrong = hotel.admin.post("/templates", &new(json!({}))).await.expect(400);
    assert_eq!(wrong["error"]["details"]["fields"][0]["field"], "components.0.example");
    let made =
        hotel.admin.post("/templates", &new(json!({"media_id": uploaded["media_id"]}))).await.expect(201);
    assert!(made["components"][0]["example"]["header_handle"][0].is_string(), "{made}");
    hotel.close().await;
}

/// The most that a process has had in memory, in kilobytes.
#[cfg(target_os = "linux")]
fn peak(process: &BellhopProcess) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// In by the API, into the store, out of it and on to WhatsApp: never whole in memory.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_pass_through_a_few() {
    const PIECE: usize = 1 << 16;
    const PIECES: usize = 1_599;
    let (phones, home) = (Phones::start(1).await, Home::make().await);
    let process = BellhopProcess::start(&home, &phones.url, &[]).await;
    let api: Api = process.api.clone();
    // What every upload needs is there before it is measured.
    let small = api.upload("document", "small.pdf", b"%PDF-1.4\n%%EOF\n").await.expect(201);
    assert_eq!(small["media_type"], "document");
    let before = peak(&process);
    let pieces = std::iter::once(Bytes::from_static(b"%PDF-1.4\n"))
        .chain(std::iter::repeat_n(Bytes::from(vec![b'x'; PIECE]), PIECES))
        .map(Ok::<_, std::io::Error>);
    let body = reqwest::Body::wrap_stream(stream::iter(pieces));
    let uploaded = api.upload_stream("document", "guide.pdf", body).await.expect(201);
    assert_eq!(uploaded["size_bytes"], PIECE * PIECES + 9);
    let invoice = json!({"guest_phone": PHONE, "template_name": "invoice",
        "parameters": {"guest_name": "Ana", "total": "1"}, "button_parameters": [{"index": 0, "value": "1"}],
        "header": {"type": "document", "media_id": uploaded["media_id"], "filename": "guide.pdf"}});
    let sent = api.post("/templates/send", &invoice).await.expect(202);
    api.until(sent["message_id"].as_str().unwrap(), &["sent", "delivered", "read"]).await;
    let grown = peak(&process) - before;
    println!("{} MB in, {} MB more in memory", (PIECE * PIECES) >> 20, grown >> 10);
    assert!(grown < 64 << 10, "{grown} kB");
    tokio::time::timeout(Duration::from_secs(10), process.kill()).await.unwrap();
}
