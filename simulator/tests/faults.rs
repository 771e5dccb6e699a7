//! Everything that can be made to go wrong.

mod common;

use std::time::{Duration, Instant};

use common::{Receiver, Sim, eventually, text_to};
use serde_json::{Value, json};

const ADA: &str = "972541234567";

/// A connected simulator with these faults, and a guest whose window is open.
async fn with_faults(mut faults: Value) -> (Sim, Receiver) {
    let (sim, receiver) = (Sim::quick().await, Receiver::start().await);
    sim.register(&receiver).await;
    sim.open_guest(ADA).await;
    receiver.wait_for_updates(1).await;
    sim.idle().await;
    receiver.forget();
    if faults.get("status_delay_ms").is_none() {
        faults["status_delay_ms"] = json!({"sent": 0, "delivered": 0, "read": 0});
    }
    sim.control("PUT", "faults", faults).await;
    (sim, receiver)
}

#[tokio::test]
async fn the_contract_of_the_route() {
    let sim = Sim::start().await;
    let off = sim.get("faults").await;
    assert_eq!(off["send_error"], Value::Null);
    assert_eq!(off["webhooks"]["silent"], false);
    let all = json!({
        "send_error": {"code": 131016, "times": 1, "to": "+1234567890"},
        "latency_ms": 5, "never_answer": {"times": 1}, "close_after_accept": {"times": 1},
        "status_delay_ms": {"sent": 1, "delivered": 2, "read": 3},
        "webhooks": {"duplicate": 1, "reorder": true, "delay_ms": 1, "batch": true,
            "skip_delivered": true, "silent": true},
    });
    let answer = sim.control("PUT", "faults", all.clone()).await;
    for (key, value) in all.as_object().unwrap() {
        assert_eq!(answer[key], *value);
    }
    assert_eq!(sim.get("faults").await, answer);
    sim.control("PUT", "faults", json!({"latency_ms": 7})).await;
    assert_eq!(sim.get("faults").await["webhooks"], off["webhooks"], "a PUT replaces all");
    let (status, answer) = sim.control_raw("PUT", "faults", json!({"webhooks": {"mute": true}})).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().contains("mute"), "{answer}");
    assert_eq!(sim.control("DELETE", "faults", Value::Null).await, off);
}

#[tokio::test]
async fn send_error_answers_in_metas_envelope() {
    let (sim, _receiver) =
        with_faults(json!({"send_error": {"code": 131_016, "times": 2, "to": "+972541234567"}})).await;
    sim.open_guest("16505551234").await;
    sim.text("16505551234", "not this one").await;
    for _ in 0..2 {
        let (status, answer) = sim.send_text(ADA, "x").await;
        assert_eq!((status, &answer["error"]["code"]), (500, &json!(131_016)), "{answer}");
        assert_eq!(answer["error"]["message"], "(#131016) Service unavailable");
        assert!(answer["error"]["error_data"]["details"].is_string());
    }
    sim.text(ADA, "the third goes through").await;
    assert_eq!(sim.ledger("").await["count"], 2);
    for (code, http) in [(190, 401), (2, 503), (130_429, 400), (131_026, 400), (987_654, 400)] {
        sim.control("PUT", "faults", json!({"send_error": {"code": code}})).await;
        let (status, answer) = sim.send_text(ADA, "x").await;
        assert_eq!((status, &answer["error"]["code"]), (http, &json!(code)));
    }
}

#[tokio::test]
async fn latency_delays_the_answer_and_not_the_acceptance() {
    let (sim, receiver) = with_faults(json!({"latency_ms": 1_500})).await;
    let start = Instant::now();
    let body = text_to(ADA, "x");
    let send = sim.send(body);
    let watch = async {
        let updates = receiver.wait_for_updates(1).await;
        (start.elapsed(), updates)
    };
    let ((status, _), (seen, _)) = tokio::join!(send, watch);
    assert_eq!(status, 200);
    assert!(start.elapsed() >= Duration::from_millis(1_500));
    assert!(seen < Duration::from_millis(1_500), "the status came before the answer");
}

#[tokio::test]
async fn a_client_that_is_never_answered_has_sent_all_the_same() {
    let (sim, receiver) = with_faults(json!({"never_answer": {"times": 1}})).await;
    let url = format!("{}/v24.0/{}", sim.base, sim.messages_path());
    let impatient =
        reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(1_500)).build().unwrap();
    let request = impatient.post(url).bearer_auth(&sim.account.access_token).json(&text_to(ADA, "x"));
    assert!(request.send().await.unwrap_err().is_timeout());
    receiver.wait_for_updates(3).await;
    assert_eq!(sim.ledger("").await["count"], 1);
    sim.text(ADA, "the second is answered").await;
}

#[tokio::test]
async fn a_connection_closes_without_a_byte() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (sim, receiver) = with_faults(json!({"close_after_accept": {"times": 1}})).await;
    let host = sim.base.strip_prefix("http://").unwrap();
    let body = text_to(ADA, "x").to_string();
    let head = format!(
        "POST /v24.0/{} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        sim.messages_path(),
        sim.account.access_token,
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    assert_eq!(answer, b"");
    receiver.wait_for_updates(3).await;
    assert_eq!(sim.ledger("").await["count"], 1);
    sim.text(ADA, "the second is answered").await;
}

#[tokio::test]
async fn duplicates_are_identical() {
    let (sim, receiver) = with_faults(json!({"webhooks": {"duplicate": 2}})).await;
    sim.writes(ADA, "once").await;
    receiver.wait_for_updates(3).await;
    sim.idle().await;
    let posts = receiver.posts();
    assert_eq!(posts.len(), 3);
    assert!(posts.iter().all(|post| post.bytes == posts[0].bytes && post.signature == posts[0].signature));
}

#[tokio::test]
async fn reordered_statuses_are_never_in_order() {
    let (sim, receiver) = with_faults(json!({"webhooks": {"reorder": true}})).await;
    for n in 0..5 {
        let id = sim.text(ADA, &n.to_string()).await;
        eventually("three statuses", || receiver.statuses(&id).len() == 3).await;
        let mut statuses = receiver.statuses(&id);
        let place = |status: &str| statuses.iter().position(|one| one == status);
        assert!(place("read") < place("sent"), "{statuses:?}");
        statuses.sort();
        assert_eq!(statuses, ["delivered", "read", "sent"]);
    }
}

#[tokio::test]
async fn reordered_messages_come_in_another_order() {
    let (sim, receiver) = with_faults(json!({"webhooks": {"reorder": true, "silent": true}})).await;
    let wanted: Vec<String> = (0..12).map(|n| n.to_string()).collect();
    for text in &wanted {
        sim.writes(ADA, text).await;
    }
    sim.control("PUT", "faults", json!({"webhooks": {"reorder": true}})).await;
    let updates = receiver.wait_for_updates(12).await;
    let mut texts: Vec<String> =
        updates.iter().map(|(_, message, _)| message["text"]["body"].as_str().unwrap().to_owned()).collect();
    assert_ne!(texts, wanted, "one chance in 479 million");
    texts.sort_by_key(|text| text.parse::<u32>().unwrap());
    assert_eq!(texts, wanted);
}

#[tokio::test]
async fn a_batch_spans_entries_and_guests() {
    let (sim, receiver) = with_faults(json!({"webhooks": {"batch": true}})).await;
    let second = "16505551234";
    let silent = json!({"status_delay_ms": {"sent": 0, "delivered": 0, "read": 0},
        "webhooks": {"batch": true, "silent": true}});
    sim.control("PUT", "faults", silent).await;
    sim.open_guest(second).await;
    sim.text(ADA, "x").await;
    sim.writes(ADA, "y").await;
    sim.text(second, "z").await;
    // Long enough for neither guest to wait for more of its own.
    tokio::time::sleep(Duration::from_millis(150)).await;
    sim.control("PUT", "faults", json!({"webhooks": {"batch": true}})).await;
    let updates = receiver.wait_for_updates(8).await;
    sim.idle().await;
    assert_eq!(updates.len(), 8, "each once");
    let posts = receiver.posts();
    let entries = |post: &common::Post| post.json()["entry"].as_array().unwrap().len();
    assert!(
        posts.iter().any(|post| entries(post) == 8),
        "{:?}",
        posts.iter().map(entries).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn delivered_can_be_skipped() {
    let (sim, receiver) = with_faults(json!({"webhooks": {"skip_delivered": true}})).await;
    let id = sim.text(ADA, "x").await;
    let updates = receiver.wait_for_updates(2).await;
    sim.idle().await;
    assert_eq!(receiver.statuses(&id), ["sent", "read"]);
    assert!(updates[1].1["pricing"].is_object(), "the price comes with read then");
}

#[tokio::test]
async fn silence_holds_back_and_loses_nothing() {
    let (sim, receiver) = with_faults(json!({"webhooks": {"silent": true}})).await;
    let id = sim.text(ADA, "x").await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(receiver.posts().len(), 0);
    assert_eq!(sim.get("webhooks").await["pending"], 3);
    sim.control("DELETE", "faults", Value::Null).await;
    receiver.wait_for_updates(3).await;
    assert_eq!(receiver.statuses(&id), ["sent", "delivered", "read"]);
}

#[tokio::test]
async fn delays_hold_webhooks_back() {
    let (sim, receiver) = with_faults(json!({"webhooks": {"delay_ms": 400}})).await;
    let start = Instant::now();
    sim.writes(ADA, "x").await;
    let updates = receiver.wait_for_updates(1).await;
    assert!(start.elapsed() >= Duration::from_millis(395));
    let told: i64 = updates[0].1["timestamp"].as_str().unwrap().parse().unwrap();
    assert!(told * 1_000 <= sim.clock.now_ms() - 395 + 5, "the timestamp is the message's own");
}

#[tokio::test]
async fn a_message_can_fail_later() {
    let (sim, receiver) = with_faults(json!({"fail_status": {"code": 131_049, "times": 1}})).await;
    let id = sim.text(ADA, "x").await;
    let updates = receiver.wait_for_updates(1).await;
    sim.idle().await;
    assert_eq!(receiver.statuses(&id), ["failed"]);
    assert_eq!(updates[0].1["errors"][0]["code"], 131_049);
    assert!(updates[0].1["errors"][0]["title"].is_string());
}
