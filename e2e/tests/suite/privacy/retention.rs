//! What grows old goes, in small parts, and cursors into it are refused.

use bellhop_e2e::Hotel;
use serde_json::{Value, json};

use super::{guest_id, hotel, patch, photo, text, told, traces};

const PHONE: &str = "+4915112345678";
const DAY: i64 = 24 * 3600;

async fn retain(hotel: &Hotel) -> u64 {
    hotel.running.app().apply_retention().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_old_is_overwritten_and_the_rest_is_not() {
    let hotel = hotel().await;
    for (days, field) in [(6, "messages_days"), (3_651, "media_days"), (-1, "media_days")] {
        let refused = patch(&hotel.admin, "/property", json!({"retention": {field: days}})).await;
        assert_eq!(refused.refused(400), "VALIDATION_FAILED");
    }
    let property = hotel.staff.get("/property").await.expect(200);
    assert_eq!(property["retention"], json!({"messages_days": null, "media_days": null}));
    hotel.guest(PHONE, "Zebulon").await;
    hotel.phones.writes(PHONE, "zebra-words").await;
    photo(&hotel, PHONE, b"zebra-picture", "zebra-words").await;
    let sent = hotel.staff.text(PHONE, "zebra-answer").await.expect(202);
    hotel.staff.until(&text(&sent, "message_id"), &["read"]).await;
    let media = bellhop_e2e::eventually("the picture to be here", || async {
        let page = hotel.staff.get("/events?types=media_received").await.expect(200);
        Some(text(&page["data"].as_array()?.first()?["data"], "media_id"))
    })
    .await;
    // Waits, and is older than what is kept when its time comes.
    let later = (chrono::Utc::now() + chrono::TimeDelta::days(60)).to_rfc3339();
    let body = json!({"guest_phone": PHONE, "message_type": "template", "content": bellhop_e2e::batch::template(), "send_at": later});
    let waits = text(&hotel.staff.post("/messages/send", &body).await.expect(202), "message_id");
    let before = hotel.staff.get("/events?limit=1").await.expect(200);
    assert_eq!(before["data"][0]["sequence"], 1);

    hotel.phones.advance_clock(40 * DAY).await;
    assert_eq!(retain(&hotel).await, 0, "kept for good until somebody says otherwise");
    hotel.phones.writes(PHONE, "a new word").await;
    bellhop_e2e::eventually("the new word", || async {
        let page = hotel.staff.get("/events?types=inbound_message&limit=100").await.expect(200);
        page["data"]
            .as_array()?
            .iter()
            .any(|event| event["data"]["message_content"] == "a new word")
            .then_some(())
    })
    .await;
    let retention = json!({"retention": {"messages_days": 30, "media_days": 30}});
    let changed = patch(&hotel.admin, "/property", retention).await.expect(200);
    assert_eq!(changed["retention"], json!({"messages_days": 30, "media_days": 30}));
    assert!(retain(&hotel).await > 0);
    assert_eq!(retain(&hotel).await, 0, "nothing is looked at twice");

    hotel.running.app().clean_up().await.unwrap();
    let left = traces::of(&hotel, &["zebra-words", "zebra-answer"]).await;
    assert!(left.is_empty(), "{left:#?}");
    assert!(!traces::in_files(&hotel.data_dir().join("media"), b"zebra-picture"));
    assert_eq!(hotel.staff.get(&format!("/media/{media}")).await.refused(410), "MEDIA_GONE");
    let message = hotel.staff.get(&format!("/messages/{}", text(&sent, "message_id"))).await.expect(200);
    assert_eq!(
        (&message["erased"], &message["status"], &message["message_type"]),
        (&json!(true), &json!("read"), &json!("text"))
    );
    let message = hotel.staff.get(&format!("/messages/{waits}")).await.expect(200);
    assert_eq!(
        (&message["erased"], &message["content"]["parameters"]["guest_name"]),
        (&json!(false), &json!("Dana"))
    );
    // The guest stays.
    hotel.staff.get(&format!("/guests/{}", guest_id(&hotel, PHONE).await)).await.expect(200);
    cursors_into_it_are_refused(&hotel).await;
    hotel.close().await;
}

async fn cursors_into_it_are_refused(hotel: &Hotel) {
    let expired = hotel.staff.get("/events?after=0").await.expect(410);
    assert_eq!(expired["error"]["code"], "CURSOR_EXPIRED");
    let oldest = expired["error"]["details"]["oldest_after"].as_i64().unwrap();
    assert!(oldest > 0);
    let kept = hotel.staff.get(&format!("/events?after={oldest}&limit=100")).await.expect(200);
    assert!(
        kept["data"].as_array().unwrap().iter().any(|event| event["data"]["message_content"] == "a new word")
    );
    let kept: Value = hotel.staff.get("/events?limit=1").await.expect(200);
    assert_eq!(kept["data"][0]["sequence"], oldest + 1, "without a cursor it begins where it can");
    let stream = hotel.staff.get(&format!("/events/stream?after={}", oldest - 1)).await;
    assert_eq!(stream.refused(410), "CURSOR_EXPIRED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn raw_webhooks_go_after_a_week_and_a_repeat_changes_nothing() {
    let hotel = hotel().await;
    let now = chrono::Utc::now().timestamp();
    let message = json!({"id": "wamid.once", "timestamp": now.to_string(), "type": "text", "text": {"body": "zebra-words"}});
    told(&hotel, &PHONE[1..], "Zebulon", message.clone()).await;
    hotel.staff.conversation_of(PHONE).await;
    let raw = async || {
        let found = traces::of(&hotel, &["wamid.once"]).await;
        found.iter().filter(|found| found.contains("webhook_changes")).count()
    };
    hotel.running.app().clean_up().await.unwrap();
    assert_eq!(raw().await, 1, "of use while it may be repeated");
    hotel.phones.advance_clock(8 * DAY).await;
    hotel.running.app().clean_up().await.unwrap();
    assert_eq!(raw().await, 0);
    told(&hotel, &PHONE[1..], "Zebulon", message).await;
    let conversation = text(&hotel.staff.conversation_of(PHONE).await, "conversation_id");
    let detail = hotel.staff.get(&format!("/conversations/{conversation}")).await.expect(200);
    assert_eq!(detail["messages"].as_array().unwrap().len(), 1);
    hotel.close().await;
}
