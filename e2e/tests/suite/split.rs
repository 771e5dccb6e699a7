//! `api` and `worker`: the programs of the split system, started by hand.

use std::collections::BTreeMap;
use std::process::Output;
use std::time::{Duration, Instant};

use bellhop_e2e::fleet::make_demo;
use bellhop_e2e::program::Program;
use bellhop_e2e::services::unless_embedded;
use bellhop_e2e::{Api, Home, PATIENCE, Phones, binary, eventually};
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::json;
use tokio::process::Command;

const PROGRAMS: [&str; 2] = ["api", "worker"];

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let good = BTreeMap::from([
        ("BELLHOP_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
        ("BELLHOP_AMQP_URL", "amqp://127.0.0.1:1"),
        ("BELLHOP_SECRET_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ]);
    for program in PROGRAMS {
        for missing in good.keys() {
            let mut variables = good.clone();
            variables.insert(missing, "");
            let output = Command::new(binary(program)).envs(variables).output().await.unwrap();
            let said = said(&output);
            assert!(!output.status.success());
            assert!(said.contains(&format!("{program}: {missing} must ")), "{said}");
        }
        let output = Command::new(binary(program)).arg("migrate").output().await.unwrap();
        assert!(!output.status.success() && said(&output).contains("migrate"), "{}", said(&output));
        let output = Command::new(binary(program)).arg("--version").output().await.unwrap();
        assert!(output.status.success() && output.stdout.starts_with(program.as_bytes()));
    }
}

#[tokio::test]
async fn the_schema_is_brought_up_to_date_once_and_never_by_them() {
    let Some(services) = unless_embedded().await else { return };
    let home = Home::on_services(services).await;
    for program in PROGRAMS {
        let output = Program::command(&home, program).output().await.unwrap();
        let said = said(&output);
        assert!(!output.status.success() && said.contains("no schema of Bellhop yet"), "{said}");
    }
    let migrations = (0..4).map(|_| async { home.bellhop().arg("migrate").output().await.unwrap() });
    let outputs = futures_util::future::join_all(migrations).await;
    let printed: Vec<String> =
        outputs.iter().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).collect();
    assert!(outputs.iter().all(|output| output.status.success()), "{outputs:?}");
    let applied = printed.iter().filter(|text| text.contains("migrations applied")).count();
    let nothing = printed.iter().filter(|text| *text == "The schema is up to date.\n").count();
    assert_eq!((applied, nothing), (1, 3), "{printed:?}");

    let database = Database::connect(home.scratch().database_url()).await.unwrap();
    let forget = "DELETE FROM seaql_migrations WHERE version = (SELECT max(version) FROM seaql_migrations)";
    database.execute_unprepared(forget).await.unwrap();
    database.close().await.unwrap();
    for program in PROGRAMS {
        let output = Program::command(&home, program).output().await.unwrap();
        let said = said(&output);
        assert!(!output.status.success(), "{said}");
        assert!(said.contains("the schema is 1 migration behind: run `bellhop migrate`"), "{said}");
    }
}

#[tokio::test]
async fn the_wrong_key_is_named_at_the_start() {
    let Some(services) = unless_embedded().await else { return };
    let home = Home::on_services(services).await;
    let phones = Phones::start(1).await;
    make_demo(&home, &phones).await;
    for program in PROGRAMS {
        let mut command = Program::command(&home, program);
        command.env("BELLHOP_SECRET_KEY", "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3Q=");
        let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
        let said = said(&output);
        assert!(!output.status.success() && said.contains("BELLHOP_SECRET_KEY is not the key"), "{said}");
        assert!(!output.stdout.starts_with(program.as_bytes()), "it never listened");
    }
}

#[tokio::test]
async fn they_share_the_work_and_the_pace_and_stop_cleanly() {
    let Some(services) = unless_embedded().await else { return };
    let home = Home::on_services(services).await;
    let phones = Phones::start(1).await;
    let token = make_demo(&home, &phones).await;
    let alone = [("BELLHOP_REDIS_URL", "")];
    let api = Program::start(&home, "api", &alone).await;
    let worker = Program::start(&home, "worker", &alone).await;
    eventually("the callback", || async { api.log().contains("callback registered").then_some(()) }).await;
    let staff = Api::new(&format!("{}/api/v1/whatsapp", api.url), &token);
    send_both_ways(&staff, &phones).await;

    for program in [&api, &worker] {
        eventually("word of the shared pace", || async {
            let log = program.log();
            (log.contains("without Redis") && log.contains("processes=2")).then_some(())
        })
        .await;
        assert_eq!(page(&program.url, "/healthz").await.0, 200);
        assert_eq!(page(&program.url, "/readyz").await.0, 200);
    }
    let (status, numbers) = page(&api.url, "/metrics").await;
    assert_eq!(status, 200);
    assert!(numbers.contains(r#"bellhop_attempts_total{outcome="accepted",code="none"}"#), "{numbers}");
    assert!(numbers.contains(r#"bellhop_attempts_total{outcome="refused",code="131016"}"#), "{numbers}");
    assert!(numbers.contains("bellhop_webhook_lag_seconds_bucket"), "{numbers}");
    let (_, numbers) = page(&worker.url, "/metrics").await;
    assert!(numbers.contains(r#"bellhop_attempts_total{outcome="accepted",code="none"}"#), "{numbers}");
    assert!(numbers.contains("bellhop_provider_latency_seconds_bucket"), "{numbers}");
    assert!(!numbers.contains("4155552671"), "{numbers}");

    for program in [api, worker] {
        let began = Instant::now();
        assert!(program.terminate().await.success());
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
    assert_eq!(processes(&home).await, 0, "who stops gives up its place");
}

#[tokio::test]
async fn sigterm_lets_the_worker_finish_what_is_on_the_wire() {
    let Some(services) = unless_embedded().await else { return };
    let home = Home::on_services(services).await;
    let phones = Phones::start(1).await;
    let token = make_demo(&home, &phones).await;
    let api = Program::start(&home, "api", &[]).await;
    eventually("the callback", || async { api.log().contains("callback registered").then_some(()) }).await;
    let staff = Api::new(&format!("{}/api/v1/whatsapp", api.url), &token);
    let worker = Program::start(&home, "worker", &[]).await;
    phones.writes("+1234567890", "Hello").await;
    staff.conversation_of("+1234567890").await;
    // The first try is the API's and refused; the second is the worker's.
    phones.faults(json!({"send_error": {"code": 131_016, "times": 1}, "latency_ms": 1500})).await;
    let sent = staff.text("+1234567890", "last words").await.expect(202);
    let id = sent["message_id"].as_str().unwrap();
    phones.until_ledger("+1234567890", 1).await;
    let began = Instant::now();
    assert!(worker.terminate().await.success());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    phones.no_faults().await;
    let message = staff.until(id, &["sent", "delivered", "read"]).await;
    assert_eq!(message["attempts"], 2);
    assert!(api.terminate().await.success());
    assert_eq!(phones.ledger_of("+1234567890").await.len(), 1);
}

/// In, out, and out by way of the queue: only the worker tries again.
async fn send_both_ways(staff: &Api, phones: &Phones) {
    let phone = "+14155552671";
    phones.guest(json!({"phone": phone, "name": "Ana"})).await;
    phones.writes(phone, "Hello").await;
    staff.conversation_of(phone).await;
    let sent = staff.text(phone, "at once").await.expect(202);
    staff.until(sent["message_id"].as_str().unwrap(), &["read"]).await;
    phones.faults(json!({"send_error": {"code": 131_016, "times": 1}})).await;
    let sent = staff.text(phone, "by the queue").await.expect(202);
    let message = staff.until(sent["message_id"].as_str().unwrap(), &["read"]).await;
    assert_eq!(message["attempts"], 2);
    assert_eq!(phones.ledger_of(phone).await.len(), 2);
}

async fn page(url: &str, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("{url}{path}")).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn processes(home: &Home) -> i64 {
    let database = Database::connect(home.scratch().database_url()).await.unwrap();
    let count = Statement::from_string(database.get_database_backend(), "SELECT count(*) FROM processes");
    let count = database.query_one_raw(count).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    database.close().await.unwrap();
    count
}
