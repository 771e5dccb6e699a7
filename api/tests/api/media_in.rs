//! Files that guests send.

use std::time::Duration;

use bellhop_domain::ports::{ByteStream, FetchFailure, FetchedFile};
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::rights::Role;
use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use poem::http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{World, hotel};

const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0\0\x10JFIF and what comes after it";

fn pieces(bytes: &'static [u8]) -> ByteStream {
    stream::iter(bytes.chunks(7).map(|piece| Ok(Bytes::from_static(piece)))).boxed()
}

/// A file as an honest provider has it, of known size only where it says so.
fn file(bytes: &'static [u8]) -> FetchedFile {
    FetchedFile { mime: None, size: None, sha256: None, bytes: pieces(bytes) }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refusal(code: i64, http_status: u16) -> FetchFailure {
    FetchFailure::Refused(ProviderError {
        code,
        title: "Unsupported get request".into(),
        details: None,
        http_status: Some(http_status),
        is_transient: false,
        retry_after: None,
    })
}

impl World {
    fn will_bring(&self, fetches: impl IntoIterator<Item = Result<FetchedFile, FetchFailure>>) {
        self.provider.fetches.lock().unwrap().extend(fetches);
    }

    fn asked(&self) -> usize {
        self.provider.fetched.lock().unwrap().len()
    }

    /// A guest sends a file. The message as staff see it at once.
    async fn guest_sends(&self, wamid: &str, more: Value) -> Value {
        let mut body = json!({"from": "1234567890", "wamid": wamid, "file": format!("at whatsapp {wamid}")});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.webhook(body).await.ok(200);
        let list = self.get("/messages?limit=1").await.ok(200);
        list["data"][0].clone()
    }

    /// The message once so many fetches have ended.
    async fn until(&self, message: &Value, asked: usize) -> Value {
        let path = format!("/messages/{}", message["message_id"].as_str().unwrap());
        for _ in 0..400 {
            if self.asked() >= asked && self.count("media_fetches", "lease_until IS NOT NULL").await == 0 {
                return self.get(&path).await.ok(200);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("asked {} times: {message}", self.asked());
    }

    async fn count(&self, table: &str, which: &str) -> i64 {
        self.rows(&format!("{table} WHERE {which}")).await
    }

    async fn retry(&self, id: &str) -> Value {
        self.post(&format!("/media/{id}/retry"), json!({})).await.ok(202)
    }
}

fn media_id(message: &Value) -> &str {
    message["content"]["media_id"].as_str().unwrap()
}

#[tokio::test]
async fn a_photo_comes_whole_and_is_served_in_parts() {
    let world = World::new().await;
    let told = FetchedFile {
        mime: Some("image/jpeg".into()),
        size: Some(JPEG.len() as u64),
        sha256: Some(hash(JPEG)),
        bytes: pieces(JPEG),
    };
    world.will_bring([Ok(told)]);
    let sent =
        world.guest_sends("in.1", json!({"caption": "Our room", "sha256": hash(JPEG).to_uppercase()})).await;
    let shown = world.until(&sent, 1).await;
    assert_eq!(shown["message_type"], "image");
    assert_eq!(
        (&shown["content"]["media_status"], &shown["content"]["caption"]),
        (&json!("stored"), &json!("Our room"))
    );
    assert!(shown["content"].get("media_failure").is_none(), "{shown}");
    let path = format!("/media/{}", media_id(&shown));
    let whole = world.get(&path).await;
    assert!(whole.bytes == JPEG && whole.status == 200);
    assert_eq!(whole.header("content-type"), Some("image/jpeg"));
    let etag = format!("\"{}\"", hash(JPEG));
    assert_eq!(whole.header("etag"), Some(&*etag));
    let part = world.request(Method::GET, &path).token(&world.staff).header("range", "bytes=6-9");
    let part = part.header("if-range", &etag).send().await;
    assert!(part.status == 206 && part.bytes == JPEG[6..10], "{}", part.status);
    // In the page of the conversation too, and told once.
    let conversation = shown["conversation_id"].as_str().unwrap();
    let page = world.get(&format!("/conversations/{conversation}")).await.ok(200);
    assert_eq!(page["messages"][0]["content"], shown["content"]);
    assert_eq!(world.count("events", "event = 'media_received'").await, 1);
    let told = format!(
        "event = 'media_received' AND json_extract(data, '$.media_id') = '{}' \
         AND json_extract(data, '$.caption') = 'Our room' AND json_extract(data, '$.size_bytes') = {} \
         AND json_extract(data, '$.conversation_id') = '{conversation}'",
        media_id(&shown),
        JPEG.len()
    );
    assert_eq!(world.count("events", &told).await, 1);
    assert_eq!((world.rows("media_fetches").await, world.media_left().await), (0, (1, 1)));
    // The webhook once more.
    world.guest_sends("in.1", json!({})).await;
    assert_eq!((world.asked(), world.rows("media").await), (1, 1));
    // What is here stays here.
    let retried = world.retry(media_id(&shown)).await;
    assert_eq!((&retried["media_status"], world.asked()), (&json!("stored"), 1));
}

#[tokio::test]
async fn nothing_is_kept_of_what_is_not_as_announced() {
    let world = World::new().await;
    let breaks =
        stream::iter([Ok(Bytes::from_static(JPEG)), Err(std::io::Error::other("nothing more came"))]);
    let other = "0".repeat(64);
    for (n, (lie, told, why)) in [
        (FetchedFile { size: Some(20), ..file(JPEG) }, None, "more came than the 20 bytes"),
        (FetchedFile { size: Some(99), ..file(JPEG) }, None, "of a file that has 99"),
        (FetchedFile { sha256: Some(other.clone()), ..file(JPEG) }, None, "checksum differs"),
        (file(JPEG), Some(other), "checksum differs"),
        (file(b""), None, "nothing came"),
        (FetchedFile { bytes: breaks.boxed(), ..file(b"") }, None, "nothing more came"),
    ]
    .into_iter()
    .enumerate()
    {
        world.will_bring([Ok(lie)]);
        let sent = world.guest_sends(&format!("in.{n}"), json!({"sha256": told})).await;
        let shown = world.until(&sent, n + 1).await;
        assert_eq!(shown["content"]["media_status"], "pending", "{why}");
        let path = format!("/media/{}", media_id(&shown));
        let error = world.get(&path).await.error(409, "MEDIA_NOT_READY");
        assert_eq!(
            (&error["details"]["status"], &error["details"]["attempts"]),
            (&json!("pending"), &json!(1))
        );
        assert!(error["details"]["reason"].as_str().unwrap().contains(why), "{error} {why}");
        assert!(error["details"]["retry_at"].is_string());
        let files = i64::try_from(n + 1).unwrap();
        assert_eq!(world.media_left().await, (files, 0));
    }
    // The truth at last, for one of them.
    let first = world.get("/messages?limit=1").await.ok(200)["data"][0].clone();
    world.will_bring([Ok(file(JPEG))]);
    assert_eq!(world.retry(media_id(&first)).await["media_status"], "pending");
    assert_eq!(world.until(&first, 7).await["content"]["media_status"], "stored");
    assert_eq!(world.media_left().await, (6, 1));
    // An hour without news of them is no reason to sweep them away.
    world.change("UPDATE media SET created_at = '2020-01-01 00:00:00+00:00'").await;
    world.app.clean_up().await.unwrap();
    assert_eq!(world.rows("media").await, 6);
}

#[tokio::test]
async fn what_failed_for_good_is_seen_and_can_be_tried_again() {
    let world = World::new().await;
    let too_large = FetchFailure::TooLarge((100 << 20) + 1);
    for (n, (failure, why)) in [
        (refusal(100, 400), "Unsupported get request (code 100)"),
        (too_large, "which is more than is taken"),
    ]
    .into_iter()
    .enumerate()
    {
        world.will_bring([Err(failure)]);
        let sent = world.guest_sends(&format!("in.{n}"), json!({})).await;
        let shown = world.until(&sent, 2 * n + 1).await;
        assert_eq!(shown["content"]["media_status"], "failed");
        let failure = &shown["content"]["media_failure"];
        assert_eq!(failure["code"], "MEDIA_FETCH_FAILED");
        assert!(failure["details"].as_str().unwrap().contains(why), "{failure}");
        let path = format!("/media/{}", media_id(&shown));
        let error = world.get(&path).await.error(409, "MEDIA_FETCH_FAILED");
        assert_eq!(error["details"]["status"], "failed");
        // Nobody tries by themselves.
        world.app.sweep().await.unwrap();
        world.will_bring([Ok(file(JPEG))]);
        let retried = world.retry(media_id(&shown)).await;
        assert_eq!((&retried["media_status"], &retried["attempts"]), (&json!("pending"), &json!(1)));
        assert_eq!(world.until(&shown, 2 * n + 2).await["content"]["media_status"], "stored");
        assert!(world.get(&path).await.bytes == JPEG);
    }
    assert_eq!(world.count("events", "event = 'media_received'").await, 2);
}

#[tokio::test]
async fn failures_are_tried_until_whatsapp_forgets_the_file() {
    let world = World::new().await;
    let due = "UPDATE media_fetches SET due_at = '2020-01-01 00:00:00+00:00'";
    let sent = world.guest_sends("in.1", json!({})).await;
    for asked in 1..5 {
        let shown = world.until(&sent, asked).await;
        assert_eq!(shown["content"]["media_status"], "pending");
        let failures = i64::try_from(asked).unwrap();
        assert_eq!(world.count("media_fetches", &format!("failures = {failures}")).await, 1);
        world.change(due).await;
        world.app.sweep().await.unwrap();
    }
    world.until(&sent, 5).await;
    // A dead token says nothing of the file, and is not asked with again at once.
    world.will_bring([Err(refusal(190, 401))]);
    world.change(due).await;
    world.app.sweep().await.unwrap();
    world.until(&sent, 6).await;
    assert_eq!(world.count("media_fetches", "failures = 5 AND status = 'pending'").await, 1);
    world.app.sweep().await.unwrap();
    assert_eq!(world.asked(), 6);
    world.clock.advance(TimeDelta::days(7));
    world.change(due).await;
    world.app.sweep().await.unwrap();
    assert_eq!(world.until(&sent, 7).await["content"]["media_status"], "failed");
}

/// A process that fetched a file, and of which nothing was heard since.
#[tokio::test]
async fn a_lease_that_ran_out_frees_the_file() {
    let world = World::new().await;
    let hangs = FetchedFile { bytes: stream::pending().boxed(), ..file(JPEG) };
    world.will_bring([Ok(hangs), Ok(file(JPEG))]);
    let sent = world.guest_sends("in.1", json!({})).await;
    let path = format!("/messages/{}", sent["message_id"].as_str().unwrap());
    while world.asked() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // It is under way: neither the sweep nor staff begin it a second time.
    world.app.sweep().await.unwrap();
    world.retry(media_id(&sent)).await;
    assert_eq!((world.asked(), world.count("media_fetches", "attempts = 1").await), (1, 1));
    let lost =
        "UPDATE media_fetches SET lease_until = '2020-01-01 00:00:00+00:00', lease_token = zeroblob(16)";
    world.change(lost).await;
    world.app.sweep().await.unwrap();
    world.until(&sent, 2).await;
    assert_eq!(world.get(&path).await.ok(200)["content"]["media_status"], "stored");
    assert_eq!(world.media_left().await, (1, 1));
    assert_eq!(world.count("events", "event = 'media_received'").await, 1);
}

#[tokio::test]
async fn what_runs_in_a_browser_is_never_shown_by_one() {
    let world = World::new().await;
    let page = b"<html><script>alert(document.cookie)</script></html>";
    let drawing = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";
    let csv = b"room,guest\n205,Ana\n";
    for (n, (bytes, kind, said, served, inline)) in [
        (&page[..], "image", "image/jpeg", "text/html", false),
        (page, "document", "application/pdf", "text/html", false),
        (drawing, "image", "image/png", "image/svg+xml", false),
        (csv, "document", "text/csv; charset=utf-8", "text/csv; charset=utf-8", false),
        (JPEG, "document", "application/x-anything", "image/jpeg", true),
    ]
    .into_iter()
    .enumerate()
    {
        world.will_bring([Ok(file(bytes))]);
        let more = json!({"kind": kind, "mime": said, "filename": "../odd \"name\".html"});
        let sent = world.guest_sends(&format!("in.{n}"), more).await;
        let shown = world.until(&sent, n + 1).await;
        let got = world.get(&format!("/media/{}", media_id(&shown))).await;
        assert!(got.bytes == bytes);
        assert_eq!(got.header("content-type"), Some(served));
        let disposition = got.header("content-disposition").unwrap();
        assert_eq!(disposition.starts_with("inline"), inline, "{disposition}");
        assert!(disposition.contains("filename=\"odd _name_.html\""), "{disposition}");
        assert_eq!(got.header("content-security-policy"), Some("sandbox; default-src 'none'"));
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn another_hotel_has_no_such_file() {
    let world = World::new().await;
    let other = hotel(&world.app, "Sea View", "2").await;
    let token = world.app.issue_token(other, Role::Staff, "test").await.unwrap().expose().to_owned();
    let sent = world.guest_sends("in.1", json!({})).await;
    world.until(&sent, 1).await;
    let path = format!("/media/{}", media_id(&sent));
    let retry = format!("{path}/retry");
    for (method, path) in [(Method::GET, &path), (Method::POST, &retry)] {
        world.request(method.clone(), path).token(&token).send().await.error(404, "NOT_FOUND");
        world.request(method, path).send().await.error(401, "UNAUTHENTICATED");
    }
    world.request(Method::POST, &retry).token(&world.partner).send().await.error(403, "FORBIDDEN");
    assert_eq!(world.asked(), 1);
}
