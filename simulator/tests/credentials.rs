//! Tokens that are rotated, and ids that are somebody else's.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::{Receiver, Sim, code, text_to};
use serde_json::{Value, json};

/// The HTTP status, code and subcode that a call with this token is answered.
async fn refused(sim: &Sim, token: &str, method: &str, path: &str) -> (u16, Value, Value) {
    let request = sim.http.request(method.parse().unwrap(), format!("{}/v24.0/{path}", sim.base));
    let response = request.bearer_auth(token).json(&json!({})).send().await.unwrap();
    let status = response.status().as_u16();
    let answer: Value = response.json().await.unwrap();
    (status, answer["error"]["code"].clone(), answer["error"]["error_subcode"].clone())
}

#[tokio::test]
async fn every_endpoint_knows_the_present_token_only() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::open(Some(dir.path())).await;
    let first = sim.account.access_token.clone();
    let media = sim.upload("text/plain", b"x").await;
    let (_, shown) = sim.graph("GET", &media, Value::Null).await;
    let (number, waba) = (&sim.account.phone_number_id, &sim.account.waba_id);
    let calls = [
        ("POST", format!("{number}/messages")),
        ("POST", format!("{number}/media")),
        ("POST", format!("{number}/block_users")),
        ("POST", format!("{number}/register")),
        ("GET", format!("{number}/whatsapp_business_profile")),
        ("GET", number.clone()),
        ("POST", number.clone()),
        ("GET", waba.clone()),
        ("GET", format!("{waba}/phone_numbers")),
        ("GET", format!("{waba}/message_templates")),
        ("POST", format!("{waba}/message_templates")),
        ("GET", format!("{waba}/subscribed_apps")),
        ("POST", format!("{waba}/subscribed_apps")),
        ("GET", "app".to_owned()),
        ("POST", "app/uploads".to_owned()),
        ("GET", media.clone()),
        ("DELETE", media.clone()),
        ("GET", "42".to_owned()),
    ];
    for (method, path) in &calls {
        assert_eq!(refused(&sim, "guessed", method, path).await, (401, json!(190), Value::Null), "{path}");
    }
    let account = sim.control("PUT", "account", json!({"access_token": "second"})).await;
    assert_eq!((&account["access_token"], &account["waba_id"]), (&json!("second"), &json!(waba)));
    for (method, path) in &calls {
        assert_eq!(refused(&sim, &first, method, path).await, (401, json!(190), json!(460)), "{path}");
    }
    let url = shown["url"].as_str().unwrap();
    let download = async |token: &str| sim.http.get(url).bearer_auth(token).send().await.unwrap().status();
    assert_eq!(
        (download(&first).await, download("second").await),
        (401.try_into().unwrap(), 200.try_into().unwrap())
    );
    sim.stop().await;

    let sim = Sim::open(Some(dir.path())).await;
    assert_eq!(sim.get("account").await["access_token"], "second", "after a restart");
    assert_eq!(refused(&sim, &first, "GET", "app").await.2, 460);
    sim.control("PUT", "account", json!({"access_token": first})).await;
    assert_eq!(refused(&sim, "second", "GET", "app").await.2, 460);
    assert_eq!(sim.graph("GET", "app", Value::Null).await.0, 200, "back again");
    for body in
        [json!({}), json!({"access_token": ""}), json!({"access_token": "a b"}), json!({"app_secret": "x"})]
    {
        assert_eq!(sim.control_raw("PUT", "account", body).await.0, 400);
    }
}

#[tokio::test]
async fn a_token_that_dies_in_the_middle_of_a_batch() {
    let sim = Sim::quick().await;
    let numbers: Vec<String> = (0..6).map(|n| format!("1650555123{n}")).collect();
    for number in &numbers {
        sim.open_guest(number).await;
    }
    let mut codes = Vec::new();
    for (place, number) in numbers.iter().enumerate() {
        if place == 2 {
            sim.control("PUT", "faults", json!({"send_error": {"code": 190, "times": 2}})).await;
        }
        let (status, answer) = sim.send(text_to(number, "x")).await;
        codes.push(if status == 200 { 0 } else { code(&answer) });
    }
    assert_eq!(codes, [0, 0, 190, 190, 0, 0]);
    assert_eq!(sim.ledger("").await["count"], 4, "what was refused was not sent");
}

#[tokio::test]
async fn ids_of_others_are_unknown() {
    let sim = Sim::start().await;
    let (number, waba) = (&sim.account.phone_number_id, &sim.account.waba_id);
    let other = bellhop_simulator::well_known(2);
    for (method, path) in [
        ("GET", format!("{}?fields=display_phone_number,quality_rating", other.phone_number_id)),
        ("POST", other.phone_number_id.clone()),
        ("POST", format!("{}/messages", other.phone_number_id)),
        ("POST", format!("{}/register", other.phone_number_id)),
        ("GET", other.waba_id.clone()),
        ("GET", format!("{}/phone_numbers", other.waba_id)),
        ("GET", format!("{}/message_templates", other.waba_id)),
        ("POST", format!("{}/subscribed_apps", other.waba_id)),
        // The two ids taken for each other.
        ("POST", format!("{number}/subscribed_apps")),
        ("GET", format!("{number}/phone_numbers")),
        ("POST", format!("{waba}/messages")),
    ] {
        let token = &sim.account.access_token;
        assert_eq!(
            refused(&sim, token, method, &path).await,
            (400, json!(100), json!(33)),
            "{method} {path}"
        );
    }
    let (status, shown) = sim
        .graph(
            "GET",
            &format!("{number}?fields=display_phone_number,verified_name,quality_rating,throughput"),
            Value::Null,
        )
        .await;
    assert_eq!(status, 200);
    for key in ["display_phone_number", "verified_name", "quality_rating", "throughput"] {
        assert!(!shown[key].is_null(), "{key}: {shown}");
    }
    let (_, listed) = sim.graph("GET", &format!("{waba}/phone_numbers?fields=id"), Value::Null).await;
    assert_eq!(listed["data"], json!([{"id": number}]));
    let receiver = Receiver::start().await;
    sim.register(&receiver).await;
}
