//! Files in, and out again.

use std::fs;
use std::path::Path;

use bellhop_api::Options;
use bellhop_domain::ports::ProviderFailure;
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::rights::Role;
use chrono::TimeDelta;
use poem::http::Method;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{Answered, World, hotel};

const JPEG: &[u8] = &[0xFF, 0xD8, 0xFF, 0xE0, 0, 16, b'J', b'F', b'I', b'F'];
const PDF: &[u8] = b"%PDF-1.7\n\xE2\xE3";

/// A file of this type and size.
fn sized(head: &[u8], size: usize) -> Vec<u8> {
    [head, &vec![0; size - head.len()]].concat()
}

/// A part: its name, with its file name where it is a file, and its bytes.
type Part<'a> = (&'a str, &'a [u8]);

fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, bytes) in parts {
        let head = format!(
            "--XX\r\nContent-Disposition: form-data; name={name}\r\nContent-Type: image/jpeg\r\n\r\n"
        );
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(bytes);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"--XX--\r\n");
    form
}

fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

impl World {
    async fn upload_form(&self, form: Vec<u8>, headers: &[(&str, &str)]) -> Answered {
        let mut ask = self.request(Method::POST, "/media/upload").token(&self.staff);
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        ask.header("content-type", "multipart/form-data; boundary=XX").body(form).send().await
    }

    pub async fn upload_file(&self, name: &str, bytes: &[u8], kind: &str) -> Answered {
        let media = format!("\"media\"; filename=\"{name}\"");
        self.upload_form(form(&[(&media, bytes), ("\"media_type\"", kind.as_bytes())]), &[]).await
    }

    /// What is left of uploads: rows, and files in the store.
    pub async fn media_left(&self) -> (i64, usize) {
        (self.rows("media").await, files(&self.folder.path().join("media")))
    }

    pub async fn change(&self, sql: &str) {
        let url = format!("sqlite://{}", self.folder.path().join("test.db").display());
        sea_orm::Database::connect(url).await.unwrap().execute_unprepared(sql).await.unwrap();
    }
}

/// Why a file was refused.
#[track_caller]
fn refused(answer: &Answered) -> (String, Value) {
    let error = answer.error(422, "MEDIA_UPLOAD_FAILED");
    let details = error["details"].clone();
    for key in ["media_type", "found_type", "size_bytes", "limit_bytes", "allowed_types"] {
        assert!(details.get(key).is_some(), "{key}: {details}");
    }
    (details["reason"].as_str().unwrap().to_owned(), details)
}

#[tokio::test]
async fn a_file_in_either_order_of_parts() {
    let world = World::with(Options { public_url: "https://h.example/".into(), ..Options::default() }).await;
    let jpeg = sized(JPEG, 1000);
    let (media, kind) =
        (("\"media\"; filename=\"room_key_info.jpg\"", &*jpeg), ("\"media_type\"", &b"image"[..]));
    for parts in [[media, kind], [kind, media]] {
        let answer = world.upload_form(form(&parts), &[]).await;
        let file = answer.ok(201);
        let id = file["media_id"].as_str().unwrap();
        assert_eq!(file["media_url"], format!("https://h.example/api/v1/whatsapp/media/{id}"));
        assert_eq!(answer.header("location").unwrap(), format!("/api/v1/whatsapp/media/{id}"));
        assert_eq!((&file["media_type"], &file["mime_type"]), (&json!("image"), &json!("image/jpeg")));
        assert_eq!((&file["filename"], &file["size_bytes"]), (&json!("room_key_info.jpg"), &json!(1000)));
        assert_eq!(file["sha256"].as_str().unwrap().len(), 64);
        let got = world.get(&format!("/media/{id}")).await;
        assert!(got.bytes == jpeg && got.status == 200);
    }
    assert_eq!(world.media_left().await, (2, 2));
    let copy = ("image/jpeg".to_owned(), "room_key_info.jpg".to_owned(), 1000, 1000);
    assert_eq!(*world.provider.uploads.lock().unwrap(), [copy.clone(), copy]);
}

#[tokio::test]
async fn each_kind_at_its_limit_and_one_byte_past() {
    let world = World::new().await;
    let webp = |flags: u8| [&b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0"[..], &[flags]].concat();
    let mp4 = b"\0\0\0\x18ftypisom\0\0\0\0isomavc1";
    let opus = [&b"OggS"[..], &[0; 24], b"OpusHead"].concat();
    for (head, kind, limit) in [
        (JPEG, "image", 5 << 20),
        (mp4, "video", 16 << 20),
        (&opus, "audio", 16 << 20),
        (&webp(0x10), "sticker", 100 << 10),
        (&webp(0x12), "sticker", 500 << 10),
    ] {
        let file = world.upload_file("a", &sized(head, limit), kind).await.ok(201);
        assert_eq!(file["size_bytes"], limit);
        let before = world.media_left().await;
        let (reason, details) = refused(&world.upload_file("a", &sized(head, limit + 1), kind).await);
        assert_eq!((reason.as_str(), &details["limit_bytes"]), ("too_large", &json!(limit)), "{details}");
        assert_eq!(details["size_bytes"], limit + 1);
        // Where the kind comes first nothing is read beyond what any file of it may have.
        let parts =
            [("\"media_type\"", kind.as_bytes()), ("\"media\"", &*sized(head, (500 << 10).max(limit) + 1))];
        assert_eq!(refused(&world.upload_form(form(&parts), &[]).await).0, "too_large");
        assert_eq!(world.media_left().await, before);
    }
    let over = sized(PDF, (100 << 20) + 1);
    let (reason, details) = refused(&world.upload_file("a.pdf", &over, "document").await);
    assert_eq!((reason.as_str(), &details["size_bytes"]), ("too_large", &Value::Null));
    let far_over = world.upload_file("a.pdf", &sized(PDF, (101 << 20) + 1), "document").await;
    far_over.error(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn bytes_say_what_a_file_is() {
    let world = World::new().await;
    for (name, bytes, kind, found) in [
        ("a.jpg", &b"<!DOCTYPE html><script>alert(1)</script>"[..], "image", "text/html"),
        (
            "a.png",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
            "image",
            "image/svg+xml",
        ),
        ("a.pdf", b"MZ\x90\0\x03\0\0\0\x04", "document", "application/vnd.microsoft.portable-executable"),
        ("a.txt", b"<html ><body>", "document", "text/html"),
        ("a.txt", b"half a text \xff", "document", "application/octet-stream"),
        ("a.jpg", PDF, "image", "application/pdf"),
        (
            "a.ogg",
            b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x1e\x01vorbis",
            "audio",
            "application/ogg",
        ),
        ("a.zip", b"PK\x03\x04\x14\0\0\0\x08\0", "document", "application/zip"),
    ] {
        let (reason, details) = refused(&world.upload_file(name, bytes, kind).await);
        assert_eq!((reason.as_str(), &details["found_type"]), ("wrong_type", &json!(found)), "{name}");
        assert!(details["allowed_types"].as_array().unwrap().len() > 1);
    }
    let (reason, _) = refused(&world.upload_file("a.txt", b"", "document").await);
    assert_eq!(reason, "empty");
    assert_eq!(world.media_left().await, (0, 0));
    assert!(world.provider.uploads.lock().unwrap().is_empty());
    for (name, bytes, kind, mime) in [
        ("hours.csv", "a,ב\r\n1,2\n".as_bytes(), "document", "text/plain"),
        ("a.DOC", &[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], "document", "application/msword"),
        ("voice.m4a", b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42", "audio", "audio/mp4"),
        ("a", b"\0\0\0\x18ftyp3gp5\0\0\0\x003gp5isom", "video", "video/3gpp"),
    ] {
        let file = world.upload_file(name, bytes, kind).await.ok(201);
        assert_eq!(file["mime_type"], mime, "{name}");
    }
}

#[tokio::test]
async fn forms_that_are_wrong_leave_nothing() {
    let world = World::new().await;
    let (media, kind) = (("\"media\"; filename=\"a.jpg\"", JPEG), ("\"media_type\"", &b"image"[..]));
    for (parts, wrong) in [
        (vec![media], vec!["media_type"]),
        (vec![kind], vec!["media"]),
        (vec![], vec!["media", "media_type"]),
        (vec![media, media, kind], vec!["media"]),
        (vec![kind, media, kind], vec!["media_type"]),
        (vec![media, ("\"media_type\"", b"gif")], vec!["media_type"]),
        (vec![media, ("\"media_type\"", b"")], vec!["media_type"]),
    ] {
        assert_eq!(world.upload_form(form(&parts), &[]).await.wrong_fields(), wrong);
    }
    let whole = form(&[media, ("\"other\"; filename=\"x\"", PDF), kind]);
    for end in [0, 3, 40, whole.len() / 2, whole.len() - 10] {
        assert_eq!(world.upload_form(whole[..end].to_vec(), &[]).await.wrong_fields(), ["body"], "{end}");
    }
    let garbage = vec![b'x'; 1 << 20];
    assert_eq!(world.upload_form(garbage, &[]).await.wrong_fields(), ["body"]);
    for kind in ["application/json", "multipart/form-data", "multipart/mixed; boundary=XX"] {
        let ask =
            world.request(Method::POST, "/media/upload").token(&world.staff).header("content-type", kind);
        ask.body(whole.clone()).send().await.error(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    assert_eq!(world.media_left().await, (0, 0));
    // What is not known is passed over.
    world.upload_form(whole, &[]).await.ok(201);
}

#[tokio::test]
async fn whatsapp_has_the_last_word_if_it_answers() {
    let world = World::new().await;
    let fails = |failure| *world.provider.upload_failure.lock().unwrap() = Some(failure);
    let error = |code| {
        let details = Some("Unsupported Image mime type".to_owned());
        ProviderError { code, title: "Param".into(), details, ..ProviderError::ours("") }
    };
    fails(ProviderFailure::Refused(error(100)));
    let (reason, details) = refused(&world.upload_file("a.jpg", JPEG, "image").await);
    assert_eq!((reason.as_str(), &details["provider_error"]["code"]), ("refused_by_whatsapp", &json!(100)));
    assert_eq!(world.media_left().await, (0, 0));
    for failure in [
        ProviderFailure::Refused(error(190)),
        ProviderFailure::Refused(error(130_429)),
        ProviderFailure::Unreachable("no way".into()),
        ProviderFailure::Unreadable("what".into()),
    ] {
        fails(failure);
        world.upload_file("a.jpg", JPEG, "image").await.ok(201);
    }
    assert_eq!(world.rows("media_uploads").await, 0);
    assert_eq!(world.media_left().await, (4, 4));
}

#[tokio::test]
async fn a_store_that_fails_is_said_so_and_leaves_its_row_to_the_sweep() {
    let world = World::new().await;
    let store = world.folder.path().join("media");
    fs::remove_dir(&store).unwrap();
    fs::write(&store, "in the way").unwrap();
    world.upload_file("a.jpg", JPEG, "image").await.error(503, "SERVICE_UNAVAILABLE");
    assert_eq!(world.rows("media").await, 1);
    fs::remove_file(&store).unwrap();
    world.change("UPDATE media SET created_at = '2020-01-01 00:00:00+00:00'").await;
    world.app.clean_up().await.unwrap();
    assert_eq!(world.rows("media").await, 0);
    world.upload_file("a.jpg", JPEG, "image").await.ok(201);
}

#[tokio::test]
async fn a_repeat_makes_nothing_new() {
    let world = World::new().await;
    let key = [("idempotency-key", "k1")];
    let parts =
        |bytes: &[u8], kind: &[u8]| form(&[("\"media\"; filename=\"a\"", bytes), ("\"media_type\"", kind)]);
    // A file that is refused leaves the key free.
    assert_eq!(refused(&world.upload_form(parts(PDF, b"image"), &key).await).0, "wrong_type");
    assert_eq!(world.rows("idempotency_keys").await, 0);
    let first = world.upload_form(parts(JPEG, b"image"), &key).await.ok(201);
    assert_eq!(world.upload_form(parts(JPEG, b"image"), &key).await.ok(201), first);
    for other in [parts(&sized(JPEG, 20), b"image"), parts(JPEG, b"document")] {
        world.upload_form(other, &key).await.error(422, "IDEMPOTENCY_KEY_REUSED");
    }
    assert_eq!(world.media_left().await, (1, 1));
    // Another process receives the first one still …
    world.change("UPDATE media SET sha256 = NULL, created_at = '2999-01-01 00:00:00+00:00'").await;
    world.upload_form(parts(JPEG, b"image"), &key).await.error(409, "IDEMPOTENCY_KEY_IN_FLIGHT");
    // … or died.
    world.change("UPDATE media SET created_at = '2020-01-01 00:00:00+00:00'").await;
    let second = world.upload_form(parts(JPEG, b"image"), &key).await.ok(201);
    assert_ne!(second["media_id"], first["media_id"]);
    assert_eq!(world.media_left().await, (1, 1));
}

#[tokio::test]
async fn what_was_never_finished_is_swept_away() {
    let world = World::new().await;
    for _ in 0..3 {
        world
            .upload_form(
                form(&[("\"media\"", JPEG), ("\"media_type\"", b"image")]),
                &[("idempotency-key", "k")],
            )
            .await;
        world.upload_file("a.jpg", JPEG, "image").await.ok(201);
    }
    assert_eq!(world.media_left().await, (4, 4));
    world.change("UPDATE media SET sha256 = NULL WHERE id = (SELECT MIN(id) FROM media)").await;
    world.app.clean_up().await.unwrap();
    assert_eq!(world.media_left().await, (4, 4));
    let hour_ago = (chrono::Utc::now() - TimeDelta::minutes(61)).format("%F %T+00:00");
    world.change(&format!("UPDATE media SET created_at = '{hour_ago}'")).await;
    world.app.clean_up().await.unwrap();
    assert_eq!(world.media_left().await, (3, 3));
    assert_eq!((world.rows("media_uploads").await, world.rows("idempotency_keys").await), (3, 0));
}

#[tokio::test]
async fn files_are_the_propertys_own() {
    let world = World::new().await;
    let id = world.upload_file("a.jpg", JPEG, "image").await.ok(201)["media_id"].as_str().unwrap().to_owned();
    let other = hotel(&world.app, "Seaside", "2").await;
    let stranger = world.app.issue_token(other, Role::Staff, "t").await.unwrap();
    let path = format!("/media/{id}");
    let ask = |token: &str| world.request(Method::GET, &path).token(token).send();
    ask(stranger.expose()).await.error(404, "NOT_FOUND");
    ask(&world.partner).await.error(403, "FORBIDDEN");
    ask("wrong").await.error(401, "UNAUTHENTICATED");
    world.get("/media/media_1").await.error(404, "NOT_FOUND");
    let wrong = world.request(Method::DELETE, &path).token(&world.staff).send().await;
    wrong.error(405, "METHOD_NOT_ALLOWED");
    assert_eq!(wrong.header("allow"), Some("GET, HEAD"));
    let ask = world.request(Method::POST, "/media/upload").token(&world.partner);
    ask.body(form(&[])).send().await.error(403, "FORBIDDEN");
    // A row that is not in whole is no file.
    world.change("UPDATE media SET sha256 = NULL").await;
    world.get(&path).await.error(404, "NOT_FOUND");
    world.change("UPDATE media SET sha256 = 'x'").await;
    fs::remove_dir_all(world.folder.path().join("media")).unwrap();
    world.get(&path).await.error(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_was_uploaded_does_nothing_under_our_name() {
    let world = World::new().await;
    for (name, given, kind, disposition) in [
        ("key.jpg", JPEG, "image", "inline; filename=\"key.jpg\""),
        (
            "\\\"; x=\\\"",
            PDF,
            "document",
            "inline; filename=\"___ x=__\"; filename*=UTF-8''%22%3B%20x%3D%5C%22",
        ),
        ("a\tb.txt", b"hi", "document", "attachment; filename=\"ab.txt\""),
        (
            "../../שלום.txt",
            b"hi",
            "document",
            "attachment; filename=\"____.txt\"; filename*=UTF-8''%D7%A9%D7%9C%D7%95%D7%9D.txt",
        ),
    ] {
        let file = world.upload_file(name, given, kind).await.ok(201);
        let got = world.get(&format!("/media/{}", file["media_id"].as_str().unwrap())).await;
        if !name.starts_with('\\') {
            assert_eq!(got.header("content-disposition"), Some(disposition), "{name}");
        }
        assert!(got.header("content-disposition").unwrap().matches('"').count() == 2, "{name}");
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(got.header("content-security-policy"), Some("sandbox; default-src 'none'"));
        assert_eq!(got.header("cache-control"), Some("private"));
        assert_eq!(got.header("content-type"), file["mime_type"].as_str());
        assert_eq!(got.header("content-length"), Some(given.len().to_string().as_str()));
    }
}

#[tokio::test]
async fn parts_of_a_file() {
    let world = World::new().await;
    let jpeg = sized(JPEG, 1000);
    let file = world.upload_file("a.jpg", &jpeg, "image").await.ok(201);
    let path = format!("/media/{}", file["media_id"].as_str().unwrap());
    let ask = |method, name: &'static str, value: String| {
        world
            .request(method, &path)
            .token(&world.staff)
            .header("range", "bytes=2-5")
            .header(name, &value)
            .send()
    };
    let etag = format!("\"{}\"", file["sha256"].as_str().unwrap());
    let part = ask(Method::GET, "if-range", etag.clone()).await;
    assert_eq!((part.status.as_u16(), &part.bytes[..]), (206, &jpeg[2..6]));
    assert_eq!(part.header("content-range"), Some("bytes 2-5/1000"));
    assert_eq!((part.header("content-length"), part.header("etag")), (Some("4"), Some(etag.as_str())));
    for (name, value) in [("if-range", "\"other\""), ("range", "bytes=2000-")] {
        let mut ask = world.request(Method::GET, &path).token(&world.staff);
        if name == "if-range" {
            ask = ask.header("range", "bytes=2-5");
        }
        let whole = ask.header(name, value).send().await;
        assert!(whole.status == 200 && whole.bytes == jpeg && whole.header("accept-ranges") == Some("bytes"));
    }
    let head = world.request(Method::HEAD, &path).token(&world.staff).send().await;
    assert_eq!(
        (head.status.as_u16(), head.bytes.len(), head.header("content-length")),
        (200, 0, Some("1000"))
    );
}
