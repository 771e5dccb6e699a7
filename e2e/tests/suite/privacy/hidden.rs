//! Erasure of what is not in one place or not at rest: a guest who turned out to be another, a message on the wire.

use std::time::Duration;

use bellhop_e2e::eventually;
use serde_json::json;

use super::{erased, guest_id, hotel, text, traces};

const PHONE: &str = "+4915112345678";
const BSUID: &str = "DE.10000000000000004711";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_turned_out_to_be_the_guest_is_erased_too() {
    let hotel = hotel().await;
    hotel.phones.guest(json!({"bsuid": BSUID, "name": "Zebulon", "hidden_number": true})).await;
    hotel.phones.writes(BSUID, "zebra-words without a number").await;
    let hidden = eventually("the hidden guest", || async {
        let all = hotel.staff.get("/conversations").await.expect(200);
        all["data"].as_array()?.iter().find(|c| c["guest"]["bsuid"] == BSUID).cloned()
    })
    .await;
    let hidden = text(&hidden, "guest_id");
    hotel.phones.guest(json!({"phone": PHONE, "bsuid": null, "name": "Zebulon"})).await;
    hotel.phones.writes(PHONE, "zebra-words with one").await;
    hotel.staff.conversation_of(PHONE).await;
    hotel.phones.guest(json!({"phone": PHONE, "bsuid": BSUID, "hidden_number": false})).await;
    hotel.phones.writes(PHONE, "zebra-words with both").await;
    eventually("one guest", || async {
        let joined = hotel.staff.get(&format!("/guests/{hidden}")).await.expect(200);
        (joined["phone"] == PHONE && joined["bsuid"] == BSUID).then_some(())
    })
    .await;
    let conversation = text(&hotel.staff.conversation_of(PHONE).await, "conversation_id");
    eventually("the last words", || async {
        let detail = hotel.staff.get(&format!("/conversations/{conversation}")).await.expect(200);
        detail["messages"].to_string().contains("zebra-words with both").then_some(())
    })
    .await;
    let guest = guest_id(&hotel, PHONE).await;
    erased(&hotel, &guest).await;
    let left = traces::of(&hotel, &["15112345678", BSUID, "Zebulon", "zebra-words"]).await;
    assert!(left.is_empty(), "{left:#?}");
    assert_eq!(hotel.staff.get(&format!("/guests/{hidden}")).await.refused(404), "NOT_FOUND");
    hotel.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_on_the_wire_arrives_and_leaves_no_words() {
    let hotel = hotel().await;
    hotel.guest(PHONE, "Zebulon").await;
    let guest = guest_id(&hotel, PHONE).await;
    hotel.phones.faults(json!({"latency_ms": 1_500})).await;
    let message = text(&hotel.staff.text(PHONE, "zebra-words").await.expect(202), "message_id");
    hotel.staff.until(&message, &["sending"]).await;
    erased(&hotel, &guest).await;
    // It cannot be called back; its answer and its ticks count still, and say nothing.
    hotel.staff.until(&message, &["delivered", "read"]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let shown = hotel.staff.get(&format!("/messages/{message}")).await.expect(200);
    assert_eq!(shown["erased"], true);
    assert_eq!(hotel.phones.ledger_of(PHONE).await.len(), 1, "once");
    let left = traces::of(&hotel, &["15112345678", "Zebulon", "zebra-words"]).await;
    assert!(left.is_empty(), "{left:#?}");
    hotel.close().await;
}
