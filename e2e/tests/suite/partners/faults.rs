//! Receivers that fail, hang, send elsewhere or are gone.

use std::time::Duration;

use bellhop_e2e::eventually;
use bellhop_e2e::sink::{Manner, Sink};
use reqwest::Method;
use serde_json::json;

use super::{ANA, BEN, configured, hotel, until_deliveries, until_status, wanted};

#[tokio::test]
async fn what_fails_is_repeated_listed_and_delivered_when_somebody_asks() {
    let hotel = hotel().await;
    let sink = Sink::open().await;
    let made = configured(&hotel.admin, &wanted(&sink)).await;
    let id = made["id"].as_str().unwrap();
    hotel.guest(ANA, "Ana").await;
    sink.does_with("lost", Manner::Answers(500));
    hotel.phones.writes(ANA, "lost").await;
    let failed = until_deliveries(&hotel.admin, id, "failed", 1).await;
    assert_eq!((&failed[0]["attempts"], &failed[0]["last_status"]), (&json!(4), &json!(500)));
    let path = format!("/webhooks/{id}/deliveries/{}", failed[0]["id"].as_str().unwrap());
    let log = hotel.admin.get(&path).await.expect(200)["attempt_log"].as_array().unwrap().clone();
    assert_eq!(log.len(), 4);
    assert!(log.iter().all(|attempt| attempt["status"] == 500 && attempt["answer"] == "as I was told"));
    let ids: Vec<_> = sink.seen().iter().filter(|s| s.text() == "lost").map(|s| s.id().to_owned()).collect();
    assert!(ids.len() == 4 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    // A test event that fails is told with the reason.
    sink.does(Manner::Answers(503));
    let answer = hotel.admin.post(&format!("/webhooks/{id}/test"), &json!({})).await;
    assert_eq!(answer.refused(500), "WEBHOOK_DELIVERY_FAILED");
    sink.does(Manner::Takes);
    sink.does_with("lost", Manner::Takes);
    hotel.admin.post(&format!("{path}/redeliver"), &json!({})).await.expect(200);
    assert_eq!(sink.until_taken("lost").await.id(), ids[0]);
    // All that failed since then.
    sink.does_with("lost too", Manner::Redirects);
    hotel.phones.writes(ANA, "lost too").await;
    until_deliveries(&hotel.admin, id, "failed", 1).await;
    sink.does_with("lost too", Manner::Takes);
    let since = json!({"since": "2020-01-01T00:00:00Z"});
    let again = hotel.admin.post(&format!("/webhooks/{id}/redeliver-failed"), &since).await.expect(200);
    assert_eq!(again["redelivered"], 1);
    sink.until_taken("lost too").await;
    hotel.close().await;
}

#[tokio::test]
async fn what_fails_holds_back_its_own_conversation_only() {
    let hotel = hotel().await;
    let sink = Sink::open().await;
    let mut body = wanted(&sink);
    body["retry_config"] = json!({"max_retries": 20, "retry_delay": 200});
    configured(&hotel.admin, &body).await;
    let loose = Sink::open().await;
    body["webhook_url"] = json!(loose.url);
    body["ordered"] = json!(false);
    configured(&hotel.admin, &body).await;
    for (phone, name) in [(ANA, "Ana"), (BEN, "Ben")] {
        hotel.guest(phone, name).await;
    }
    for sink in [&sink, &loose] {
        sink.does_with("first", Manner::Answers(500));
    }
    hotel.phones.writes(ANA, "first").await;
    sink.until("the first attempt", |seen| seen.text() == "first").await;
    hotel.phones.writes(ANA, "second").await;
    hotel.phones.writes(BEN, "other").await;
    sink.until_taken("other").await;
    loose.until_taken("second").await;
    assert!(sink.taken("second").is_empty());
    sink.does_with("first", Manner::Takes);
    sink.until_taken("second").await;
    let order: Vec<String> = sink.seen().iter().filter(|s| s.taken).map(|s| s.text().to_owned()).collect();
    let place = |text: &str| order.iter().position(|seen| seen == text);
    assert!(place("first") < place("second"), "{order:?}");
    hotel.close().await;
}

#[tokio::test]
async fn one_that_hangs_delays_nobody_else() {
    let hotel = hotel().await;
    let (hung, quick) = (Sink::open().await, Sink::open().await);
    for sink in [&hung, &quick] {
        configured(&hotel.admin, &wanted(sink)).await;
    }
    hung.does(Manner::Hangs);
    hotel.guest(ANA, "Ana").await;
    for n in 0..30 {
        hotel.phones.writes(ANA, &format!("message {n}")).await;
    }
    // Long before the first of the hung ones is given up after 15 s.
    let began = std::time::Instant::now();
    quick.until_taken("message 29").await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    hotel.close().await;
}

#[tokio::test]
async fn a_receiver_may_ask_for_time() {
    let hotel = hotel().await;
    let sink = Sink::open().await;
    configured(&hotel.admin, &wanted(&sink)).await;
    hotel.guest(ANA, "Ana").await;
    sink.does_with("later", Manner::WantsTime(2));
    hotel.phones.writes(ANA, "later").await;
    let first = sink.until("the first attempt", |seen| seen.text() == "later").await;
    sink.does_with("later", Manner::Takes);
    let second = sink.until_taken("later").await;
    assert!(second.at - first.at >= Duration::from_secs(2), "{:?}", second.at - first.at);
    hotel.close().await;
}

#[tokio::test]
async fn who_is_gone_is_left_alone_until_somebody_says_otherwise() {
    let hotel = hotel().await;
    let sink = Sink::open().await;
    let made = configured(&hotel.admin, &wanted(&sink)).await;
    let id = made["id"].as_str().unwrap();
    hotel.guest(ANA, "Ana").await;
    sink.does(Manner::Answers(410));
    hotel.phones.writes(ANA, "bye").await;
    until_status(&hotel.admin, id, "disabled").await;
    let count = sink.seen().len();
    hotel.phones.writes(ANA, "missed").await;
    sink.does(Manner::Takes);
    let events = eventually("the event", || async {
        let list = hotel.admin.get("/events?types=subscription_status_changed").await.expect(200);
        list["data"].as_array().filter(|list| list.len() >= 2).cloned()
    })
    .await;
    assert_eq!(events.last().unwrap()["data"]["status"], "disabled");
    assert_eq!(sink.seen().len(), count);
    let active = json!({"status": "active"});
    hotel.admin.ask(Method::PATCH, &format!("/webhooks/{id}"), Some(&active), &[]).await.expect(200);
    sink.until_taken("missed").await;
    // What was refused waited with the others.
    assert_eq!(sink.taken("bye").len(), 1);
    hotel.close().await;
}

#[tokio::test]
async fn five_days_of_failing_suspend() {
    let hotel = hotel().await;
    let sink = Sink::open().await;
    let mut body = wanted(&sink);
    body["retry_config"] = json!({"max_retries": 0, "retry_delay": 100});
    let made = configured(&hotel.admin, &body).await;
    let id = made["id"].as_str().unwrap();
    hotel.guest(ANA, "Ana").await;
    sink.does(Manner::Answers(500));
    hotel.phones.writes(ANA, "day one").await;
    eventually("it to be failing", || async {
        let webhook = hotel.admin.get(&format!("/webhooks/{id}")).await.expect(200);
        webhook["failing_since"].is_string().then_some(())
    })
    .await;
    hotel.phones.advance_clock(5 * 24 * 3600 - 600).await;
    for hour in 1..5 {
        hotel.phones.writes(ANA, &format!("day five, hour {hour}")).await;
    }
    until_deliveries(&hotel.admin, id, "failed", 5).await;
    assert_eq!(hotel.admin.get(&format!("/webhooks/{id}")).await.expect(200)["status"], "active");
    hotel.phones.advance_clock(1200).await;
    hotel.phones.writes(ANA, "day six").await;
    until_status(&hotel.admin, id, "suspended").await;
    hotel.close().await;
}

/// More than a subscription has in memory: what does not fit is read from the rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_comes_whole_and_in_order() {
    const GUESTS: usize = 24;
    const EACH: usize = 50;
    let hotel = hotel().await;
    let sink = Sink::open().await;
    sink.does(Manner::Answers(500));
    let mut body = wanted(&sink);
    body["retry_config"] = json!({"max_retries": 20, "retry_delay": 1000});
    configured(&hotel.admin, &body).await;
    let phone = |guest: usize| format!("+1415555{guest:04}");
    for guest in 0..GUESTS {
        hotel.phones.guest(json!({"phone": phone(guest), "name": format!("Guest {guest}")})).await;
    }
    for n in 0..EACH {
        for guest in 0..GUESTS {
            hotel.phones.writes(&phone(guest), &format!("{guest}/{n}")).await;
        }
    }
    sink.does(Manner::Takes);
    let taken = eventually("all of them", || async {
        let taken: Vec<String> =
            sink.seen().iter().filter(|s| s.taken).map(|s| s.text().to_owned()).collect();
        (taken.len() >= GUESTS * EACH).then_some(taken)
    })
    .await;
    for guest in 0..GUESTS {
        let own: Vec<&String> = taken.iter().filter(|text| text.starts_with(&format!("{guest}/"))).collect();
        let wanted: Vec<String> = (0..EACH).map(|n| format!("{guest}/{n}")).collect();
        assert_eq!(own, wanted.iter().collect::<Vec<_>>());
    }
    hotel.close().await;
}
