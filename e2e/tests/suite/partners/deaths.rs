//! `kill -9` between an event's commit and its delivery: it is delivered, with the same `webhook-id`.

use std::collections::BTreeSet;
use std::time::Duration;

use bellhop_e2e::sink::Sink;
use bellhop_e2e::{BellhopProcess, Home, Phones};
use serde_json::json;

use super::{ANA, INSECURE, configured, wanted};

const QUICK: [(&str, &str); 3] =
    [INSECURE, ("BELLHOP_SEND_LEASE_SECONDS", "1"), ("BELLHOP_SWEEP_INTERVAL_MS", "100")];

async fn die_at(place: &str, nth: usize) {
    let phones = Phones::start(1).await;
    let sink = Sink::open().await;
    let home = Home::make().await;
    let process = BellhopProcess::start(&home, &phones.url, &QUICK).await;
    let made = configured(&process.admin(), &wanted(&sink)).await;
    phones.guest(json!({"phone": ANA, "name": "Ana"})).await;
    phones.writes(ANA, "warm up").await;
    sink.until_taken("warm up").await;
    process.terminate().await;
    let armed = format!("{place}:{nth}");
    let more: Vec<_> = QUICK.into_iter().chain([("BELLHOP_FAIL_POINT", armed.as_str())]).collect();
    let process = BellhopProcess::start(&home, &phones.url, &more).await;
    let texts: Vec<String> = (0..10).map(|n| format!("{place} {n}")).collect();
    let writing = async {
        for text in &texts {
            phones.writes(ANA, text).await;
        }
    };
    // The simulator repeats what did not get through.
    let (died, ()) = tokio::join!(process.died(Duration::from_secs(30)), writing);
    let process = BellhopProcess::start(&home, &phones.url, &QUICK).await;
    for text in &texts {
        sink.until_taken(text).await;
        let ids: BTreeSet<String> = sink.taken(text).iter().map(|seen| seen.id().to_owned()).collect();
        assert_eq!(ids.len(), 1, "{place}: {text}");
    }
    assert!(died, "nobody came to {place}");
    let path = format!("/webhooks/{}", made["id"].as_str().unwrap());
    assert_eq!(process.admin().get(&path).await.expect(200)["status"], "active");
    process.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_made_into_a_delivery_is_delivered() {
    die_at("deliveries_made", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_about_to_go_is_delivered() {
    die_at("delivery_before_call", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_taken_and_not_recorded_comes_again_with_the_same_id() {
    die_at("delivery_answered", 3).await;
    die_at("delivery_before_commit", 1).await;
}
