//! What the business is told, and how.

mod common;

use common::{Receiver, Sim, eventually};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const ADA: &str = "972541234567";

/// HMAC-SHA256 by its definition: another way to the same bytes than the one under test.
fn hmac(key: &str, message: &[u8]) -> String {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key.as_bytes());
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::digest([&pad(0x36)[..], message].concat());
    let outer = Sha256::digest([&pad(0x5c)[..], &inner[..]].concat());
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn connected() -> (Sim, Receiver) {
    let (sim, receiver) = (Sim::quick().await, Receiver::start().await);
    sim.register(&receiver).await;
    (sim, receiver)
}

#[tokio::test]
async fn a_send_is_followed_by_its_statuses() {
    let (sim, receiver) = connected().await;
    sim.guest(json!({"phone": ADA, "name": "נועה 🤍"})).await;
    let inbound = sim.writes(ADA, "שלום").await;
    let mut body = common::text_to(ADA, "welcome");
    body["biz_opaque_callback_data"] = json!("msg_1.1");
    let (_, answer) = sim.send(body).await;
    let id = answer["messages"][0]["id"].as_str().unwrap().to_owned();
    let updates = receiver.wait_for_updates(4).await;
    assert_eq!(receiver.statuses(&id), ["sent", "delivered", "read"]);

    let (key, message, contact) = &updates[0];
    assert_eq!(key, "messages");
    let user_id = contact["user_id"].as_str().unwrap();
    assert!(user_id.starts_with("IL."), "{user_id}");
    assert_eq!(*contact, json!({"profile": {"name": "נועה 🤍"}, "wa_id": ADA, "user_id": user_id}));
    assert_eq!((&message["from"], &message["from_user_id"]), (&json!(ADA), &json!(user_id)));
    assert_eq!((&message["id"], &message["text"]["body"]), (&json!(inbound), &json!("שלום")));
    assert!(message["timestamp"].as_str().unwrap().parse::<i64>().unwrap() > 1_600_000_000);

    for (_, status, contact) in &updates[1..] {
        assert_eq!(status["biz_opaque_callback_data"], "msg_1.1");
        assert_eq!((&status["recipient_id"], &status["recipient_user_id"]), (&json!(ADA), &json!(user_id)));
        assert_eq!(contact["profile"]["name"], "נועה 🤍");
    }
    let pricing = json!({"billable": false, "pricing_model": "PMP", "type": "free_customer_service",
        "category": "service"});
    assert_eq!((&updates[1].1["pricing"], &updates[2].1["pricing"]), (&pricing, &pricing));
    assert_eq!(updates[3].1["pricing"], Value::Null);
    let body = receiver.posts()[0].json();
    assert_eq!(body["object"], "whatsapp_business_account");
    assert_eq!(body["entry"][0]["id"], sim.account.waba_id);
    let change = &body["entry"][0]["changes"][0];
    assert_eq!(change["field"], "messages");
    assert_eq!(
        change["value"]["metadata"],
        json!({"display_phone_number": sim.account.display_phone_number,
            "phone_number_id": sim.account.phone_number_id})
    );
}

#[tokio::test]
async fn bytes_are_escaped_and_then_signed() {
    let (sim, receiver) = connected().await;
    sim.guest(json!({"phone": ADA})).await;
    sim.writes(ADA, "בוקר טוב 🛎️").await;
    receiver.wait_for_updates(1).await;
    for post in receiver.posts() {
        assert!(post.bytes.is_ascii());
        assert_eq!(post.signature, format!("sha256={}", hmac(&sim.account.app_secret, &post.bytes)));
    }
    let text = String::from_utf8(receiver.posts()[0].bytes.clone()).unwrap();
    assert!(text.contains("\\u05d1") && text.contains("\\ud83d\\udece"), "{text}");
}

#[tokio::test]
async fn a_hidden_number_stays_hidden() {
    let (sim, receiver) = connected().await;
    let guest =
        sim.guest(json!({"phone": ADA, "hidden_number": true, "username": "noa", "name": "Noa"})).await;
    let user_id = guest["bsuid"].as_str().unwrap();
    sim.writes(user_id, "hi").await;
    let body = json!({"messaging_product": "whatsapp", "recipient": user_id, "text": {"body": "x"}});
    assert_eq!(sim.send(body).await.0, 200);
    for (key, update, contact) in receiver.wait_for_updates(4).await {
        assert_eq!(contact, json!({"profile": {"name": "Noa", "username": "noa"}, "user_id": user_id}));
        let (shown, hidden) = match key.as_str() {
            "messages" => ("from_user_id", "from"),
            _ => ("recipient_user_id", "recipient_id"),
        };
        assert_eq!(update[shown], user_id);
        assert_eq!(update.get(hidden), None);
    }
    assert!(receiver.posts().iter().all(|post| !String::from_utf8_lossy(&post.bytes).contains(ADA)));
}

#[tokio::test]
async fn two_identities_can_turn_out_to_be_one_guest() {
    let (sim, receiver) = connected().await;
    sim.guest(json!({"phone": ADA, "bsuid": null})).await;
    sim.writes(ADA, "by number").await;
    sim.guest(json!({"bsuid": "IL.77", "hidden_number": true})).await;
    sim.writes("IL.77", "by user id").await;
    let updates = receiver.wait_for_updates(2).await;
    assert!(updates.iter().any(|(_, message, _)| message.get("from_user_id").is_none()));
    assert!(updates.iter().any(|(_, message, _)| message.get("from").is_none()));
    sim.guest(json!({"phone": ADA, "bsuid": "IL.77"})).await;
    sim.writes("IL.77", "by both").await;
    let updates = receiver.wait_for_updates(3).await;
    let last = &updates[2].1;
    assert_eq!((&last["from"], &last["from_user_id"]), (&json!(ADA), &json!("IL.77")));
    assert_eq!(sim.get("guests").await["data"].as_array().unwrap().len(), 1);
    let chat = sim.get(&format!("guests/{ADA}/chat")).await;
    assert_eq!(chat["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn what_comes_before_a_callback_waits_for_it() {
    let (sim, receiver) = (Sim::quick().await, Receiver::start().await);
    sim.open_guest(ADA).await;
    let id = sim.text(ADA, "x").await;
    assert_eq!(sim.get("webhooks").await, json!({"callback": null, "pending": 4}));
    sim.register(&receiver).await;
    receiver.wait_for_updates(4).await;
    assert_eq!(receiver.statuses(&id), ["sent", "delivered", "read"]);
}

#[tokio::test]
async fn a_callback_must_prove_itself() {
    let (sim, receiver) = (Sim::quick().await, Receiver::start().await);
    let path = format!("{}/subscribed_apps", sim.account.waba_id);
    for body in [
        json!({"override_callback_uri": receiver.url, "verify_token": "wrong"}),
        json!({"override_callback_uri": receiver.url}),
        json!({"override_callback_uri": "ftp://x", "verify_token": "verify-me"}),
        json!({"override_callback_uri": "http://127.0.0.1:1/x", "verify_token": "verify-me"}),
    ] {
        let (status, answer) = sim.graph("POST", &path, body).await;
        assert_eq!(status, 400, "{answer}");
        assert!(answer["error"]["code"].is_i64());
    }
    assert_eq!(sim.graph("GET", &path, Value::Null).await.1, json!({"data": []}));
    sim.register(&receiver).await;
    let (_, listed) = sim.graph("GET", &path, Value::Null).await;
    assert_eq!(listed["data"][0]["override_callback_uri"], receiver.url);
    assert_eq!(listed["data"][0]["whatsapp_business_api_data"]["id"], sim.account.app_id);
    assert_eq!(sim.graph("DELETE", &path, Value::Null).await.0, 200);
    assert_eq!(sim.get("webhooks").await["callback"], Value::Null);
}

#[tokio::test]
async fn it_is_tried_until_the_answer_is_200() {
    let (sim, receiver) = connected().await;
    receiver.answers.lock().unwrap().extend([500, 404]);
    sim.guest(json!({"phone": ADA})).await;
    let start = std::time::Instant::now();
    sim.writes(ADA, "one").await;
    sim.writes(ADA, "two").await;
    let updates = receiver.wait_for_updates(2).await;
    assert!(start.elapsed().as_millis() >= 1_200, "0.2 s, then 1 s");
    let posts = receiver.posts();
    assert_eq!(posts.iter().map(|post| post.answered).collect::<Vec<_>>(), [500, 404, 200, 200]);
    assert_eq!(posts[0].bytes, posts[2].bytes, "the same bytes every time");
    assert_eq!(
        (&updates[0].1["text"]["body"], &updates[1].1["text"]["body"]),
        (&json!("one"), &json!("two"))
    );
    eventually("an empty queue", || receiver.updates().len() == 2).await;
}

#[tokio::test]
async fn guests_do_not_wait_for_each_other_but_each_is_told_in_order() {
    let (sim, receiver) = connected().await;
    let phones: Vec<String> = (0..5).map(|n| format!("1650555123{n}")).collect();
    for phone in &phones {
        sim.guest(json!({"phone": phone})).await;
    }
    for n in 0..8 {
        for phone in &phones {
            sim.writes(phone, &n.to_string()).await;
        }
    }
    let updates = receiver.wait_for_updates(40).await;
    for phone in &phones {
        let texts: Vec<_> = updates
            .iter()
            .filter(|(_, message, _)| message["from"] == phone.as_str())
            .map(|(_, message, _)| message["text"]["body"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(texts, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    }
}
