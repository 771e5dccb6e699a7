//! Partners' webhooks: what goes where, in which order, and what becomes of it when a partner is not as it should be.

mod deaths;
mod examples;
mod faults;
mod files;
mod looks;
mod secrets;
mod several;

use bellhop_domain::rights::Role;
use bellhop_e2e::sink::{Manner, Sink};
use bellhop_e2e::{Api, Hotel, eventually};
use reqwest::Method;
use serde_json::{Value, json};

/// For receivers on this machine.
pub const INSECURE: (&str, &str) = ("BELLHOP_WEBHOOK_ALLOW_INSECURE", "true");

const ANA: &str = "+14155552671";
const BEN: &str = "+14155552672";

pub async fn hotel() -> Hotel {
    Hotel::with(&[INSECURE, ("BELLHOP_SEND_LEASE_SECONDS", "2")]).await
}

/// A configuration as the guides have it, with quick repeats.
pub fn wanted(sink: &Sink) -> Value {
    json!({
        "webhook_url": sink.url, "events": ["inbound_message"], "verify_token": "your_verification_token",
        "retry_config": {"max_retries": 3, "retry_delay": 100},
    })
}

pub async fn configured(api: &Api, body: &Value) -> Value {
    api.post("/webhooks/configure", body).await.expect(201)
}

/// The webhook, once it has this status.
async fn until_status(api: &Api, id: &str, status: &str) -> Value {
    let path = format!("/webhooks/{id}");
    eventually(&format!("a webhook that is {status}"), || async {
        let webhook = api.get(&path).await.expect(200);
        (webhook["status"] == status).then_some(webhook)
    })
    .await
}

/// The subscription's deliveries with this status, once there are so many.
async fn until_deliveries(api: &Api, id: &str, status: &str, count: usize) -> Vec<Value> {
    let path = format!("/webhooks/{id}/deliveries?status={status}");
    eventually(&format!("{count} deliveries that are {status}"), || async {
        let list = api.get(&path).await.expect(200)["data"].as_array().cloned()?;
        (list.len() >= count).then_some(list)
    })
    .await
}

async fn partner_of(hotel: &Hotel) -> Api {
    let app = hotel.running.app();
    let admin = app.authenticate(&hotel.admin.token).await.unwrap();
    let token = app.issue_token(admin.property_id, Role::Partner, "PMS").await.unwrap();
    Api::new(&hotel.admin.base, token.expose())
}

#[tokio::test]
async fn the_guides_webhook_gets_the_guides_event() {
    let hotel = hotel().await;
    let sink = Sink::open().await;
    let guide = json!({
        "webhook_url": sink.url,
        "events": ["message_delivered", "message_read", "message_failed", "inbound_message", "media_received"],
        "verify_token": "your_verification_token",
        "retry_config": {"max_retries": 3, "retry_delay": 5000},
    });
    let made = configured(&hotel.admin, &guide).await;
    assert_eq!((&made["status"], &made["verification"]), (&json!("active"), &json!("echo")));
    assert_eq!(
        (&made["retry_config"], &made["events"].as_array().unwrap().len()),
        (&guide["retry_config"], &5)
    );
    let secret = made["signing_secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    let conversation = hotel.guest(ANA, "Ana").await;
    hotel.phones.writes(ANA, "Is the pool open?").await;
    let seen = sink.until_taken("Is the pool open?").await;
    assert_eq!(seen.body["event"], "inbound_message");
    assert_eq!(seen.body["id"], seen.id());
    assert_eq!(seen.body["data"]["guest_phone"], ANA);
    assert_eq!(seen.body["data"]["conversation_id"], conversation);
    assert!(seen.body["data"]["message_id"].as_str().unwrap().starts_with("msg_"));
    assert!(seen.body["created_at"].is_string() && seen.body["sequence"].is_number());
    // The demo's first guest wrote before there was a webhook.
    assert!(sink.seen().iter().all(|seen| seen.body["data"]["guest_phone"] != bellhop::demo::GUEST_PHONE));
    let sent = hotel.staff.text(ANA, "Until ten.").await.expect(202);
    let delivered = sink.until("message_delivered", |seen| seen.body["event"] == "message_delivered").await;
    assert_eq!(delivered.body["data"]["message_id"], sent["message_id"]);
    let shown = hotel.admin.get(&format!("/webhooks/{}", made["id"].as_str().unwrap())).await.expect(200);
    assert!(shown["signing_secret"].is_null() && !shown.to_string().contains("your_verification_token"));
    hotel.close().await;
}

#[tokio::test]
async fn what_a_revoked_token_configured_tells_nobody_any_more() {
    let hotel = hotel().await;
    let (partner, sink) = (partner_of(&hotel).await, Sink::open().await);
    let made = configured(&partner, &wanted(&sink)).await;
    let path = format!("/webhooks/{}", made["id"].as_str().unwrap());
    let tokens = hotel.admin.get("/tokens").await.expect(200)["data"].as_array().cloned().unwrap();
    let token = tokens.iter().find(|token| token["name"] == "PMS").unwrap()["token_id"].as_str().unwrap();
    hotel.admin.ask(Method::DELETE, &format!("/tokens/{token}"), None, &[]).await.expect(204);
    assert_eq!(hotel.admin.get(&path).await.expect(200)["status"], "paused");
    hotel.guest(ANA, "Ana").await;
    hotel.phones.writes(ANA, "My door code does not work").await;
    eventually("the event", || async {
        let events = hotel.admin.get("/events?types=inbound_message").await.expect(200);
        events["data"]
            .as_array()?
            .iter()
            .any(|event| event["data"]["message_content"] == "My door code does not work")
            .then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(sink.seen().is_empty());
    // The admin knows better.
    hotel.admin.ask(Method::PATCH, &path, Some(&json!({"status": "active"})), &[]).await.expect(200);
    sink.until_taken("My door code does not work").await;
    hotel.close().await;
}

#[tokio::test]
async fn an_address_is_proven_and_a_partner_sees_its_own_only() {
    let hotel = hotel().await;
    let (partner, other) = (partner_of(&hotel).await, partner_of(&hotel).await);
    let sink = Sink::open().await;
    sink.has_no_get();
    // The guides' own receiver: good enough for an admin, who is told.
    let weak = configured(&hotel.admin, &wanted(&sink)).await;
    assert_eq!(weak["verification"], "weak");
    let asked = sink.seen();
    assert_eq!(asked[0].body["event"], "webhook_verification");
    assert_eq!(asked[0].body["data"]["verify_token"], "your_verification_token");
    let refused = partner.post("/webhooks/configure", &wanted(&sink)).await;
    assert_eq!(refused.refused(422), "WEBHOOK_URL_NOT_PROVEN");
    sink.does(Manner::Answers(500));
    assert_eq!(
        hotel.admin.post("/webhooks/configure", &wanted(&sink)).await.refused(422),
        "WEBHOOK_URL_NOT_PROVEN"
    );
    let echo = Sink::open().await;
    let own = configured(&partner, &wanted(&echo)).await;
    let path = format!("/webhooks/{}", own["id"].as_str().unwrap());
    for (api, count) in [(&partner, 1), (&other, 0), (&hotel.admin, 2)] {
        assert_eq!(api.get("/webhooks").await.expect(200)["data"].as_array().unwrap().len(), count);
    }
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        assert_eq!(other.ask(method, &path, Some(&json!({})), &[]).await.refused(404), "NOT_FOUND");
    }
    for part in ["rotate-secret", "test", "redeliver-failed", "replay"] {
        let body = json!({"since": "2026-01-01T00:00:00Z", "from_sequence": 1});
        assert_eq!(other.post(&format!("{path}/{part}"), &body).await.refused(404), "NOT_FOUND");
    }
    assert_eq!(hotel.staff.get("/webhooks").await.refused(403), "FORBIDDEN");
    for (field, value) in [
        ("webhook_url", json!("http://169.254.169.254/latest")),
        ("webhook_url", json!("http://user:password@127.0.0.1:9000/")),
        ("events", json!([])),
        ("events", json!(["no_such_event"])),
        ("verify_token", json!("")),
        ("retry_config", json!({"max_retries": 99, "retry_delay": 5000})),
    ] {
        let mut wrong = wanted(&echo);
        wrong[field] = value;
        let answer = hotel.admin.post("/webhooks/configure", &wrong).await;
        assert_eq!(answer.refused(400), "VALIDATION_FAILED", "{wrong}");
    }
    hotel.close().await;
}

#[tokio::test]
async fn nothing_inside_is_reached_unless_that_was_allowed() {
    let hotel = Hotel::open().await;
    let sink = Sink::open().await;
    let public_name = sink.url.replace("http://127.0.0.1", "https://localhost");
    for url in [sink.url.clone(), sink.url.replace("http://", "https://"), public_name] {
        let mut body = wanted(&sink);
        body["webhook_url"] = json!(url);
        assert_eq!(
            hotel.admin.post("/webhooks/configure", &body).await.refused(400),
            "VALIDATION_FAILED",
            "{url}"
        );
    }
    assert!(sink.seen().is_empty());
    hotel.close().await;
}

#[tokio::test]
async fn a_pause_loses_nothing_and_a_replay_brings_what_was_before() {
    let hotel = hotel().await;
    let conversation = hotel.guest(ANA, "Ana").await;
    hotel.phones.writes(ANA, "before").await;
    eventually("the message to be in", || async {
        let shown = hotel.staff.get(&format!("/conversations/{conversation}")).await.expect(200);
        shown.to_string().contains("before").then_some(())
    })
    .await;
    let sink = Sink::open().await;
    let made = configured(&hotel.admin, &wanted(&sink)).await;
    let path = format!("/webhooks/{}", made["id"].as_str().unwrap());
    hotel.phones.writes(ANA, "one").await;
    let one = sink.until_taken("one").await;
    assert!(sink.taken("before").is_empty(), "it begins with what comes after it");
    let change = |body: Value| {
        let (api, path) = (hotel.admin.clone(), path.clone());
        async move { api.ask(Method::PATCH, &path, Some(&body), &[]).await.expect(200) }
    };
    assert_eq!(change(json!({"status": "paused"})).await["status"], "paused");
    hotel.phones.writes(ANA, "two").await;
    let tested = hotel.admin.post(&format!("{path}/test"), &json!({})).await.expect(200);
    assert_eq!(tested["status"], 204);
    assert!(sink.taken("two").is_empty());
    assert_eq!(change(json!({"status": "active"})).await["status"], "active");
    sink.until_taken("two").await;
    let replay = hotel.admin.post(&format!("{path}/replay"), &json!({"from_sequence": 1})).await.expect(202);
    assert!(replay["to_sequence"].as_i64().unwrap() > 1);
    sink.until_taken("before").await;
    eventually("what was taken comes once more", || async { (sink.taken("one").len() == 2).then_some(()) })
        .await;
    assert!(sink.taken("one").iter().all(|again| again.id() == one.id()));
    assert_eq!(hotel.admin.ask(Method::DELETE, &path, None, &[]).await.status.as_u16(), 204);
    assert_eq!(hotel.admin.get(&path).await.refused(404), "NOT_FOUND");
    hotel.close().await;
}
