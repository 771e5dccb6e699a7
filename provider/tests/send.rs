//! What each way that the exchange of a send can end is taken for.
#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod common;

use std::time::{Duration, Instant};

use bellhop_domain::answer::Answer;
use bellhop_domain::ports::{Outbound, Provider};
use bellhop_domain::provider_error::ErrorClass;
use bellhop_provider::CloudApi;
use common::server::{Server, Step};
use common::{client, json_file, line, shared, stem, text};
use serde_json::{Value, json};

async fn send_to(step: Step) -> Answer {
    let server = Server::start(vec![step]).await;
    CloudApi::new(client()).send(&line(&server.base_url), &text()).await
}

async fn answered(status: u16, body: &str) -> Answer {
    send_to(Step::answer(status, body)).await
}

const GOOD: &str = r#"{"messaging_product":"whatsapp","contacts":[{"input":"x","wa_id":"972540000001","user_id":"IL.71"}],"messages":[{"id":"wamid.A","message_status":"accepted"}]}"#;

fn envelope(code: Value) -> String {
    json!({"error": {"message": "(#5) Words", "type": "OAuthException", "code": code, "fbtrace_id": "A"}})
        .to_string()
}

/// The answer in one word, with the code of a refusal.
fn word(answer: &Answer) -> String {
    match answer {
        Answer::Accepted(accepted) => format!("accepted {}", accepted.wamid),
        Answer::Refused(error) => format!("refused {}", error.code),
        Answer::NeverSent { .. } => "never sent".into(),
        Answer::Unknown { .. } => "unknown".into(),
    }
}

#[tokio::test]
async fn an_acceptance_tells_who_was_found() {
    let Answer::Accepted(accepted) = answered(200, GOOD).await else { panic!() };
    assert_eq!(
        (accepted.wamid.as_str(), accepted.wa_id.as_deref(), accepted.bsuid.as_deref()),
        ("wamid.A", Some("972540000001"), Some("IL.71"))
    );
    let placeholder = r#"{"contacts":[{"wa_id":"<WHATSAPP_ID>"}],"messages":[{"id":"wamid.B"}]}"#;
    let Answer::Accepted(accepted) = answered(201, placeholder).await else { panic!() };
    assert_eq!((accepted.wa_id, accepted.bsuid), (None, None));
    assert_eq!(
        word(&answered(200, r#"{"contacts":7,"messages":[{"id":"wamid.C"}]}"#).await),
        "accepted wamid.C"
    );
}

#[tokio::test]
async fn the_table_of_answers() {
    let table: &[(u16, String, &str)] = &[
        // Meta's envelope with a known code is a refusal, whatever the HTTP status.
        (400, envelope(json!(131_026)), "refused 131026"),
        (500, envelope(json!(131_016)), "refused 131016"),
        (503, envelope(json!("2")), "refused 2"),
        (200, envelope(json!(130_429)), "refused 130429"),
        (302, envelope(json!(190)), "refused 190"),
        // An unknown code needs HTTP's word.
        (400, envelope(json!(999_999)), "refused 999999"),
        (429, envelope(json!(999_999)), "refused 999999"),
        (500, envelope(json!(999_999)), "unknown"),
        (200, envelope(json!(999_999)), "unknown"),
        // An envelope without a code is none.
        (400, envelope(json!(null)), "unknown"),
        (400, envelope(json!("many")), "unknown"),
        (400, r#"{"error":"no"}"#.into(), "unknown"),
        // 2xx without a readable wamid.
        (200, "<html>hi</html>".into(), "unknown"),
        (200, String::new(), "unknown"),
        (200, r#"{"messages":[]}"#.into(), "unknown"),
        (200, r#"{"messages":[{"id":""}]}"#.into(), "unknown"),
        (200, r#"{"messages":[{"id":7}]}"#.into(), "unknown"),
        (200, r#"{"success":true}"#.into(), "unknown"),
        (200, format!("{GOOD} x"), "unknown"),
        // Somebody else's words.
        (500, "<html>oops</html>".into(), "unknown"),
        (502, GOOD.into(), "unknown"),
        (301, "".into(), "unknown"),
        (400, "<html>bad</html>".into(), "unknown"),
        (403, "<html>not here</html>".into(), "unknown"),
        (404, "".into(), "unknown"),
        (408, "".into(), "unknown"),
        (407, "<html>log in</html>".into(), "refused -407"),
        (413, "".into(), "refused -413"),
        (429, "slow down".into(), "refused -429"),
    ];
    for (status, body, expected) in table {
        assert_eq!(word(&answered(*status, body).await), *expected, "{status} {body}");
    }
}

#[tokio::test]
async fn refusals_without_an_envelope_are_classed_by_their_status() {
    let class = |answer| match answer {
        Answer::Refused(error) => error.class(),
        other => panic!("{other:?}"),
    };
    assert_eq!(class(answered(429, "").await), ErrorClass::Backoff);
    assert_eq!(class(answered(407, "").await), ErrorClass::Backoff);
    assert_eq!(class(answered(413, "").await), ErrorClass::Never);
}

#[tokio::test]
async fn the_parts_of_an_error() {
    for (data, details) in [
        (json!({"messaging_product": "whatsapp", "details": "Parameter x"}), Some("Parameter x")),
        (json!("plain words"), Some("plain words")),
        (json!(null), None),
        (json!([1]), None),
    ] {
        let body = json!({"error": {"message": "(#131009) Not valid", "code": "131009", "error_data": data, "is_transient": true}});
        let Answer::Refused(error) = answered(400, &body.to_string()).await else { panic!() };
        assert_eq!(
            (error.code, error.title.as_str(), error.details.as_deref()),
            (131_009, "Not valid", details)
        );
        assert_eq!((error.http_status, error.is_transient), (Some(400), true));
    }
}

#[tokio::test]
async fn every_synthetic_error_file_is_a_refusal() {
    for path in shared("synthetic/errors-sync") {
        let file = json_file(&path);
        let raw = &file["body"]["error"];
        let status = u16::try_from(file["http_status"].as_u64().unwrap()).unwrap();
        let Answer::Refused(error) = answered(status, &file["body"].to_string()).await else {
            panic!("{}", stem(&path))
        };
        assert_eq!((Some(error.code), error.http_status), (raw["code"].as_i64(), Some(status)));
        assert_eq!(error.details.as_deref(), raw["error_data"]["details"].as_str(), "{}", stem(&path));
        assert!(
            raw["message"].as_str().unwrap().ends_with(&error.title) && !error.title.starts_with("(#"),
            "{}",
            error.title
        );
    }
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let refused = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    // Accepts and says nothing, so that the TLS handshake takes longer than the connect timeout.
    let mute = Server::start(vec![]).await.base_url.replace("http:", "https:");
    let no_tls = Server::start(vec![Step::WriteAndClose("what?\r\n".into())])
        .await
        .base_url
        .replace("http:", "https:");
    let http =
        reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_millis(300)).build().unwrap();
    for base_url in [&refused, "http://nowhere.invalid", &mute, &no_tls, "http://127.0.0.1:1", "not a url"] {
        let started = Instant::now();
        let answer = CloudApi::new(http.clone()).send(&line(base_url), &text()).await;
        assert_eq!(word(&answer), "never sent", "{base_url}: {answer:?}");
        assert!(started.elapsed() < Duration::from_secs(4), "{base_url}");
    }
}

#[tokio::test]
async fn a_connection_lost_on_the_way_leaves_it_unknown() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"messages\":[{\"id\":\"wamid.A\"}";
    let half_refusal =
        format!("HTTP/1.1 400 Bad Request\r\ncontent-length: 9000\r\n\r\n{}", envelope(json!(131_026)));
    for answer in ["", "HTTP/1.1 2", "garbage\r\n\r\n", half, &half_refusal] {
        assert_eq!(word(&send_to(Step::WriteAndClose(answer.into())).await), "unknown", "{answer}");
    }
}

#[tokio::test]
async fn the_deadline_holds_for_the_head_and_for_the_body() {
    for step in [Step::Silence, Step::Write("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{".into())] {
        let server = Server::start(vec![step]).await;
        let started = Instant::now();
        let message = Outbound { deadline: Duration::from_millis(300), ..text() };
        let answer = CloudApi::new(client()).send(&line(&server.base_url), &message).await;
        assert_eq!(word(&answer), "unknown");
        assert!(started.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn a_huge_answer_is_not_read_to_its_end() {
    let body = format!("{{\"messages\":[{{\"id\":\"wamid.A\"}}],\"x\":\"{}\"}}", "x".repeat(4 << 20));
    assert_eq!(word(&answered(200, &body).await), "unknown");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = Server::start(vec![Step::answer(200, GOOD)]).await;
    let redirect =
        format!("HTTP/1.1 307 Moved\r\nlocation: {}/x\r\ncontent-length: 0\r\n\r\n", other.base_url);
    let server = Server::start(vec![Step::Write(redirect)]).await;
    let api = CloudApi::new(bellhop_provider::cloud_api::http_client().unwrap());
    assert_eq!(word(&api.send(&line(&server.base_url), &text()).await), "unknown");
    assert!(other.requests().is_empty());
}

/// A pooled connection on which the server takes a request and then closes is the trap: a client
/// that tries again by itself would double the message.
#[tokio::test]
async fn a_request_on_a_kept_connection_is_not_repeated() {
    let server = Server::start(vec![
        Step::answer(200, GOOD),
        Step::WriteAndClose(String::new()),
        Step::answer(200, GOOD),
    ])
    .await;
    let api = CloudApi::new(bellhop_provider::cloud_api::http_client().unwrap());
    let line = line(&server.base_url);
    assert_eq!(word(&api.send(&line, &text()).await), "accepted wamid.A");
    assert_eq!(word(&api.send(&line, &text()).await), "unknown");
    assert_eq!(server.requests().len(), 2);
    assert_eq!(word(&api.send(&line, &text()).await), "accepted wamid.A");
}

/// One that the server closed while it was idle costs nothing: nothing was written on it.
#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced() {
    let close = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{GOOD}", GOOD.len());
    let server = Server::start(vec![Step::WriteAndClose(close), Step::answer(200, GOOD)]).await;
    let api = CloudApi::new(client());
    let line = line(&server.base_url);
    assert_eq!(word(&api.send(&line, &text()).await), "accepted wamid.A");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(word(&api.send(&line, &text()).await), "accepted wamid.A");
}
