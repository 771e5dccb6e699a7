//! What was accepted before an opt-out, and what WhatsApp itself says of a guest's will.

use std::time::Duration;

use bellhop_domain::answer::Answer;
use bellhop_domain::error_table::OwnReason;
use bellhop_domain::provider_error::ProviderError;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{GUEST, World};

fn id(sent: &Value) -> &str {
    sent["message_id"].as_str().unwrap()
}

async fn until(world: &World, message: &str, status: &str) -> Value {
    for _ in 0..500 {
        let shown = world.get(&format!("/messages/{message}")).await.ok(200);
        if shown["status"] == status {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{message} never became {status}");
}

fn tomorrow(body: Value) -> Value {
    let mut body = body;
    body["guest_phone"] = json!(GUEST);
    body["send_at"] = json!((Utc::now() + TimeDelta::days(1)).to_rfc3339());
    body
}

async fn begin_scheduled(world: &World) {
    world.clock.advance(TimeDelta::days(1) + TimeDelta::minutes(1));
    assert!(world.app.sweep().await.unwrap() > 0);
}

fn sends(world: &World) -> usize {
    world.provider.sends.load(std::sync::atomic::Ordering::SeqCst)
}

#[tokio::test]
async fn what_waits_for_its_time_ends_when_the_guest_stops_it() {
    let world = World::new().await;
    let guest = world.with_marketing().await;
    let marketing = tomorrow(json!({"template_name": "service_followup"}));
    let marketing = world.post("/templates/send", marketing).await.ok(202);
    let service = tomorrow(json!({"template_name": "welcome_checkin", "parameters": {"room": "1"}}));
    let service = world.post("/templates/send", service).await.ok(202);
    world.set_consent(&guest, json!({"kind": "marketing", "state": "opted_out"})).await.ok(200);
    begin_scheduled(&world).await;
    let failed = until(&world, id(&marketing), "failed").await;
    assert_eq!(
        (&failed["attempts"], &failed["failure_reason"]["code"]),
        (&json!(0), &json!("GUEST_OPTED_OUT"))
    );
    // Nothing waits behind it.
    until(&world, id(&service), "sent").await;
    assert_eq!(sends(&world), 1);
    assert_eq!(world.rows("outbox").await, 0);
    // To send it again changes nothing while the guest does not want it.
    let again = world.post(&format!("/messages/{}/retry", id(&marketing)), json!({})).await;
    again.ok(200);
    until(&world, id(&marketing), "failed").await;
    assert_eq!(sends(&world), 1);
}

#[tokio::test]
async fn a_template_that_became_marketing_is_marketing() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    let guest = world.guest_id(GUEST).await;
    world.set_consent(&guest, json!({"kind": "marketing", "state": "opted_out"})).await.ok(200);
    let body = tomorrow(json!({"template_name": "service_followup"}));
    let sent = world.post("/templates/send", body).await.ok(202);
    world.with_marketing().await;
    begin_scheduled(&world).await;
    let failed = until(&world, id(&sent), "failed").await;
    assert_eq!(failed["failure_reason"]["code"], "GUEST_OPTED_OUT");
    assert_eq!(sends(&world), 0);
}

#[tokio::test]
async fn a_batch_goes_on_without_those_who_stop_it() {
    let world = World::new().await;
    let guest = world.with_marketing().await;
    let lines = json!({"template": {"template_name": "service_followup"},
        "recipients": [{"phone": GUEST}, {"phone": "+972501234567"}, {"phone": "+972501234568"}]});
    let batch = world.post("/messages/batch-send", lines).await.ok(202);
    let path = format!("/batches/{}", batch["batch_id"].as_str().unwrap());
    world.set_consent(&guest, json!({"kind": "service", "state": "opted_out"})).await.ok(200);
    let batch_id = batch["batch_id"].as_str().unwrap().parse().unwrap();
    world.app.run_lane_of_batch(batch_id, 0, &CancellationToken::new()).await.unwrap();
    let mut done = Value::Null;
    for _ in 0..500 {
        done = world.get(&path).await.ok(200);
        if done["status"] == "completed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((&done["counts"]["failed"], &done["counts"]["sent"]), (&json!(1), &json!(2)), "{done}");
    let recipients = world.get(&format!("{path}/recipients")).await.ok(200);
    let failed = until(&world, recipients["data"][0]["message_id"].as_str().unwrap(), "failed").await;
    assert_eq!(
        (&failed["attempts"], &failed["failure_reason"]["code"]),
        (&json!(0), &json!("GUEST_OPTED_OUT"))
    );
    assert_eq!(sends(&world), 2);
}

#[tokio::test]
async fn a_refusal_of_whatsapp_closes_marketing() {
    let world = World::new().await;
    let guest = world.with_marketing().await;
    let error = ProviderError { code: 131_050, ..ProviderError::own(OwnReason::Other) };
    *world.provider.answer.lock().unwrap() = Some(Answer::Refused(error));
    let sent = world.send("service_followup").await.ok(202);
    until(&world, id(&sent), "failed").await;
    let consent = world.consent(&guest).await;
    assert_eq!(consent["marketing"]["source"], "provider_refusal");
    assert_eq!(consent["history"][0]["message_id"], sent["message_id"]);
    *world.provider.answer.lock().unwrap() = None;
    world.send("service_followup").await.error(403, "GUEST_OPTED_OUT");
    world.send("welcome_checkin").await.ok(202);
}

#[tokio::test]
async fn so_does_one_that_comes_later_and_it_counts_from_when_it_was_said() {
    let world = World::new().await;
    let guest = world.with_marketing().await;
    let sent = world.send("service_followup").await.ok(202);
    until(&world, id(&sent), "sent").await;
    let said = (Utc::now() - TimeDelta::minutes(5)).to_rfc3339();
    let status = |wamid: &str, copy: i64| {
        json!({"wamid": wamid, "status": "failed", "code": 131_050, "at": said, "copy": copy,
            "echo": format!("{}.1", id(&sent))})
    };
    let (one, two) = (status("w1", 1), status("w1", 2));
    let (one, two) = tokio::join!(world.webhook(one), world.webhook(two));
    one.ok(200);
    two.ok(200);
    until(&world, id(&sent), "failed").await;
    let consent = world.consent(&guest).await;
    assert_eq!(consent["marketing"]["state"], "opted_out");
    assert_eq!(consent["history"].as_array().unwrap().len(), 1, "{consent}");
    // The guest resumed after it was said, as became known before.
    let resumed = json!({"wamid": "-", "from": "1234567890", "choice": "resume",
        "at": (Utc::now() - TimeDelta::minutes(1)).to_rfc3339()});
    world.webhook(resumed).await.ok(200);
    let again = json!({"wamid": "w2", "status": "failed", "code": 131_050, "echo": format!("{}.1", id(&sent)),
        "at": (Utc::now() - TimeDelta::minutes(3)).to_rfc3339()});
    world.webhook(again).await.ok(200);
    let consent = world.consent(&guest).await;
    assert_eq!(consent["marketing"]["state"], "opted_in", "{consent}");
    assert_eq!(consent["history"].as_array().unwrap().len(), 3);
}
