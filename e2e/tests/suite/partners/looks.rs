//! What an admin sees of webhooks: what was sent, and what needs a look.

use bellhop_e2e::sink::{Manner, Sink};
use bellhop_e2e::{Api, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ANA, configured, hotel, until_deliveries, until_status, wanted};

async fn change(api: &Api, id: &str, body: Value) -> Value {
    api.ask(Method::PATCH, &format!("/webhooks/{id}"), Some(&body), &[]).await.expect(200)
}

#[tokio::test]
async fn a_schedule_of_ones_own_can_be_taken_back() {
    let hotel = hotel().await;
    let sink = Sink::open().await;
    let made = configured(&hotel.admin, &wanted(&sink)).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["retry_config"]["max_retries"], 3);
    let kept = change(&hotel.admin, id, json!({"ordered": false})).await;
    assert_eq!(kept["retry_config"], made["retry_config"], "what is absent stays");
    assert_eq!(change(&hotel.admin, id, json!({"retry_config": null})).await["retry_config"], Value::Null);
    let again =
        change(&hotel.admin, id, json!({"retry_config": {"max_retries": 1, "retry_delay": 100}})).await;
    assert_eq!(again["retry_config"], json!({"max_retries": 1, "retry_delay": 100}));
    hotel.close().await;
}

#[tokio::test]
async fn the_log_of_attempts_shows_what_was_sent() {
    let hotel = hotel().await;
    let sink = Sink::open().await;
    let made = configured(&hotel.admin, &wanted(&sink)).await;
    let id = made["id"].as_str().unwrap();
    hotel.guest(ANA, "Ana").await;
    hotel.phones.writes(ANA, "Señor 🦀").await;
    let seen = sink.until_taken("Señor 🦀").await;
    let listed = until_deliveries(&hotel.admin, id, "delivered", 2).await;
    let delivery = listed.iter().find(|one| one["event_id"] == seen.id()).expect("its delivery");
    let path = format!("/webhooks/{id}/deliveries/{}", delivery["id"].as_str().unwrap());
    let shown = hotel.admin.get(&path).await.expect(200);
    let request = &shown["attempt_log"][0]["request"];
    assert_eq!((&request["method"], &request["body_bytes"]), (&json!("POST"), &json!(seen.raw.len())));
    let headers = request["headers"].as_object().unwrap();
    assert_eq!(headers.len(), 5, "{headers:?}");
    for (name, value) in headers {
        let (told, sent) = (value.as_str().unwrap(), &seen.headers[name]);
        match told.strip_suffix('…') {
            Some(beginning) => {
                assert_eq!(name, "webhook-signature");
                assert!(sent.starts_with(beginning) && told.chars().count() < 12, "{told} of {sent}");
            }
            None => assert_eq!(told, sent, "{name}"),
        }
    }
    hotel.close().await;
}

#[tokio::test]
async fn what_stopped_is_where_a_console_looks_first() {
    let hotel = hotel().await;
    let sink = Sink::open().await;
    let made = configured(&hotel.admin, &wanted(&sink)).await;
    let id = made["id"].as_str().unwrap();
    let attention = async |api: &Api| api.get("/property").await.expect(200)["attention"].clone();
    assert_eq!(attention(&hotel.admin).await, json!([]));
    hotel.guest(ANA, "Ana").await;
    sink.until_taken("Hello").await;
    sink.does(Manner::Answers(410));
    hotel.phones.writes(ANA, "Is anybody there?").await;
    until_status(&hotel.admin, id, "disabled").await;
    let seen = attention(&hotel.admin).await;
    assert_eq!(
        (&seen[0]["kind"], &seen[0]["subscription_id"]),
        (&json!("subscription_disabled"), &json!(id))
    );
    assert!(seen[0]["since"].is_string() && seen[0].get("connection_id").is_none(), "{seen}");
    assert_eq!(attention(&hotel.staff).await, json!([]), "webhooks are no matter of the front desk's");
    sink.does(Manner::Takes);
    change(&hotel.admin, id, json!({"status": "active"})).await;
    assert_eq!(attention(&hotel.admin).await, json!([]));

    // A number's token concerns everybody who sends.
    hotel.phones.faults(json!({"send_error": {"code": 190}})).await;
    hotel.staff.text(ANA, "Yes").await.expect(202);
    let seen = eventually("the number's trouble", || async {
        let seen = attention(&hotel.staff).await;
        (seen != json!([])).then_some(seen)
    })
    .await;
    assert_eq!(seen[0]["kind"], "connection_needs_credentials");
    assert!(seen[0]["connection_id"].is_string() && seen[0]["since"].is_string(), "{seen}");
    hotel.close().await;
}
