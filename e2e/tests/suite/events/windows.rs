//! Windows that end, and batches on their way: told once, by however many workers.

use std::collections::HashMap;

use bellhop_e2e::batch::{self, to_guests};
use bellhop_e2e::{Api, Hotel, eventually};
use bellhop_infra::build;
use bellhop_infra::clock::MovableClock;
use chrono::TimeDelta;
use serde_json::{Value, json};

const PHONE: &str = "+14155552671";
const HOUR: i64 = 3600;

async fn of_types(api: &Api, types: &str, conversation: &str) -> Vec<String> {
    let path = format!("/events?types={types}&conversation_id={conversation}");
    let page = api.get(&path).await.expect(200);
    page["data"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap().to_owned()).collect()
}

async fn until(api: &Api, conversation: &str, told: &[&str]) {
    eventually(&format!("{told:?}"), || async {
        let now = of_types(api, "window_opened,window_closing,window_closed", conversation).await;
        assert!(now.len() <= told.len(), "{now:?}");
        (now == told).then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_window_is_told_of_once() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest(PHONE, "Ana").await;
    // More of those who look, on the same database; their clock is moved with the hotel's.
    let mut others = Vec::new();
    for _ in 0..2 {
        let clock = MovableClock::new();
        others.push((build::build(&hotel.settings, "http://localhost", clock.clone()).await.unwrap(), clock));
    }
    let advance = async |seconds: i64| {
        hotel.phones.advance_clock(seconds).await;
        for (app, clock) in &others {
            clock.advance(TimeDelta::seconds(seconds));
            app.sweep().await.unwrap();
        }
    };
    let (api, id) = (&hotel.staff, conversation.as_str());
    advance(22 * HOUR).await;
    until(api, id, &["window_opened"]).await;
    advance(HOUR + 60).await;
    until(api, id, &["window_opened", "window_closing"]).await;
    // Another word, another window, another call.
    hotel.phones.writes(PHONE, "still here").await;
    eventually("the window to last", || async {
        let window = api.get(&format!("/conversations/{id}/window-status")).await.expect(200);
        (window["hours_remaining"].as_f64()? > 23.0).then_some(())
    })
    .await;
    advance(HOUR).await;
    advance(22 * HOUR + 60).await;
    until(api, id, &["window_opened", "window_closing", "window_closing"]).await;
    advance(HOUR).await;
    let all = ["window_opened", "window_closing", "window_closing", "window_closed"];
    until(api, id, &all).await;
    advance(HOUR).await;
    // A window that nobody saw in its last hour is told to be closed, and nothing before.
    hotel.phones.writes(PHONE, "good morning").await;
    until(api, id, &[&all[..], &["window_opened"]].concat()).await;
    advance(30 * HOUR).await;
    until(api, id, &[&all[..], &["window_opened", "window_closed"]].concat()).await;
    hotel.close().await;
}

#[tokio::test]
async fn a_batch_tells_how_far_it_is_seldom_and_only_what_is_new() {
    let hotel = Hotel::open().await;
    let mut body = to_guests(0..60, json!({"rate_limit": {"messages_per_second": 5}}));
    body["name"] = json!("Breakfast");
    let accepted = hotel.staff.post("/messages/batch-send", &body).await;
    let batch = accepted.expect(202)["batch_id"].as_str().unwrap().to_owned();
    batch::until_completed(&hotel.staff, &batch, bellhop_e2e::PATIENCE).await;
    let page = eventually("the end of the batch", || async {
        let page = hotel.staff.get("/events?types=batch_progress,batch_completed").await.expect(200);
        let data = page["data"].as_array().unwrap().clone();
        data.iter().any(|event| event["event"] == "batch_completed").then_some(data)
    })
    .await;
    let progress: Vec<&Value> = page.iter().filter(|event| event["event"] == "batch_progress").collect();
    // Some twelve seconds, one in five at most.
    assert!((2..=6).contains(&progress.len()), "{progress:?}");
    let mut seen: HashMap<String, usize> = HashMap::new();
    for event in &progress {
        assert_eq!(event["data"]["batch_id"], *batch);
        let counts = event["data"]["counts"].as_object().unwrap();
        assert_eq!(counts.values().filter_map(Value::as_u64).sum::<u64>(), 60);
        *seen.entry(event["data"]["counts"].to_string()).or_default() += 1;
    }
    assert!(seen.values().all(|times| *times == 1), "told twice: {seen:?}");
    hotel.close().await;
}
