//! Many statuses at once: what each says counts, once, whatever comes with it.

use bellhop_e2e::Hotel;
use serde_json::{Value, json};

use crate::webhook_security::{deliver, status};

const GUESTS: [&str; 6] =
    ["+14155552671", "+14155552672", "+14155552673", "+14155552674", "+14155552675", "+14155552676"];

fn id(sent: &Value) -> &str {
    sent["message_id"].as_str().expect("an id")
}

async fn message(hotel: &Hotel, id: &str) -> Value {
    hotel.staff.get(&format!("/messages/{id}")).await.expect(200)
}

/// One webhook with all of these statuses: message, status, and whether it has the echo.
fn together(told: &[(&Value, &str, bool)]) -> Value {
    let statuses = told.iter().map(|(message, word, echoed)| {
        let echo = format!("{}.1", message["message_id"].as_str().unwrap());
        let wamid = message["wamid"].as_str().unwrap();
        let body = status(wamid, word, echoed.then_some(echo.as_str()));
        body["entry"][0]["changes"][0]["value"]["statuses"][0].clone()
    });
    let statuses: Vec<Value> = statuses.collect();
    let mut body = status("wamid.NONE", "sent", None);
    body["entry"][0]["changes"][0]["value"]["statuses"] = json!(statuses);
    body
}

#[tokio::test]
async fn each_of_many_has_its_effect_once() {
    let hotel = Hotel::open().await;
    for (n, phone) in GUESTS.iter().enumerate() {
        hotel.guest(phone, &format!("Guest {n}")).await;
    }
    hotel.phones.faults(json!({"webhooks": {"silent": true}})).await;
    let mut messages = Vec::new();
    for phone in GUESTS {
        let sent = hotel.staff.text(phone, "hi").await.expect(202);
        messages.push(hotel.staff.until(id(&sent), &["sent"]).await);
    }
    let [all, backwards, unechoed_first, fails, late_failure, untouched] = &messages[..] else { panic!() };
    let body = together(&[
        (all, "sent", true),
        (backwards, "read", true),
        (unechoed_first, "read", false),
        (unechoed_first, "read", true),
        (all, "delivered", true),
        (fails, "failed", true),
        (late_failure, "delivered", true),
        (late_failure, "failed", true),
        (backwards, "delivered", true),
        (all, "read", true),
        (all, "read", true),
    ]);
    let secret = bellhop_simulator::well_known(1).app_secret;
    assert_eq!(deliver(&hotel, &body, Some(&secret)).await, 200);
    let mut after = Vec::new();
    for sent in &messages {
        after.push(message(&hotel, id(sent)).await);
    }
    let states: Vec<&str> = after.iter().filter_map(|message| message["status"].as_str()).collect();
    assert_eq!(states, ["read", "read", "read", "failed", "delivered", "sent"]);
    assert!(after[0]["delivered_at"].is_string() && after[0]["read_at"].is_string(), "{}", after[0]);
    assert!(after[1]["delivered_at"].is_string(), "told late, and kept: {}", after[1]);
    assert_eq!(after[5], *untouched);
    // The same again, as it came and wrapped anew, changes nothing.
    let mut again = body.clone();
    again["entry"][0]["changes"][0]["value"]["something_new"] = json!(true);
    for body in [&body, &again] {
        assert_eq!(deliver(&hotel, body, Some(&secret)).await, 200);
    }
    for (sent, before) in messages.iter().zip(&after) {
        assert_eq!(message(&hotel, id(sent)).await, *before);
    }
    hotel.close().await;
}

/// Several webhooks in the same instant, with and without the echo of the same status.
#[tokio::test]
async fn copies_in_one_instant_count_once() {
    let hotel = Hotel::open().await;
    hotel.guest(GUESTS[0], "Ana").await;
    hotel.phones.faults(json!({"webhooks": {"silent": true}})).await;
    let sent = hotel.staff.text(GUESTS[0], "hi").await.expect(202);
    let sent = hotel.staff.until(id(&sent), &["sent"]).await;
    let secret = bellhop_simulator::well_known(1).app_secret;
    let bodies: Vec<Value> = (0..12).map(|n| together(&[(&sent, "read", n % 2 == 1)])).collect();
    let answers = bodies.iter().enumerate().map(|(n, body)| {
        let (hotel, secret) = (&hotel, &secret);
        let mut body = body.clone();
        body["entry"][0]["changes"][0]["value"]["copy"] = json!(n);
        async move { deliver(hotel, &body, Some(secret)).await }
    });
    for answer in futures_util::future::join_all(answers).await {
        assert_eq!(answer, 200);
    }
    assert_eq!(message(&hotel, id(&sent)).await["status"], "read");
    hotel.close().await;
}

#[tokio::test]
async fn what_staff_called_sent_is_proven_by_a_later_echo() {
    let hotel = Hotel::open().await;
    hotel.guest(GUESTS[0], "Ana").await;
    hotel.phones.faults(json!({"close_after_accept": {"times": 1}, "webhooks": {"silent": true}})).await;
    let sent = hotel.staff.text(GUESTS[0], "perhaps").await.expect(202);
    hotel.staff.until(id(&sent), &["in_doubt"]).await;
    let path = format!("/messages/{}/resolve-doubt", id(&sent));
    hotel.staff.post(&path, &json!({"action": "mark_sent"})).await.expect(200);
    let known = json!({"message_id": id(&sent), "wamid": "wamid.LATE"});
    let secret = bellhop_simulator::well_known(1).app_secret;
    for (word, echoed) in [("delivered", true), ("read", false)] {
        assert_eq!(deliver(&hotel, &together(&[(&known, word, echoed)]), Some(&secret)).await, 200);
    }
    // Found by its wamid alone: the echo before has taught it.
    let read = message(&hotel, id(&sent)).await;
    assert_eq!((&read["status"], &read["wamid"]), (&json!("read"), &json!("wamid.LATE")));
    hotel.close().await;
}
