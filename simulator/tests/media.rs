//! Uploads, downloads, and how long they live.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::{Part, Sim, code, details};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const ADA: &str = "972541234567";

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn download(sim: &Sim, url: &str) -> reqwest::Response {
    sim.http.get(url).bearer_auth(&sim.account.access_token).send().await.unwrap()
}

#[tokio::test]
async fn an_upload_can_be_looked_at_fetched_and_deleted() {
    let sim = Sim::start().await;
    let id = sim.upload("application/pdf", b"%PDF-1.7 bill").await;
    assert!(id.bytes().all(|byte| byte.is_ascii_digit()) && id.len() <= 32, "{id}");
    let (status, shown) = sim.graph("GET", &id, Value::Null).await;
    assert_eq!(status, 200);
    let url = shown["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&sim.base), "{url}");
    assert_eq!(
        shown,
        json!({"messaging_product": "whatsapp", "url": url, "mime_type": "application/pdf",
            "sha256": hex(b"%PDF-1.7 bill"), "file_size": 13, "id": id})
    );
    let response = download(&sim, &url).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"application/pdf".parse().unwrap())
    );
    assert_eq!(response.bytes().await.unwrap(), "%PDF-1.7 bill");
    assert_eq!(sim.http.get(&url).send().await.unwrap().status(), 401);

    let own = format!("{id}?phone_number_id={}", sim.account.phone_number_id);
    assert_eq!(sim.graph("GET", &own, Value::Null).await.0, 200);
    assert_eq!(code(&sim.graph("GET", &format!("{id}?phone_number_id=7"), Value::Null).await.1), 100);
    assert_eq!(sim.graph("DELETE", &own, Value::Null).await, (200, json!({"success": true})));
    for method in ["GET", "DELETE"] {
        let (status, answer) = sim.graph(method, &id, Value::Null).await;
        assert_eq!((status, code(&answer), &answer["error"]["error_subcode"]), (400, 100, &json!(33)));
    }
    assert_eq!(download(&sim, &url).await.status(), 404);
}

#[tokio::test]
async fn parts_come_in_any_order() {
    let sim = Sim::start().await;
    let file =
        || Part { name: "file", filename: Some("שלום.ogg"), kind: Some("audio/ogg"), bytes: b"OggS" };
    let product = || Part::text("messaging_product", "whatsapp");
    let kind = || Part::text("type", "audio/ogg; codecs=opus");
    for parts in [[file(), product(), kind()], [product(), kind(), file()], [kind(), file(), product()]] {
        let (status, answer) = sim.post_form(&parts).await;
        assert_eq!(status, 200, "{answer}");
        let (_, shown) = sim.graph("GET", answer["id"].as_str().unwrap(), Value::Null).await;
        assert_eq!(shown["mime_type"], "audio/ogg; codecs=opus");
    }
    for parts in [vec![file(), product()], vec![Part::text("unknown", "x"), product(), file()]] {
        assert_eq!(sim.post_form(&parts).await.0, 200, "what the type is stands at the file too");
    }
    let untyped =
        Part { name: "file", filename: Some("a"), kind: Some("application/octet-stream"), bytes: b"OggS" };
    assert_eq!(sim.post_form(&[untyped, product(), kind()]).await.0, 200);
    for (parts, word) in [
        (vec![file(), kind()], "messaging_product"),
        (vec![product(), kind()], "file"),
        (vec![file(), Part::text("messaging_product", "sms")], "messaging_product"),
        (vec![file(), file(), product()], "once"),
        (vec![file(), product(), Part::text("ttl_minutes", "soon")], "ttl_minutes"),
    ] {
        let (status, answer) = sim.post_form(&parts).await;
        assert_eq!((status, code(&answer)), (400, 100));
        assert!(details(&answer).contains(word), "{answer}");
    }
    let path = format!("{}/media", sim.account.phone_number_id);
    assert_eq!(code(&sim.graph("POST", &path, json!({"file": "x"})).await.1), 100);
}

#[tokio::test]
async fn types_and_sizes_are_checked() {
    let sim = Sim::start().await;
    for kind in ["image/gif", "text/html", "image/svg+xml", "application/octet-stream", "nonsense"] {
        let (status, answer) = sim.try_upload(kind, b"x").await;
        assert_eq!((status, code(&answer)), (400, 100), "{kind}");
        assert!(details(&answer).contains("image/jpeg, image/png"), "{answer}");
    }
    let still = b"RIFF\0\0\0\0WEBPVP8 ".to_vec();
    let moving = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02".to_vec();
    for (kind, head, limit) in [
        ("image/png", &Vec::new(), 5 << 20),
        ("audio/ogg", &Vec::new(), 16 << 20),
        ("image/webp", &still, 100 << 10),
        ("image/webp", &moving, 500 << 10),
    ] {
        let mut bytes = head.clone();
        bytes.resize(limit, 7);
        sim.upload(kind, &bytes).await;
        bytes.push(7);
        let (status, answer) = sim.try_upload(kind, &bytes).await;
        assert_eq!((status, code(&answer)), (400, 100), "{kind}");
        assert!(details(&answer).contains(&limit.to_string()), "{answer}");
    }
    assert!(details(&sim.try_upload("image/png", b"").await.1).contains("none"));
}

#[tokio::test]
async fn a_part_of_a_file_can_be_fetched() {
    let sim = Sim::start().await;
    let id = sim.upload("text/plain", b"0123456789").await;
    let (_, shown) = sim.graph("GET", &id, Value::Null).await;
    let url = shown["url"].as_str().unwrap();
    let token = &sim.account.access_token;
    for (range, status, expected, part) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=-1", 206, "9", "bytes 9-9/10"),
        ("bytes=10-", 416, "", "bytes */10"),
    ] {
        let response = sim.http.get(url).bearer_auth(token).header("range", range).send().await.unwrap();
        assert_eq!(response.status(), status, "{range}");
        assert_eq!(response.headers()["content-range"], part);
        assert_eq!(response.text().await.unwrap(), expected);
    }
    let head = sim.http.head(url).bearer_auth(token).send().await.unwrap();
    assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &"10".parse().unwrap()));
    let forged = url.replace(&id, "1000000000000001");
    assert_eq!(download(&sim, &forged).await.status(), 404);
    let (before, _) = url.split_once("ext=").unwrap();
    assert_eq!(download(&sim, &format!("{before}ext=99999999999&hash=0")).await.status(), 404);
}

#[tokio::test]
async fn uploads_run_out_with_the_simulated_clock() {
    let sim = Sim::start().await;
    let id = sim.upload("image/png", b"png").await;
    let file = Part { name: "file", filename: None, kind: Some("image/png"), bytes: b"x" };
    let short = [file, Part::text("messaging_product", "whatsapp"), Part::text("ttl_minutes", "10")];
    let short = sim.post_form(&short).await.1["id"].as_str().unwrap().to_owned();
    sim.control("POST", "clock", json!({"advance_seconds": 30 * 86_400 - 60})).await;
    assert_eq!(sim.graph("GET", &id, Value::Null).await.0, 200);
    assert_eq!(sim.graph("GET", &short, Value::Null).await.0, 400);
    sim.open_guest(ADA).await;
    sim.sent_as(ADA, "image", json!({"id": id})).await;
    sim.control("POST", "clock", json!({"advance_seconds": 61})).await;
    let (status, answer) = sim.graph("GET", &id, Value::Null).await;
    assert_eq!((status, &answer["error"]["error_subcode"]), (400, &json!(33)));
    assert_eq!(code(&sim.send_as(ADA, "image", json!({"id": id})).await.1), 131_009);
}

#[tokio::test]
async fn uploads_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let (kept, gone) = (sim.upload("image/jpeg", &bytes).await, sim.upload("image/png", b"png").await);
    sim.graph("DELETE", &gone, Value::Null).await;
    sim.try_upload("image/gif", b"gif").await;
    let folder = dir.path().join("simulator-1-media");
    std::fs::write(folder.join("torn"), b"half").unwrap();
    sim.stop().await;
    let sim = Sim::open(Some(dir.path())).await;
    let (_, shown) = sim.graph("GET", &kept, Value::Null).await;
    assert_eq!(shown["sha256"], hex(&bytes));
    let response = download(&sim, shown["url"].as_str().unwrap()).await;
    assert_eq!(response.bytes().await.unwrap(), bytes);
    assert_eq!(sim.graph("GET", &gone, Value::Null).await.0, 400);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(files, [kept.as_str()]);
}

#[tokio::test]
async fn what_was_refused_or_broken_off_leaves_no_file() {
    use std::io::Write;
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    let count = || std::fs::read_dir(dir.path().join("simulator-1-media")).map_or(0, Iterator::count);
    sim.try_upload("image/gif", b"gif").await;
    assert_eq!(count(), 0);
    let head =
        "--f\r\ncontent-disposition: form-data; name=\"file\"\r\ncontent-type: image/png\r\n\r\nhalf of it";
    let request = format!(
        "POST /v24.0/{}/media HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: \
         multipart/form-data; boundary=f\r\ncontent-length: 9999\r\n\r\n{head}",
        sim.account.phone_number_id, sim.account.access_token
    );
    let mut stream = std::net::TcpStream::connect(sim.base.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    common::eventually("a file", || count() == 1).await;
    drop(stream);
    common::eventually("no file", || count() == 0).await;
}

#[tokio::test]
async fn samples_are_uploaded_in_pieces() {
    let sim = Sim::start().await;
    let start = "app/uploads?file_length=10&file_type=image/png&file_name=a.png";
    let (status, answer) = sim.graph("POST", start, Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    let id = answer["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("upload:"));
    let send = async |offset: &str, bytes: &'static [u8]| {
        let request = sim.http.post(format!("{}/v24.0/{id}", sim.base));
        let token = format!("OAuth {}", sim.account.access_token);
        let request = request.header("authorization", token).header("file_offset", offset).body(bytes);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    assert_eq!(send("0", b"0123").await.1["file_offset"], 4);
    assert_eq!(sim.graph("GET", &id, Value::Null).await.1, json!({"id": id, "file_offset": 4}));
    assert_eq!(send("0", b"456789").await.0, 400);
    let (status, answer) = send("4", b"456789").await;
    assert_eq!(status, 200);
    assert!(answer["h"].as_str().unwrap().starts_with("4::aW1hZ2UvcG5n:"), "{answer}");
    assert_eq!(sim.graph("GET", &id, Value::Null).await.0, 400);

    let by_id = format!("{}/uploads", sim.account.app_id);
    let body = json!({"file_length": 3, "file_type": "video/mp4"});
    assert_eq!(sim.graph("POST", &by_id, body).await.0, 200);
    for query in
        ["file_length=0&file_type=image/png", "file_length=3&file_type=text/html", "file_type=image/png"]
    {
        assert_eq!(sim.graph("POST", &format!("app/uploads?{query}"), Value::Null).await.0, 400);
    }
}

#[tokio::test]
async fn phones_show_media_and_send_them() {
    let sim = Sim::start().await;
    let document = sim.upload("application/pdf", b"%PDF").await;
    let picture = sim.upload("image/png", b"png").await;
    for (id, kind, disposition) in
        [(&document, "application/pdf", "attachment"), (&picture, "image/png", "inline")]
    {
        let url = format!("{}/simulator/media/{id}", sim.base);
        let response = sim.http.get(url).send().await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            (header("content-type"), header("content-disposition")),
            (kind.to_owned(), disposition.to_owned())
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
    }
    assert_eq!(sim.control_raw("GET", "media/1", Value::Null).await.0, 404);

    let url = format!("{}/simulator/media?filename=key.jpg", sim.base);
    let request = sim.http.post(&url).header("content-type", "image/jpeg").body("jpeg");
    let sent: Value = request.send().await.unwrap().json().await.unwrap();
    sim.guest(json!({"phone": ADA})).await;
    sim.writes_as(ADA, json!({"type": "image", "image": {"id": sent["id"]}})).await;
    let chat = sim.get(&format!("guests/{ADA}/chat")).await;
    let image = &chat["data"][0]["content"];
    assert_eq!(image["mime_type"], "image/jpeg");
    assert_eq!(image["sha256"].as_str().unwrap().len(), 44, "base64 in a webhook");
    let id = sent["id"].as_str().unwrap();
    let (status, shown) = sim.graph("GET", id, Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(download(&sim, shown["url"].as_str().unwrap()).await.bytes().await.unwrap(), "jpeg");
    let refused = sim.http.post(&url).header("content-type", "text/html").body("<b>").send().await.unwrap();
    assert_eq!(refused.status(), 400);
}

/// The address that was given out for this upload, valid until then.
fn address(sim: &Sim, id: &str, until: i64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(sim.account.app_secret.as_bytes()).unwrap();
    mac.update(format!("{id}:{until}").as_bytes());
    let hash: String = mac.finalize().into_bytes()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}/whatsapp_business/attachments/?mid={id}&ext={until}&hash={hash}", sim.base)
}

#[tokio::test]
async fn an_address_works_for_five_minutes_of_the_machines_clock() {
    let sim = Sim::start().await;
    let id = sim.upload("image/png", b"png").await;
    let now = sim.clock.now_ms() / 1_000;
    let (_, shown) = sim.graph("GET", &id, Value::Null).await;
    let url = shown["url"].as_str().unwrap();
    let until: i64 = url.split("ext=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
    assert!((now + 295..=now + 330).contains(&until), "{until} is not five minutes after {now}");
    sim.control("POST", "clock", json!({"advance_seconds": 3_600})).await;
    assert_eq!(download(&sim, url).await.status(), 200, "the simulated clock does not count");
    assert_eq!(download(&sim, &address(&sim, &id, now + 60)).await.status(), 200);
    assert_eq!(download(&sim, &address(&sim, &id, now - 1)).await.status(), 404);
}
