//! Files that guests sent, from a server that lies.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bellhop_domain::ports::{FetchFailure, FetchedFile, Provider, WantedFile};
use bellhop_provider::{CloudApi, cloud_api};
use common::server::{Server, Step};
use common::{client, line, parts};
use futures_util::StreamExt;
use tokio::net::TcpListener;

const STALL: Duration = Duration::from_millis(300);
const MAX: u64 = 1_000;

fn wanted() -> WantedFile {
    WantedFile { provider_id: "4490".into(), url: None, stall: STALL, max_bytes: MAX }
}

fn ready(url: impl Into<String>) -> WantedFile {
    WantedFile { url: Some(url.into()), ..wanted() }
}

fn api() -> CloudApi {
    CloudApi::new(client()).fetching_with(cloud_api::file_client().unwrap())
}

/// What the API says of a file that is `size` bytes large at this address.
fn address(url: &str, size: &str) -> Step {
    let hash = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    Step::answer(
        200,
        &format!(
            r#"{{"messaging_product":"whatsapp","url":"{url}","mime_type":"image/jpeg","sha256":"{hash}","file_size":{size},"id":"4490"}}"#
        ),
    )
}

/// Everything up to the end, or up to the error with which it breaks off.
async fn drain(file: FetchedFile) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut pieces = file.bytes;
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece.map_err(|error| error.to_string())?);
    }
    Ok(String::from_utf8(bytes).unwrap())
}

/// A server whose steps can name itself.
async fn server(steps: impl FnOnce(&str) -> Vec<Step>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("http://{}", listener.local_addr().unwrap());
    Server::start_on(listener, steps(&here)).await
}

async fn fetch(server: &Server, wanted: &WantedFile) -> Result<FetchedFile, FetchFailure> {
    api().fetch(&line(&server.base_url), wanted).await
}

fn why(fetched: Result<FetchedFile, FetchFailure>) -> String {
    match fetched {
        Ok(_) => panic!("it was opened"),
        Err(FetchFailure::Failed(why)) => why,
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn asked_for_by_its_id_and_read_with_the_token() {
    let server = server(|here| {
        vec![address(&format!("{here}/files/?mid=1&hash=a%2Fb"), "\"11\""), Step::answer(200, "hello world")]
    })
    .await;
    let file = fetch(&server, &wanted()).await.unwrap();
    assert_eq!((file.mime.as_deref(), file.size), (Some("image/jpeg"), Some(11)));
    assert!(file.sha256.as_ref().unwrap().starts_with("LPJNul"));
    assert_eq!(drain(file).await.unwrap(), "hello world");
    let requests = server.requests();
    assert_eq!(parts(&requests[0]).0, "GET /v23.0/4490 HTTP/1.1");
    assert_eq!(parts(&requests[1]).0, "GET /files/?mid=1&hash=a%2Fb HTTP/1.1");
    assert!(
        requests.iter().all(|request| request.contains("authorization: Bearer the-token")),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_ready_address_is_used_and_renewed_when_it_is_over() {
    let one = server(|_| vec![Step::answer(200, "hello world")]).await;
    let file = fetch(&one, &ready(format!("{}/ready", one.base_url))).await.unwrap();
    assert_eq!((file.size, drain(file).await.unwrap().as_str()), (Some(11), "hello world"));
    assert_eq!(one.requests().len(), 1);

    for over in [
        Step::answer(404, ""),
        Step::answer(410, "gone"),
        Step::answer(500, "<html>"),
        Step::answer(400, r#"{"error":{"message":"(#100) Expired","code":100,"error_subcode":33}}"#),
        Step::Write(
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".into(),
        ),
    ] {
        let server = server(|here| {
            vec![over, address(&format!("{here}/fresh"), "11"), Step::answer(200, "hello world")]
        })
        .await;
        let file = fetch(&server, &ready(format!("{}/ready", server.base_url))).await.unwrap();
        assert_eq!(drain(file).await.unwrap(), "hello world");
        let asked: Vec<String> =
            server.requests().iter().map(|request| parts(request).0.to_owned()).collect();
        assert_eq!(asked, ["GET /ready HTTP/1.1", "GET /v23.0/4490 HTTP/1.1", "GET /fresh HTTP/1.1"]);
    }
}

/// The token is for the API's own host, and for hosts of the public internet that the API itself names.
#[tokio::test]
async fn the_token_goes_nowhere_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let knocks = Arc::<AtomicUsize>::default();
    let heard = Arc::clone(&knocks);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            heard.fetch_add(1, Ordering::SeqCst);
        }
    });
    for elsewhere in [
        format!("http://127.0.0.1:{port}/a"),
        format!("http://localhost:{port}/a"),
        // Only the client can see what this name means.
        format!("https://localhost:{port}/a"),
        format!("https://127.0.0.1:{port}/a"),
        format!("https://[::ffff:127.0.0.1]:{port}/a"),
        format!("https://0x7f.1:{port}/a"),
        "http://169.254.169.254/latest/meta-data".into(),
        "https://10.0.0.1/".into(),
        // Public, but for everybody on the way to read.
        "http://lookaside.fbsbx.com/a".into(),
        "file:///etc/passwd".into(),
        "no address".into(),
        String::new(),
    ] {
        let named = server(|_| vec![address(&elsewhere, "11")]).await;
        why(fetch(&named, &wanted()).await);
        // In a webhook it is not even tried: the API is asked, which knows the right one.
        let right =
            server(|here| vec![address(&format!("{here}/a"), "11"), Step::answer(200, "hello world")]).await;
        let file = fetch(&right, &ready(elsewhere.as_str())).await.unwrap();
        assert_eq!(drain(file).await.unwrap(), "hello world");
        let moved = format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n");
        let leads = server(|here| vec![address(&format!("{here}/a"), "11"), Step::Write(moved)]).await;
        // What is no address by itself is one of the same host.
        if elsewhere.contains("://") {
            why(fetch(&leads, &wanted()).await);
            assert_eq!(leads.requests().len(), 2, "{elsewhere}");
        }
    }
    assert_eq!(knocks.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn redirects_within_the_host_are_followed_but_not_for_ever() {
    let moved =
        |to: &str| Step::Write(format!("HTTP/1.1 307 Moved\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"));
    let twice = server(|here| {
        vec![
            address(&format!("{here}/a"), "11"),
            moved("/b?x=1"),
            moved(&format!("{here}/c")),
            Step::answer(200, "hello world"),
        ]
    })
    .await;
    assert_eq!(drain(fetch(&twice, &wanted()).await.unwrap()).await.unwrap(), "hello world");
    assert_eq!(parts(&twice.requests()[2]).0, "GET /b?x=1 HTTP/1.1");
    let round = server(|here| {
        let mut steps = vec![address(&format!("{here}/a"), "11")];
        steps.extend(std::iter::repeat_n(moved("/a"), 20));
        steps
    })
    .await;
    assert!(why(fetch(&round, &wanted()).await).contains("on and on"));
    assert!(round.requests().len() < 8);
}

#[tokio::test]
async fn lengths_are_not_believed() {
    let of = async |size: &str, answer: Step| {
        let server = server(|here| vec![address(&format!("{here}/a"), size), answer]).await;
        fetch(&server, &wanted()).await
    };
    let close = |text: &str| Step::WriteAndClose(format!("HTTP/1.1 200 OK\r\n{text}"));
    // Two announcements that differ.
    assert!(why(of("12", Step::answer(200, "hello world")).await).contains("11 bytes announced"));
    // Less than its own header says.
    let short = of("11", close("content-length: 11\r\n\r\nhello")).await.unwrap();
    assert!(drain(short).await.is_err());
    // Without a length of its own: the API's word is there to be compared.
    let chunked = "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let file = of("11", close(chunked)).await.unwrap();
    assert_eq!((file.size, drain(file).await.unwrap().as_str()), (Some(11), "hello"));
    let torn = of("11", close("transfer-encoding: chunked\r\n\r\n5\r\nhel")).await.unwrap();
    assert!(drain(torn).await.is_err());
    // More than anybody takes.
    for (size, answer) in [
        ("1001", close("transfer-encoding: chunked\r\n\r\n")),
        ("\"\"", close("content-length: 1001\r\n\r\n")),
    ] {
        let failure = of(size, answer).await.err().unwrap();
        assert!(matches!(failure, FetchFailure::TooLarge(1001)), "{failure:?}");
    }
}

#[tokio::test]
async fn whoever_stalls_is_not_waited_for() {
    let began = std::time::Instant::now();
    let silent = server(|here| vec![address(&format!("{here}/a"), "11"), Step::Silence]).await;
    assert!(why(fetch(&silent, &wanted()).await).contains("no answer"));
    let half = Step::Write("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello".into());
    let stalls = server(|here| vec![address(&format!("{here}/a"), "11"), half]).await;
    let file = fetch(&stalls, &wanted()).await.unwrap();
    assert!(drain(file).await.unwrap_err().contains("nothing more"));
    // An error whose words never come.
    let mute = Step::Write("HTTP/1.1 500 Oh\r\ncontent-length: 11\r\n\r\n".into());
    let error = server(|here| vec![address(&format!("{here}/a"), "11"), mute]).await;
    assert!(why(fetch(&error, &wanted()).await).contains("HTTP 500"));
    assert!(began.elapsed() < 10 * STALL, "{:?}", began.elapsed());
}

#[tokio::test]
async fn refusals_are_the_apis() {
    let unknown = r#"{"error":{"message":"Unsupported get request.","type":"GraphMethodException","code":100,"error_subcode":33}}"#;
    let dead = r#"{"error":{"message":"Error validating access token","code":190}}"#;
    for (status, body, code) in [(400, unknown, 100), (401, dead, 190)] {
        let server = Server::start(vec![Step::answer(status, body)]).await;
        let failure = fetch(&server, &wanted()).await.err().unwrap();
        assert!(matches!(&failure, FetchFailure::Refused(error) if error.code == code), "{failure:?}");
    }
    // Whoever has the bytes may speak of the token, and not of the file.
    for (status, body, refused) in
        [(401, dead, true), (400, unknown, false), (404, "", false), (503, dead, true)]
    {
        let server =
            server(|here| vec![address(&format!("{here}/a"), "11"), Step::answer(status, body)]).await;
        let failure = fetch(&server, &wanted()).await.err().unwrap();
        assert_eq!(matches!(failure, FetchFailure::Refused(_)), refused, "{failure:?}");
    }
    for answer in [Step::answer(500, "<html>"), Step::answer(200, "{}"), Step::WriteAndClose(String::new())] {
        let server = Server::start(vec![answer]).await;
        why(fetch(&server, &wanted()).await);
    }
}
