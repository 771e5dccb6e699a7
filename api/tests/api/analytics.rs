//! The hotel in numbers, as the API tells them.

use poem::http::Method;
use serde_json::{Value, json};

use crate::support::{GUEST, World};

async fn status(world: &World, message: &Value, status: &str, pricing: Value) {
    let wamid = message["wamid"].as_str().unwrap();
    world.webhook(json!({"wamid": wamid, "status": status, "pricing": pricing})).await.ok(200);
}

async fn sent(world: &World, body: Value) -> Value {
    let body = world.post("/messages/send", body).await.ok(202);
    let path = format!("/messages/{}", body["message_id"].as_str().unwrap());
    for _ in 0..200 {
        let message = world.get(&path).await.ok(200);
        if message["wamid"].is_string() {
            return message;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("not sent");
}

#[tokio::test]
async fn a_day_in_numbers() {
    let world = World::new().await;
    let conversation = world.guest_writes("hello").await;
    let text = json!({"guest_phone": GUEST, "message_type": "text", "content": {"text": "Welcome"},
        "staff_member_id": "staff_1"});
    let message = sent(&world, text).await;
    status(&world, &message, "delivered", json!({"type": "free_customer_service", "category": "service"}))
        .await;
    // The first word about the price counts.
    status(&world, &message, "read", json!({"billable": true, "type": "regular", "category": "service"}))
        .await;
    let path = format!("/messages/{}", message["message_id"].as_str().unwrap());
    let shown = world.get(&path).await.ok(200);
    assert_eq!(
        shown["pricing"],
        json!({"billable": false, "type": "free_customer_service", "category": "service"})
    );
    let resolve = format!("/conversations/{conversation}/resolve");
    world.post(&resolve, json!({"satisfaction_rating": 4})).await.ok(200);

    let summary = world.get("/analytics/summary").await.ok(200);
    let totals = &summary["totals"];
    assert_eq!(totals["inbound"], 1, "{summary}");
    for key in ["outbound", "sent", "delivered", "read"] {
        assert_eq!(totals[key], 1, "{key}: {summary}");
    }
    assert_eq!(totals["response_times"]["answered"], 1);
    assert!(totals["response_times"]["p90_seconds"].is_number());
    assert_eq!(totals["windows_opened"], 1);
    assert_eq!(totals["ratings"]["average"], 4.0);
    assert_eq!(totals["ratings"]["distribution"], json!({"1": 0, "2": 0, "3": 0, "4": 1, "5": 0}));
    let tariff = json!({"category": "service", "type": "free_customer_service", "billable": 0, "free": 1});
    assert_eq!(totals["pricing"], json!({"billable": 0, "free": 1, "tariffs": [tariff]}));
    let days = summary["groups"].as_array().unwrap();
    assert_eq!((days.len(), days[29]["outbound"].clone()), (30, json!(1)), "today comes last");
    assert_eq!((summary["days_pending"].clone(), summary["time_zone"].clone()), (json!(0), json!("UTC")));

    let staff = world.get("/analytics/summary?group_by=staff").await.ok(200);
    assert_eq!(staff["groups"][0]["staff_member_id"], "staff_1");
    assert_eq!(staff["groups"][0]["response_times"]["answered"], 1);
    assert!(staff["groups"][0].get("ratings").is_none());
    assert_eq!(world.get("/analytics/templates").await.ok(200)["data"], json!([]));
}

#[tokio::test]
async fn failures_are_told_by_code() {
    let world = World::new().await;
    world.guest_writes("hello").await;
    let message =
        sent(&world, json!({"guest_phone": GUEST, "message_type": "text", "content": {"text": "Welcome"}}))
            .await;
    let wamid = message["wamid"].as_str().unwrap();
    world.webhook(json!({"wamid": wamid, "status": "failed", "code": 131_026})).await.ok(200);
    let totals = world.get("/analytics/summary").await.ok(200)["totals"].clone();
    assert_eq!((totals["failed"].clone(), totals["sent"].clone()), (json!(1), json!(0)), "{totals}");
    assert_eq!(
        (totals["failures"][0]["code"].clone(), totals["failures"][0]["count"].clone()),
        (json!(131_026), json!(1))
    );
    assert_eq!(totals["failures"][0]["failure_code"], "GUEST_NOT_ON_WHATSAPP");
    assert_eq!(totals["response_times"]["answered"], 0, "it answered nobody");
}

#[tokio::test]
async fn who_may_ask_and_for_what() {
    let world = World::new().await;
    for path in ["/analytics/summary", "/analytics/templates"] {
        world.request(Method::GET, path).token(&world.partner).send().await.error(403, "FORBIDDEN");
        world.request(Method::GET, path).token(&world.admin).send().await.ok(200);
        for (query, field) in [
            ("from=yesterday", "from"),
            ("to=2026-02-30", "to"),
            ("from=2026-01-02&to=2026-01-01", "to"),
            ("from=2024-01-01&to=2025-01-01", "from"),
        ] {
            let wrong = world.get(&format!("{path}?{query}")).await.wrong_fields();
            assert_eq!(wrong, [field], "{query}");
        }
    }
    world.get("/analytics/summary?group_by=guest").await.error(400, "VALIDATION_FAILED");
    let year = world.get("/analytics/summary?from=2024-01-01&to=2024-12-31").await.ok(200);
    assert_eq!((year["groups"].as_array().unwrap().len(), year["from"].clone()), (366, json!("2024-01-01")));
}
