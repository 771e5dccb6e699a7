//! Starting, stopping, starting again.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use bellhop_e2e::{BellhopProcess, Hotel, Phones, binary, eventually};
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
    let data_dir = tempfile::tempdir().unwrap();
    let process = BellhopProcess::start(data_dir.path(), &phones.url, &[]).await;
    process.api.conversation_of(PHONE).await;
    phones.faults(serde_json::json!({"latency_ms": 1500})).await;
    let sent = process.api.text(PHONE, "last words").await.expect(202);
    phones.until_ledger(PHONE, 1).await;
    let ended = process.terminate().await;
    assert!(ended.success(), "{ended}");
    phones.no_faults().await;
    let process = BellhopProcess::start(data_dir.path(), &phones.url, &[]).await;
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
    let data_dir = tempfile::tempdir().unwrap();
    let mut bellhop = Command::new(binary("bellhop"))
        .env("BELLHOP_DATA_DIR", data_dir.path())
        .env("BELLHOP_HTTP_ADDR", "127.0.0.1:0")
        .env("BELLHOP_SIMULATOR_URL", format!("http://{address}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let file = data_dir.path().join("standalone.json");
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

#[tokio::test]
async fn two_on_one_data_folder_are_refused() {
    let hotel = Hotel::open().await;
    let second = Command::new(binary("bellhop"))
        .env("BELLHOP_DATA_DIR", hotel.data_dir())
        .env("BELLHOP_HTTP_ADDR", "127.0.0.1:0")
        .env("BELLHOP_SIMULATOR_ADDR", "127.0.0.1:0")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && said.contains("another Bellhop runs on"), "{said}");
    // The first is none the worse.
    let sent = hotel.staff.text(PHONE, "still here").await.expect(202);
    hotel.staff.until(sent["message_id"].as_str().unwrap(), &["read"]).await;
    hotel.close().await;
}

#[tokio::test]
async fn mistakes_at_the_start_are_named() {
    let run = |arguments: &'static [&'static str], variables: &'static [(&'static str, &'static str)]| async move {
        let data_dir = tempfile::tempdir().unwrap();
        let output = Command::new(binary("bellhop"))
            .args(arguments)
            .env("BELLHOP_DATA_DIR", data_dir.path())
            .envs(variables.iter().copied())
            .output()
            .await
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (good, said) = run(&[], &[("BELLHOP_HTTP_ADDR", "everywhere")]).await;
    assert!(!good && said.contains("BELLHOP_HTTP_ADDR") && said.contains("everywhere"), "{said}");
    let (good, said) = run(&["migrat"], &[]).await;
    assert!(!good && said.contains("migrat") && said.contains("help"), "{said}");
    let (good, said) = run(&["demo"], &[]).await;
    assert!(!good && said.contains("BELLHOP_SIMULATOR_URL"), "{said}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address: &'static str = taken.local_addr().unwrap().to_string().leak();
    let variables: &'static [(&str, &str)] = vec![("BELLHOP_HTTP_ADDR", address)].leak();
    let (good, said) = run(&[], variables).await;
    assert!(!good && said.contains("BELLHOP_HTTP_ADDR") && said.contains(address), "{said}");
}

#[tokio::test]
async fn secrets_are_not_on_disk_in_the_clear() {
    let hotel = Hotel::open().await;
    hotel.guest("+14155552671", "Ana").await;
    let account = bellhop_simulator::well_known(1);
    let staff = hotel.staff.token.clone();
    let hotel = hotel.reopen(&[]).await;
    let mut looked_at = 0;
    let mut folders = vec![hotel.data_dir().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let holds = |secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!holds(&account.access_token) && !holds(&account.app_secret), "{}", path.display());
            let handoff = path.file_name().is_some_and(|name| name == "standalone.json");
            assert!(handoff || !holds(&staff), "{}", path.display());
            looked_at += 1;
        }
    }
    assert!(looked_at >= 3);
    hotel.close().await;
}
