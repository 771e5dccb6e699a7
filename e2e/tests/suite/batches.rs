//! Batches: everybody once, nobody after a pause, and never in the way of the front desk.

use std::collections::HashMap;
use std::time::Duration;

use bellhop_e2e::batch::{guest, recipients, template, to_guests};
use bellhop_e2e::fleet::unlimited;
use bellhop_e2e::{Api, Hotel, Phones, eventually, ledger};
use serde_json::{Value, json};

async fn hand_in(api: &Api, body: &Value) -> String {
    let accepted = api.post("/messages/batch-send", body).await.expect(202);
    assert_eq!(accepted["rejected"], 0, "{accepted}");
    accepted["batch_id"].as_str().unwrap().to_owned()
}

async fn batch(api: &Api, id: &str) -> Value {
    api.get(&format!("/batches/{id}")).await.expect(200)
}

async fn until_status(api: &Api, id: &str, status: &str) -> Value {
    eventually(&format!("{id} to be {status}"), || async {
        let batch = batch(api, id).await;
        (batch["status"] == status).then_some(batch)
    })
    .await
}

async fn command(api: &Api, id: &str, what: &str) -> Value {
    api.post(&format!("/batches/{id}/{what}"), &json!({})).await.expect(200)
}

fn count(batch: &Value, status: &str) -> u64 {
    batch["counts"][status].as_u64().unwrap()
}

/// How many sends WhatsApp has to each of the guests; panics when one has more than one.
async fn reached(phones: &Phones, guests: impl Iterator<Item = usize>) -> usize {
    let mut sends: HashMap<String, usize> = HashMap::new();
    for send in phones.ledger().await {
        *sends.entry(send["to"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    guests
        .map(|n| {
            let times = sends.get(guest(n).trim_start_matches('+')).copied().unwrap_or(0);
            assert!(times <= 1, "guest {n} got it {times} times");
            times
        })
        .sum()
}

#[tokio::test]
async fn everybody_gets_it_once_and_the_counts_say_so() {
    let hotel = Hotel::open().await;
    let id = hand_in(&hotel.staff, &to_guests(0..120, json!({"name": "Storm"}))).await;
    let done = until_status(&hotel.staff, &id, "completed").await;
    assert_eq!(reached(&hotel.phones, 0..120).await, 120);
    assert_eq!(done["name"], "Storm");
    assert!(done["started_at"].is_string() && done["finished_at"].is_string());
    let all = recipients(&hotel.staff, &id).await;
    assert_eq!(
        all.iter().map(|r| r["line"].as_u64().unwrap()).collect::<Vec<_>>(),
        (1..=120).collect::<Vec<_>>()
    );
    let accepted: Vec<String> = all.iter().map(|r| r["message_id"].as_str().unwrap().to_owned()).collect();
    assert!(ledger::compare(&hotel.staff, &hotel.phones, &accepted).await.is_empty());
    eventually("every tick to turn", || async {
        (count(&batch(&hotel.staff, &id).await, "read") == 120).then_some(())
    })
    .await;
    let message = hotel.staff.get(&format!("/messages/{}", accepted[0])).await.expect(200);
    let conversation = format!("/conversations/{}", message["conversation_id"].as_str().unwrap());
    let said = hotel.staff.get(&conversation).await.expect(200);
    assert_eq!(said["messages"][0]["message_id"].as_str(), Some(accepted[0].as_str()));
    hotel.close().await;
}

#[tokio::test]
async fn the_guides_call_reaches_who_wrote_and_refuses_who_did_not() {
    let hotel = Hotel::open().await;
    let body = json!({
        "messages": [{"phone": "+1234567890", "content": "Message 1"}, {"phone": "+1234567891", "content": "Message 2"}],
        "rate_limit": {"messages_per_second": 10, "batch_size": 100},
        "delivery_options": {"retry_failed": true, "track_delivery": true},
    });
    let accepted = hotel.staff.post("/messages/batch-send", &body).await.expect(202);
    assert!(accepted["estimated_completion"].is_string());
    assert_eq!((accepted["accepted"].as_u64(), accepted["rejected"].as_u64()), (Some(1), Some(1)));
    assert_eq!(accepted["refusals"][0]["line"], 2);
    assert_eq!(accepted["refusals"][0]["field"], "content");
    let id = accepted["batch_id"].as_str().unwrap();
    until_status(&hotel.staff, id, "completed").await;
    let sends = hotel.phones.ledger_of("+1234567890").await;
    assert_eq!(sends.len(), 1);
    assert_eq!(sends[0]["payload"]["text"]["body"], "Message 1");
    assert!(hotel.phones.ledger_of("+1234567891").await.is_empty());
    hotel.close().await;
}

#[tokio::test]
async fn a_guest_and_a_plus_one_on_one_phone_get_one_each() {
    let hotel = Hotel::open().await;
    let line = |reference: &str| json!({"phone": guest(1), "reference": reference});
    let lines =
        json!([line("guest"), line("plus one"), line("guest"), {"phone": guest(2)}, {"phone": guest(2)}]);
    let body = json!({"template": template(), "recipients": lines});
    let accepted = hotel.staff.post("/messages/batch-send", &body).await.expect(202);
    assert_eq!((accepted["accepted"].as_u64(), accepted["duplicate"].as_u64()), (Some(3), Some(2)));
    let refused: Vec<_> =
        accepted["refusals"].as_array().unwrap().iter().map(|r| r["line"].as_u64().unwrap()).collect();
    assert_eq!(refused, [3, 5]);
    let id = accepted["batch_id"].as_str().unwrap();
    until_status(&hotel.staff, id, "completed").await;
    let all = recipients(&hotel.staff, id).await;
    assert_eq!(hotel.phones.ledger_of(&guest(1)).await.len(), 2, "{all:?}");
    assert_eq!(hotel.phones.ledger_of(&guest(2)).await.len(), 1);
    hotel.close().await;
}

#[tokio::test]
async fn a_paused_batch_reaches_nobody_until_it_is_resumed() {
    let hotel = Hotel::open().await;
    let id =
        hand_in(&hotel.staff, &to_guests(0..100, json!({"rate_limit": {"messages_per_second": 20}}))).await;
    eventually("some to have left", || async { (reached(&hotel.phones, 0..100).await > 10).then_some(()) })
        .await;
    let paused = command(&hotel.staff, &id, "pause").await;
    assert_eq!(paused["status"], "paused");
    assert!(paused["estimated_completion"].is_null());
    // What was on the wire arrives; nobody after it.
    eventually("the wire to be empty", || async {
        (count(&batch(&hotel.staff, &id).await, "sending") == 0).then_some(())
    })
    .await;
    let before = reached(&hotel.phones, 0..100).await;
    assert!(before < 100);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(reached(&hotel.phones, 0..100).await, before);
    assert_eq!(
        hotel.staff.post(&format!("/batches/{id}/pause"), &json!({})).await.refused(409),
        "BATCH_STATE_CONFLICT"
    );
    command(&hotel.staff, &id, "resume").await;
    until_status(&hotel.staff, &id, "completed").await;
    assert_eq!(reached(&hotel.phones, 0..100).await, 100);
    hotel.close().await;
}

#[tokio::test]
async fn a_cancelled_batch_reaches_nobody_who_is_listed_as_cancelled() {
    let hotel = Hotel::open().await;
    let id =
        hand_in(&hotel.staff, &to_guests(0..100, json!({"rate_limit": {"messages_per_second": 20}}))).await;
    eventually("some to have left", || async { (reached(&hotel.phones, 0..100).await > 10).then_some(()) })
        .await;
    command(&hotel.staff, &id, "cancel").await;
    let last = eventually("the wire to be empty", || async {
        let batch = batch(&hotel.staff, &id).await;
        (count(&batch, "sending") == 0 && count(&batch, "queued") == 0).then_some(batch)
    })
    .await;
    assert_eq!(last["status"], "cancelled");
    let cancelled = count(&last, "cancelled");
    assert!(cancelled > 0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let left: Vec<Value> =
        recipients(&hotel.staff, &id).await.into_iter().filter(|r| r["status"] != "cancelled").collect();
    assert_eq!(left.len() as u64 + cancelled, 100);
    assert_eq!(reached(&hotel.phones, 0..100).await, left.len());
    for what in ["pause", "resume", "cancel", "retry-failed"] {
        let answer = hotel.staff.post(&format!("/batches/{id}/{what}"), &json!({})).await;
        assert_eq!(answer.refused(409), "BATCH_STATE_CONFLICT", "{what}");
    }
    hotel.close().await;
}

#[tokio::test]
async fn a_front_desk_reply_does_not_wait_behind_a_batch() {
    let hotel = Hotel::open().await;
    hotel.guest("+14155551000", "Noa").await;
    let id = hand_in(&hotel.staff, &to_guests(0..2_000, json!({}))).await;
    eventually("the batch to run", || async { (reached(&hotel.phones, 0..2_000).await > 20).then_some(()) })
        .await;
    hotel.staff.text("+14155551000", "Your taxi is here").await.expect(202);
    hotel.phones.until_ledger("+14155551000", 1).await;
    let batch = batch(&hotel.staff, &id).await;
    assert!(count(&batch, "queued") > 1_000, "{batch}");
    // Also to a guest who is in the batch.
    hotel.phones.guest(json!({"phone": guest(1_999)})).await;
    hotel.phones.writes(&guest(1_999), "Hello").await;
    eventually("the window to open", || async {
        let answer = hotel.staff.text(&guest(1_999), "At once").await;
        (answer.status == 202).then_some(())
    })
    .await;
    let first = hotel.phones.until_ledger(&guest(1_999), 1).await;
    assert_eq!(first[0]["payload"]["text"]["body"], "At once");
    command(&hotel.staff, &id, "cancel").await;
    hotel.close().await;
}

#[tokio::test]
async fn refusals_for_now_are_tried_again_as_the_batch_wants() {
    let hotel = Hotel::open().await;
    unlimited(&hotel.phones).await;
    let busy = json!({"send_error": {"code": 131016, "times": 10}});
    hotel.phones.faults(busy.clone()).await;
    let again = json!({"delivery_options": {"max_retries": 3, "retry_delay": 100}});
    let id = hand_in(&hotel.staff, &to_guests(0..30, again)).await;
    let done = until_status(&hotel.staff, &id, "completed").await;
    assert_eq!(reached(&hotel.phones, 0..30).await, 30, "{done}");

    hotel.phones.faults(busy).await;
    let once = json!({"delivery_options": {"retry_failed": false}});
    let id = hand_in(&hotel.staff, &to_guests(100..130, once)).await;
    let done = until_status(&hotel.staff, &id, "completed").await;
    assert_eq!(count(&done, "failed"), 10, "{done}");
    let failed = hotel.staff.get(&format!("/batches/{id}/recipients?status=failed")).await.expect(200);
    assert!(failed["data"][0]["failure_reason"]["details"].as_str().unwrap().contains("131016"));
    hotel.phones.no_faults().await;
    command(&hotel.staff, &id, "retry-failed").await;
    eventually("those who failed to get it", || async {
        (reached(&hotel.phones, 100..130).await == 30).then_some(())
    })
    .await;
    until_status(&hotel.staff, &id, "completed").await;
    hotel.close().await;
}

#[tokio::test]
async fn one_bad_recipient_stops_nobody_else_and_a_busy_one_waits_alone() {
    let hotel = Hotel::open().await;
    unlimited(&hotel.phones).await;
    hotel.phones.guest(json!({"phone": guest(3), "on_whatsapp": false})).await;
    hotel.phones.faults(json!({"send_error": {"code": 131056, "times": 1, "to": guest(4)}})).await;
    let id = hand_in(&hotel.staff, &to_guests(0..20, json!({}))).await;
    let done = until_status(&hotel.staff, &id, "completed").await;
    assert_eq!(count(&done, "failed"), 1, "{done}");
    assert_eq!(reached(&hotel.phones, 0..20).await, 19);
    let all = recipients(&hotel.staff, &id).await;
    let attempts = |line: usize| all[line]["attempts"].as_u64().unwrap();
    assert_eq!((attempts(4), attempts(5)), (2, 1));
    hotel.close().await;
}

#[tokio::test]
async fn a_failed_message_is_listed_and_can_be_sent_again() {
    let hotel = Hotel::open().await;
    hotel.phones.guest(json!({"phone": guest(1), "on_whatsapp": false})).await;
    let body = json!({"guest_phone": guest(1), "template_name": "hello_world", "language": "en_US"});
    let sent = hotel.staff.post("/templates/send", &body).await.expect(202);
    let id = sent["message_id"].as_str().unwrap();
    hotel.staff.until(id, &["failed"]).await;
    let failed = hotel.staff.get("/messages?status=failed").await.expect(200);
    assert_eq!(failed["data"][0]["message_id"], id);
    hotel.phones.guest(json!({"phone": guest(1), "on_whatsapp": true})).await;
    hotel.staff.post(&format!("/messages/{id}/retry"), &json!({})).await.expect(200);
    hotel.staff.until(id, &["read"]).await;
    let again = hotel.staff.post(&format!("/messages/{id}/retry"), &json!({})).await;
    assert_eq!(again.refused(409), "MESSAGE_NOT_FAILED");
    assert_eq!(hotel.phones.ledger_of(&guest(1)).await.len(), 1);
    hotel.close().await;
}

#[tokio::test]
async fn a_restricted_number_stops_its_batches_until_staff_go_on() {
    let hotel = Hotel::open().await;
    hotel.phones.faults(json!({"send_error": {"code": 131048, "times": 1}})).await;
    let id =
        hand_in(&hotel.staff, &to_guests(0..60, json!({"rate_limit": {"messages_per_second": 40}}))).await;
    let stopped = until_status(&hotel.staff, &id, "stopped").await;
    assert!(stopped["stopped_reason"].as_str().unwrap().contains("131048"), "{stopped}");
    assert!(count(&stopped, "queued") > 0);
    command(&hotel.staff, &id, "resume").await;
    eventually("all but the refused one to get it", || async {
        (reached(&hotel.phones, 0..60).await >= 59).then_some(())
    })
    .await;
    hotel.close().await;
}

#[tokio::test]
async fn a_text_whose_window_closed_leaves_as_the_fallback_or_not_at_all() {
    let hotel = Hotel::open().await;
    for n in 0..4 {
        hotel.guest(&guest(n), "Guest").await;
    }
    let texts = |guests: std::ops::Range<usize>| -> Vec<Value> {
        guests.map(|n| json!({"phone": guest(n), "content": "Free text"})).collect()
    };
    let later = |hours: i64| json!((chrono::Utc::now() + chrono::TimeDelta::hours(hours)).to_rfc3339());
    let with = json!({"messages": texts(0..2), "send_at": later(1),
                      "delivery_options": {"fallback_template": template()}});
    let with = hand_in(&hotel.staff, &with).await;
    let without = hand_in(&hotel.staff, &json!({"messages": texts(2..4), "send_at": later(1)})).await;
    assert_eq!(batch(&hotel.staff, &with).await["status"], "scheduled");
    hotel.phones.advance_clock(25 * 3600).await;
    until_status(&hotel.staff, &with, "completed").await;
    let done = until_status(&hotel.staff, &without, "completed").await;
    assert_eq!(count(&done, "expired"), 2);
    for n in 0..4 {
        let sends = hotel.phones.ledger_of(&guest(n)).await;
        assert_eq!(sends.len(), usize::from(n < 2));
        assert!(sends.iter().all(|send| send["type"] == "template"));
    }
    hotel.close().await;
}

#[tokio::test]
async fn a_scheduled_message_leaves_at_its_time_and_a_cancelled_one_never() {
    let hotel = Hotel::open().await;
    hotel.guest(&guest(1), "Guest").await;
    let at = (chrono::Utc::now() + chrono::TimeDelta::hours(2)).to_rfc3339();
    let text = |text: &str| json!({"guest_phone": guest(1), "message_type": "text", "content": {"text": text}, "send_at": at});
    let kept = hotel.staff.post("/messages/send", &text("Later")).await.expect(202);
    let dropped = hotel.staff.post("/messages/send", &text("Never")).await.expect(202);
    assert_eq!(kept["status"], "scheduled");
    let id = |message: &Value| message["message_id"].as_str().unwrap().to_owned();
    hotel.staff.text(&guest(1), "Now").await.expect(202);
    hotel.phones.until_ledger(&guest(1), 1).await;
    let cancelled =
        hotel.staff.post(&format!("/messages/{}/cancel", id(&dropped)), &json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    hotel.phones.advance_clock(3 * 3600).await;
    let sends = hotel.phones.until_ledger(&guest(1), 2).await;
    assert_eq!(sends[1]["payload"]["text"]["body"], "Later");
    hotel.staff.until(&id(&kept), &["sent", "delivered", "read"]).await;
    let again = hotel.staff.post(&format!("/messages/{}/cancel", id(&kept)), &json!({})).await;
    assert_eq!(again.refused(409), "MESSAGE_NOT_SCHEDULED");
    assert_eq!(hotel.phones.ledger_of(&guest(1)).await.len(), 2);
    hotel.close().await;
}

#[tokio::test]
async fn the_same_key_at_once_makes_one_batch() {
    let hotel = Hotel::open().await;
    let body = to_guests(0..50, json!({}));
    let headers = [("Idempotency-Key", "storm-1")];
    let send = || hotel.staff.ask(reqwest::Method::POST, "/messages/batch-send", Some(&body), &headers);
    let (one, two) = tokio::join!(send(), send());
    let mut ids = Vec::new();
    for answer in [one, two] {
        match answer.status.as_u16() {
            202 => ids.push(answer.body["batch_id"].as_str().unwrap().to_owned()),
            _ => assert_eq!(answer.refused(409), "IDEMPOTENCY_KEY_IN_FLIGHT"),
        }
    }
    let again = send().await.expect(202);
    ids.push(again["batch_id"].as_str().unwrap().to_owned());
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    until_status(&hotel.staff, &ids[0], "completed").await;
    assert_eq!(reached(&hotel.phones, 0..50).await, 50);
    let all = hotel.staff.get("/batches").await.expect(200);
    assert_eq!(all["data"].as_array().unwrap().len(), 1);
    let other = to_guests(0..51, json!({}));
    let reused = hotel.staff.ask(reqwest::Method::POST, "/messages/batch-send", Some(&other), &headers).await;
    assert_eq!(reused.refused(422), "IDEMPOTENCY_KEY_REUSED");
    hotel.close().await;
}

#[tokio::test]
async fn without_delivery_tracking_the_way_ends_at_sent() {
    let hotel = Hotel::open().await;
    let quiet = json!({"delivery_options": {"track_delivery": false}});
    let id = hand_in(&hotel.staff, &to_guests(0..20, quiet)).await;
    until_status(&hotel.staff, &id, "completed").await;
    // Time for statuses that must change nothing.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(count(&batch(&hotel.staff, &id).await, "sent"), 20);
    hotel.close().await;
}
