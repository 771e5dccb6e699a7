//! Files on their way to Meta.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod common;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bellhop_domain::ports::{MediaFile, Provider, ProviderFailure};
use bellhop_provider::CloudApi;
use bytes::Bytes;
use common::server::{Server, Step};
use common::{client, line, parts};
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn file(pieces: Vec<io::Result<&'static str>>, size: u64) -> MediaFile {
    MediaFile {
        mime: "text/plain".into(),
        filename: "menu.txt".into(),
        size,
        bytes: stream::iter(pieces).map(|piece| piece.map(Bytes::from)).boxed(),
    }
}

fn words() -> MediaFile {
    file(vec![Ok("hello "), Ok(""), Ok("world")], 11)
}

#[tokio::test]
async fn a_file_is_a_form_of_known_length() {
    let server =
        Server::start(vec![Step::answer(200, r#"{"id":"4490"}"#), Step::answer(200, r#"{"id":4490}"#)]).await;
    let api = CloudApi::new(client());
    let line = line(&server.base_url);
    assert_eq!(api.upload(&line, words()).await.unwrap(), "4490");
    let odd = MediaFile { filename: "a\"b\\c\r\nd-תפריט.txt".into(), ..words() };
    assert_eq!(api.upload(&line, odd).await.unwrap(), "4490", "an id may be a number");

    let requests = server.requests();
    let (first, headers, body) = parts(&requests[0]);
    assert_eq!(first, "POST /v23.0/7001/media HTTP/1.1");
    assert!(headers.contains("authorization: Bearer the-token"), "{headers}");
    assert!(headers.contains(&format!("content-length: {}", body.len())), "{headers}");
    assert!(!headers.contains("transfer-encoding"), "{headers}");
    let boundary = headers.split("multipart/form-data; boundary=").nth(1).unwrap().lines().next().unwrap();
    let part = |head: &str, value: &str| {
        format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    let expected = [
        part("name=\"messaging_product\"", "whatsapp"),
        part("name=\"type\"", "text/plain"),
        part("name=\"file\"; filename=\"menu.txt\"\r\nContent-Type: text/plain", "hello world"),
        format!("--{boundary}--\r\n"),
    ];
    assert_eq!(body, expected.concat());
    assert!(parts(&requests[1]).2.contains("filename=\"a_b_c__d-תפריט.txt\"\r\n"), "{}", requests[1]);
}

#[tokio::test]
async fn an_example_goes_up_in_two_steps() {
    // Meta's own sample: the address has a signature that must go back to the letter.
    let id =
        "upload:MTphdHRhY2htZW50Ojlk2mJiZxUwLWV6MDUtNDIwMy05yTA3LWQ4ZDPmZGFkNTM0NT8=?sig=ARZqkGCA_uQMxC8nHKI";
    let server = Server::start(vec![
        Step::answer(200, &format!(r#"{{"id":"{id}"}}"#)),
        Step::answer(200, r#"{"h":"4::aW1hZ2U=:ARY"}"#),
    ])
    .await;
    let named = MediaFile { filename: "a b&c.txt".into(), ..words() };
    let handle = CloudApi::new(client()).upload_example(&line(&server.base_url), named).await.unwrap();
    assert_eq!(handle, "4::aW1hZ2U=:ARY");
    let requests = server.requests();
    let (first, headers, body) = parts(&requests[0]);
    assert_eq!(
        first,
        "POST /v23.0/app/uploads?file_length=11&file_type=text%2Fplain&file_name=a+b%26c.txt HTTP/1.1"
    );
    assert!(headers.contains("authorization: Bearer the-token") && body.is_empty(), "{headers}");
    assert!(headers.contains("content-length: 0"), "some servers ask for it: {headers}");
    let (first, headers, body) = parts(&requests[1]);
    assert_eq!(first, format!("POST /v23.0/{id} HTTP/1.1"));
    for header in
        ["authorization: OAuth the-token", "file_offset: 0", "content-type: text/plain", "content-length: 11"]
    {
        assert!(headers.contains(header), "{header} in {headers}");
    }
    assert!(!headers.contains("Bearer") && !headers.contains("transfer-encoding"), "{headers}");
    assert_eq!(body, "hello world");
}

/// The token goes to the address of a session only if that is what it says.
#[tokio::test]
async fn an_id_that_is_no_session_is_not_followed() {
    for id in [
        "4490",
        "upload:a#b",
        "upload:a/../../b",
        "upload:a b",
        "upload:\\u00e9",
        "//elsewhere.invalid/upload:a",
    ] {
        let server = Server::start(vec![Step::answer(200, &format!(r#"{{"id":"{id}"}}"#))]).await;
        let failure =
            CloudApi::new(client()).upload_example(&line(&server.base_url), words()).await.unwrap_err();
        assert!(matches!(failure, ProviderFailure::Unreadable(_)), "{id}: {failure}");
        assert_eq!(server.requests().len(), 1, "{id}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_what_was_announced_does_not_arrive() {
    let gone = || Err(io::Error::other("the disk is gone"));
    assert_breaks(|| vec![Ok("hello "), Ok("wor")], "shorter than announced").await;
    assert_breaks(Vec::new, "shorter than announced").await;
    assert_breaks(|| vec![Ok("hello world"), Ok("!")], "longer than announced").await;
    assert_breaks(|| vec![Ok("hello world!")], "longer than announced").await;
    assert_breaks(|| vec![Ok("hello "), gone()], "the disk is gone").await;
    assert_breaks(|| vec![Ok("hello world"), gone()], "the disk is gone").await;
}

async fn assert_breaks(pieces: impl Fn() -> Vec<io::Result<&'static str>>, why: &str) {
    let file = || file(pieces(), 11);
    let server = Server::start(vec![Step::answer(200, r#"{"id":"upload:a"}"#)]).await;
    let api = CloudApi::new(client());
    let line = line(&server.base_url);
    let example = api.upload_example(&line, file()).await.unwrap_err();
    let upload = api.upload(&line, file()).await.unwrap_err();
    for failure in [upload, example] {
        assert!(matches!(failure, ProviderFailure::Unreachable(_)), "{failure}");
        assert!(failure.to_string().contains(why), "{failure}");
    }
    assert_eq!(server.requests().len(), 1, "no request but that for a session came whole");
}

#[tokio::test]
async fn the_ways_in_which_an_upload_fails() {
    let too_large = r#"{"error":{"message":"(#100) Param file is too large","code":100,"error_data":{"details":"too large"}}}"#;
    let server = Server::start(vec![
        Step::answer(400, too_large),
        Step::answer(200, "{}"),
        Step::answer(502, "<html>"),
        Step::WriteAndClose(String::new()),
        Step::answer(200, r#"{"id":"upload:a"}"#),
        Step::answer(400, too_large),
        Step::answer(200, r#"{"id":"upload:a"}"#),
        Step::answer(200, r#"{"h":null}"#),
    ])
    .await;
    let api = CloudApi::new(client());
    let line = line(&server.base_url);
    let refused = |failure: &ProviderFailure| matches!(failure, ProviderFailure::Refused(error) if error.code == 100 && error.details.as_deref() == Some("too large"));
    assert!(refused(&api.upload(&line, words()).await.unwrap_err()));
    for unreadable in [true, true, false] {
        let failure = api.upload(&line, words()).await.unwrap_err();
        assert_eq!(matches!(failure, ProviderFailure::Unreadable(_)), unreadable, "{failure}");
        assert_eq!(matches!(failure, ProviderFailure::Unreachable(_)), !unreadable, "{failure}");
    }
    assert!(refused(&api.upload_example(&line, words()).await.unwrap_err()));
    let failure = api.upload_example(&line, words()).await.unwrap_err();
    assert!(matches!(failure, ProviderFailure::Unreadable(_)), "{failure}");
}

/// Reads the beginning of a request, writes this, and reads no more.
async fn impatient(answer: &'static str, hangs_up: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.read_exact(&mut [0; 100_000]).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            if !hangs_up {
                open.push(stream);
            }
        }
    });
    base_url
}

#[tokio::test]
async fn a_server_that_hangs_up_in_the_middle_is_no_upload() {
    let base_url = impatient("", true).await;
    let (large, _) = made_up_on_the_way(8 * MB);
    let failure = CloudApi::new(client()).upload(&line(&base_url), large).await.unwrap_err();
    assert!(matches!(failure, ProviderFailure::Unreachable(_)), "{failure}");
}

#[tokio::test]
async fn a_refusal_counts_before_the_file_has_left() {
    let refusal = concat!(
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 62\r\n\r\n",
        r#"{"error":{"message":"(#100) Param file is wrong","code":100 }}"#
    );
    let base_url = impatient(refusal, false).await;
    let (large, _) = made_up_on_the_way(100 * MB);
    let failure = CloudApi::new(client()).upload(&line(&base_url), large).await.unwrap_err();
    assert!(matches!(&failure, ProviderFailure::Refused(error) if error.code == 100), "{failure}");
}

const MB: u64 = 1 << 20;

/// A file of which every piece is made when it is asked for, and the most memory that this process
/// was seen to have meanwhile, in bytes.
fn made_up_on_the_way(size: u64) -> (MediaFile, Arc<AtomicU64>) {
    const PIECE: u64 = 64 << 10;
    let most = Arc::new(AtomicU64::new(0));
    let seen = most.clone();
    let pieces = stream::iter(0..size / PIECE).map(move |_| {
        seen.fetch_max(resident(), Ordering::Relaxed);
        Ok(Bytes::from(vec![b'x'; usize::try_from(PIECE).unwrap()]))
    });
    let file =
        MediaFile { mime: "application/pdf".into(), filename: "a.pdf".into(), size, bytes: pieces.boxed() };
    (file, most)
}

/// 0 where the system does not tell.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kb: Option<u64> = line.split_whitespace().next().and_then(|kb| kb.parse().ok());
    kb.unwrap_or(0) << 10
}

/// Reads one request on each connection and answers with the length of its body as id.
async fn counting() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let length: u64 = length.parse().unwrap();
            let read =
                tokio::io::copy(&mut (&mut stream).take(length), &mut tokio::io::sink()).await.unwrap();
            let body = format!(r#"{{"id":{read},"h":"{read}"}}"#);
            let answer = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    base_url
}

#[tokio::test]
async fn a_hundred_megabytes_are_never_held_whole() {
    let base_url = counting().await;
    let before = resident();
    let (large, most) = made_up_on_the_way(100 * MB);
    let id = CloudApi::new(client()).upload(&line(&base_url), large).await.unwrap();
    let received: u64 = id.parse().unwrap();
    assert!((100 * MB..100 * MB + 2_000).contains(&received), "{received}");
    // The other tests of this file, at the same time, hold a few megabytes.
    let grown = most.load(Ordering::Relaxed).saturating_sub(before);
    assert!(grown < 32 * MB, "{grown} bytes more");
}
