//! Media that lie, stall, lead elsewhere, or are gone.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::time::Duration;

use common::Sim;
use serde_json::{Value, json};

const BYTES: &[u8] = b"0123456789";

/// A simulator with this fault of media, a guest's document, and the address that is given out for it.
async fn with(fault: Value) -> (Sim, String, Value) {
    let sim = Sim::start().await;
    let url = format!("{}/simulator/media?filename=bill.txt", sim.base);
    let sent = sim.http.post(url).header("content-type", "text/plain").body(BYTES).send().await.unwrap();
    let id = sent.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    sim.control("PUT", "faults", json!({"media": fault})).await;
    let shown = look(&sim, &id).await;
    (sim, id, shown)
}

async fn look(sim: &Sim, id: &str) -> Value {
    let (status, shown) = sim.graph("GET", id, Value::Null).await;
    assert_eq!(status, 200, "{shown}");
    shown
}

async fn fetch(sim: &Sim, shown: &Value) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let url = shown["url"].as_str().unwrap();
    client.build().unwrap().get(url).bearer_auth(&sim.account.access_token).send().await.unwrap()
}

#[tokio::test]
async fn a_length_that_is_not_true() {
    let (sim, id, shown) = with(json!({"content_length": 4, "times": 1})).await;
    assert_eq!(shown["file_size"], 10, "only the header lies");
    let response = fetch(&sim, &shown).await;
    assert_eq!(response.headers()["content-length"], "4");
    assert_eq!(response.bytes().await.unwrap(), &BYTES[..4]);
    assert_eq!(fetch(&sim, &shown).await.bytes().await.unwrap(), BYTES, "once, and then the truth");

    sim.control("PUT", "faults", json!({"media": {"content_length": 4_000}})).await;
    let response = fetch(&sim, &shown).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-length"]),
        (200, &"4000".parse().unwrap())
    );
    assert!(response.bytes().await.is_err(), "the body breaks off");

    sim.control("PUT", "faults", json!({"media": {"file_size": 11}})).await;
    assert_eq!(look(&sim, &id).await["file_size"], 11);
}

#[tokio::test]
async fn a_type_and_a_hash_that_are_not_true() {
    let (sim, id, shown) = with(json!({"mime_type": "text/html", "sha256": "00ff", "times": 1})).await;
    assert_eq!((&shown["sha256"], &shown["mime_type"]), (&json!("00ff"), &json!("text/plain")));
    let response = fetch(&sim, &shown).await;
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(response.bytes().await.unwrap(), BYTES);
    assert_eq!(sim.get("faults").await["media"]["times"], 0);
    assert_eq!(look(&sim, &id).await["sha256"].as_str().unwrap().len(), 64, "used up");
}

#[tokio::test]
async fn a_download_that_stalls() {
    let (sim, _, shown) = with(json!({"stall_after": 3})).await;
    let mut response = fetch(&sim, &shown).await;
    assert_eq!(response.headers()["content-length"], "10");
    let mut got = Vec::new();
    while let Ok(piece) = tokio::time::timeout(Duration::from_millis(400), response.chunk()).await {
        got.extend_from_slice(&piece.unwrap().expect("no end"));
    }
    assert_eq!(got, &BYTES[..3]);
}

#[tokio::test]
async fn an_address_that_refuses_leads_elsewhere_or_has_run_out() {
    let (sim, id, shown) = with(json!({"status": 500, "times": 2})).await;
    let head = sim.http.head(shown["url"].as_str().unwrap()).bearer_auth(&sim.account.access_token);
    assert_eq!(head.send().await.unwrap().status(), 200, "a look at the headers uses nothing up");
    for expected in [500, 500, 200] {
        assert_eq!(fetch(&sim, &shown).await.status(), expected);
    }
    let to = "http://127.0.0.1:9/secret";
    sim.control("PUT", "faults", json!({"media": {"redirect": to}})).await;
    let response = fetch(&sim, &shown).await;
    assert_eq!((response.status().as_u16(), response.headers()["location"].to_str().unwrap()), (302, to));
    sim.control("PUT", "faults", json!({"media": {"expired": true, "times": 1}})).await;
    assert_eq!(fetch(&sim, &look(&sim, &id).await).await.status(), 404);
    assert_eq!(fetch(&sim, &look(&sim, &id).await).await.status(), 200, "a new address works");
    // The phones have what they have.
    sim.control("PUT", "faults", json!({"media": {"status": 500}})).await;
    let phone = sim.http.get(format!("{}/simulator/media/{id}", sim.base)).send().await.unwrap();
    assert_eq!((phone.status().as_u16(), phone.bytes().await.unwrap().as_ref()), (200, BYTES));
}

#[tokio::test]
async fn a_fault_that_could_never_be_is_refused() {
    let sim = Sim::start().await;
    for (fault, word) in [
        (json!({"status": 200}), "status"),
        (json!({"redirect": "a\nb"}), "redirect"),
        (json!({"mime_type": "a\nb"}), "mime_type"),
        (json!({"lenght": 3}), "lenght"),
    ] {
        let (status, answer) = sim.control_raw("PUT", "faults", json!({"media": fault})).await;
        assert_eq!(status, 400);
        assert!(answer["error"].as_str().unwrap().contains(word), "{answer}");
    }
    assert_eq!(sim.get("faults").await["media"], Value::Null);
}
