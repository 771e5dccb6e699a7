//! Starting, stopping, starting again.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use bellhop_e2e::{BellhopProcess, Home, Hotel, Phones, binary, eventually};
use serde_json::Value;
use tokio::process::Command;

const PHONE: &str = "+1234567890";

#[tokio::test]
async fn the_demo_is_what_the_readme_says_and_sends_nothing() {
    let hotel = Hotel::open().await;
    let listed = hotel.staff.get("/conversations").await.expect(200);
    let data = listed["data"].as_array().unwrap();
    assert_eq!(data.len(), 1, "only one guest has written");
    assert_eq!(data[0]["guest_phone"], PHONE);
    assert!(hotel.phones.ledger().await.is_empty());
    let guests = hotel.phones.get("/guests").await.to_string();
    assert!(guests.contains("972541234567") && guests.contains("\"hidden_number\":true"), "{guests}");
    let templates = hotel.staff.get("/templates?status=APPROVED").await.expect(200);
    let names: Vec<&str> =
        templates["data"].as_array().unwrap().iter().filter_map(|t| t["name"].as_str()).collect();
    for name in [
        "welcome_checkin",
        "service_confirmation",
        "service_followup",
        "general_inquiry",
        "wedding_invitation",
        "appointment_reminder",
        "hello_world",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }

    let file = hotel.data_dir().join("standalone.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let handoff: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let keys: Vec<&String> = handoff.as_object().unwrap().keys().collect();
    for key in
        ["api_url", "console_url", "docs_url", "simulator_url", "property_id", "staff_token", "admin_token"]
    {
        assert!(keys.iter().any(|k| *k == key), "{key}");
    }
    assert!(handoff["api_url"].as_str().unwrap().ends_with("/api/v1/whatsapp"));
    hotel.close().await;
}

#[tokio::test]
async fn a_second_start_keeps_everything() {
    let hotel = Hotel::open().await;
    let sent = hotel.staff.text(PHONE, "before").await.expect(202);
    let id = sent["message_id"].as_str().unwrap().to_owned();
    let before = hotel.staff.until(&id, &["read"]).await;
    let tokens = (hotel.staff.token.clone(), hotel.admin.token.clone());
    hotel.phones.advance_clock(3600).await;
    let hotel = hotel.reopen(&[]).await;
    assert_eq!((hotel.staff.token.clone(), hotel.admin.token.clone()), tokens, "tokens are reused");
    assert_eq!(hotel.staff.get(&format!("/messages/{id}")).await.expect(200), before);
    assert_eq!(hotel.phones.ledger_of(PHONE).await.len(), 1, "the simulator keeps its ledger");
    let clock = hotel.phones.get("/clock").await;
    assert!(clock["offset_seconds"].as_f64().is_some_and(|offset| offset >= 3600.0), "{clock}");
    let listed = hotel.staff.get("/conversations").await.expect(200);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "the demo is not made twice");
    let after = hotel.staff.text(PHONE, "after").await.expect(202);
    hotel.staff.until(after["message_id"].as_str().unwrap(), &["read"]).await;
    hotel.close().await;
}

#[tokio::test]
async fn sigterm_lets_the_attempt_under_way_finish() {
    let phones = Phones::start(1).await;
    let home = Home::make().await;
    let process = BellhopProcess::start(&home, &phones.url, &[]).await;
    process.api.conversation_of(PHONE).await;
    phones.faults(serde_json::json!({"latency_ms": 1500})).await;
    let sent = process.api.text(PHONE, "last words").await.expect(202);
    phones.until_ledger(PHONE, 1).await;
    let ended = process.terminate().await;
    assert!(ended.success(), "{ended}");
    phones.no_faults().await;
    let process = BellhopProcess::start(&home, &phones.url, &[]).await;
    let message =
        process.api.get(&format!("/messages/{}", sent["message_id"].as_str().unwrap())).await.expect(200);
    assert!(["sent", "delivered", "read"].contains(&message["status"].as_str().unwrap()), "{message}");
    assert!(process.terminate().await.success());
}

#[tokio::test]
async fn it_waits_for_its_simulator_and_is_ready_only_then() {
    // A port that nobody listens on yet.
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let home = Home::make().await;
    let mut bellhop = home
        .bellhop()
        .env("BELLHOP_SIMULATOR_URL", format!("http://{address}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let file = home.path().join("standalone.json");
    let handoff: Value = eventually("standalone.json", || async {
        std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok())
    })
    .await;
    let ready = handoff["docs_url"].as_str().unwrap().replace("/docs", "/readyz");
    let answer = eventually("an answer", || async { reqwest::get(&ready).await.ok() }).await;
    assert_eq!(answer.status(), 503);
    let alive = reqwest::get(ready.replace("/readyz", "/healthz")).await.unwrap();
    assert_eq!(alive.status(), 200);
    let mut simulator = Command::new(binary("simulator"))
        .env("BELLHOP_SIMULATOR_ADDR", address.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("readiness", || async {
        reqwest::get(&ready).await.ok().filter(|answer| answer.status() == 200).map(|_| ())
    })
    .await;
    bellhop.kill().await.unwrap();
    simulator.kill().await.unwrap();
}
