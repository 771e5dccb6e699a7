//! Numbers that admins connect while Bellhop runs, tokens that die in the middle, and the key that seals them.

use std::process::Output;

use bellhop_e2e::batch::{compare, guest, to_guests, until_completed};
use bellhop_e2e::{Api, BellhopProcess, Home, Hotel, PATIENCE, Phones, eventually};
use bellhop_simulator::well_known;
use reqwest::Method;
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value, json};

const KEY: &str = "aG90ZWwgaG90ZWwgaG90ZWwgaG90ZWwgaG90ZWwgaG8=";
const OTHER_KEY: &str = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3Q=";

/// The second simulator's number, as an admin gives it.
fn second(phones: &Phones, app_secret: bool) -> Value {
    let account = well_known(2);
    json!({
        "waba_id": account.waba_id, "phone_number_id": account.phone_number_id,
        "access_token": account.access_token, "base_url": phones.url,
        "app_secret": app_secret.then_some(account.app_secret),
    })
}

async fn change(api: &Api, id: &str, body: Value) -> Value {
    api.ask(Method::PATCH, &format!("/connections/{id}"), Some(&body), &[]).await.expect(200)
}

async fn first(api: &Api) -> String {
    text(&api.get("/connections").await.expect(200)["data"][0], "connection_id")
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field}: {value}")).to_owned()
}

async fn is_refused_with_wrong_words(hotel: &Hotel, phones: &Phones) {
    for (field, wrong, code) in [
        ("access_token", well_known(1).access_token, "ACCESS_TOKEN_REFUSED"),
        ("waba_id", well_known(1).waba_id, "NUMBER_NOT_OF_ACCOUNT"),
    ] {
        let mut given = second(phones, false);
        given[field] = json!(wrong);
        assert_eq!(hotel.admin.post("/connections", &given).await.refused(422), code);
    }
}

/// For the guests who write to it.
async fn the_first_goes_on_beside_it(hotel: &Hotel, second: &Phones, phone: &str) {
    let conversation = hotel.guest(phone, "Ben").await;
    let answer = hotel.staff.text(phone, "from the first").await.expect(202);
    assert_eq!(answer["conversation_id"], conversation.as_str());
    hotel.staff.until(&text(&answer, "message_id"), &["read"]).await;
    assert_eq!((hotel.phones.ledger_of(phone).await.len(), second.ledger_of(phone).await.len()), (1, 0));
}

#[tokio::test]
async fn a_second_number_is_connected_while_everything_runs() {
    let hotel = Hotel::open().await;
    let phones = Phones::start(2).await;
    is_refused_with_wrong_words(&hotel, &phones).await;
    let made = hotel.admin.post("/connections", &second(&phones, false)).await.expect(201);
    let number = text(&made, "connection_id");
    assert_eq!(made["inbound"]["ready"], false, "{made}");
    // It sends already.
    change(&hotel.admin, &number, json!({"default": true})).await;
    let (ana, ben) = ("+14155550001", "+14155550002");
    phones.guest(json!({"phone": ana, "name": "Ana"})).await;
    let hello =
        |phone: &str| json!({"guest_phone": phone, "template_name": "hello_world", "language": "en_US"});
    let sent = eventually("the templates of the second number", || async {
        let answer = hotel.staff.post("/templates/send", &hello(ana)).await;
        (answer.status.as_u16() == 202).then_some(answer.body)
    })
    .await;
    hotel.staff.until(&text(&sent, "message_id"), &["sent"]).await;
    assert_eq!(phones.ledger_of(ana).await.len(), 1);
    assert_eq!(hotel.phones.ledger_of(ana).await.len(), 0);
    // Nothing comes in, and nothing of it is lost: the provider tries on.
    phones.writes(ana, "for the second number").await;
    let status = eventually("WhatsApp to hold what is refused", || async {
        let pending = phones.get("/webhooks").await["pending"].as_u64().unwrap_or(0);
        (pending > 0).then_some(())
    });
    status.await;
    let status = hotel.admin.get(&format!("/connections/{number}/status")).await.expect(200);
    assert_eq!(
        (&status["inbound"]["ready"], &status["callback"]["state"]),
        (&json!(false), &json!("registered"))
    );
    assert_eq!((&status["live"]["ok"], &status["last_in_at"]), (&json!(true), &json!(null)));
    change(&hotel.admin, &number, json!({"app_secret": well_known(2).app_secret})).await;
    hotel.staff.until(&text(&sent, "message_id"), &["delivered", "read"]).await;
    eventually("what the guest wrote", || async {
        let conversation =
            hotel.staff.get(&format!("/conversations/{}", text(&sent, "conversation_id"))).await;
        conversation.body.to_string().contains("for the second number").then_some(())
    })
    .await;
    let events =
        hotel.admin.get(&format!("/connections/{number}/webhook-events?outcome=applied")).await.expect(200);
    assert!(events.to_string().contains("for the second number"), "{events}");
    the_first_goes_on_beside_it(&hotel, &phones, ben).await;
    // A start is not the demo's chance to undo what the admin did.
    let hotel = hotel.reopen(&[]).await;
    let all = hotel.admin.get("/connections").await.expect(200)["data"].clone();
    assert_eq!((&all[0]["default"], &all[1]["default"]), (&json!(false), &json!(true)));
    phones.writes(ana, "after the start").await;
    eventually("what the guest wrote after the start", || async {
        let conversation =
            hotel.staff.get(&format!("/conversations/{}", text(&sent, "conversation_id"))).await;
        conversation.body.to_string().contains("after the start").then_some(())
    })
    .await;
    let demo = first(&hotel.admin).await;
    let gone = hotel.admin.ask(Method::DELETE, &format!("/connections/{demo}"), None, &[]).await;
    assert_eq!(gone.status, 204);
    let hotel = hotel.reopen(&[]).await;
    assert_eq!(hotel.admin.get("/connections").await.expect(200)["data"].as_array().map(Vec::len), Some(1));
    hotel.close().await;
}

#[tokio::test]
async fn a_token_that_dies_in_the_middle_of_a_batch_costs_nobody_anything() {
    const GUESTS: usize = 300;
    let hotel = Hotel::open().await;
    let number = first(&hotel.admin).await;
    let ana = "+14155550001";
    hotel.guest(ana, "Ana").await;
    // Not even with one attempt each: a dead token says nothing about them.
    let body = to_guests(
        0..GUESTS,
        json!({"rate_limit": {"messages_per_second": 70}, "delivery_options": {"retry_failed": false}}),
    );
    let batch = text(&hotel.staff.post("/messages/batch-send", &body).await.expect(202), "batch_id");
    eventually("a part of the batch", || async { (hotel.phones.ledger().await.len() > 60).then_some(()) })
        .await;
    hotel.phones.faults(json!({"send_error": {"code": 190}})).await;
    eventually("the batch to stop", || async {
        let batch = hotel.staff.get(&format!("/batches/{batch}")).await.expect(200);
        (batch["status"] == "stopped").then_some(())
    })
    .await;
    let single = text(&hotel.staff.text(ana, "wait for it").await.expect(202), "message_id");
    let refused = hotel.admin.get(&format!("/connections/{number}")).await.expect(200);
    assert_eq!(refused["status"], "needs_credentials");
    let resume = format!("/batches/{batch}/resume");
    assert_eq!(hotel.staff.post(&resume, &json!({})).await.refused(409), "PROVIDER_CREDENTIALS");
    // What comes in is taken.
    hotel.phones.writes(ana, "still here").await;
    let conversation = text(&hotel.staff.conversation_of(ana).await, "conversation_id");
    eventually("what the guest wrote", || async {
        let conversation = hotel.staff.get(&format!("/conversations/{conversation}")).await;
        conversation.body.to_string().contains("still here").then_some(())
    })
    .await;
    assert_eq!(hotel.staff.get(&format!("/messages/{single}")).await.expect(200)["status"], "queued");

    hotel.phones.no_faults().await;
    let renewed = change(&hotel.admin, &number, json!({"access_token": well_known(1).access_token})).await;
    assert_eq!(renewed["status"], "active");
    hotel.staff.until(&single, &["sent", "delivered", "read"]).await;
    hotel.staff.post(&resume, &json!({})).await.expect(200);
    let done = until_completed(&hotel.staff, &batch, PATIENCE).await;
    assert_eq!(compare(&hotel.staff, &hotel.phones, &batch, GUESTS).await, Vec::<String>::new(), "{done}");
    for n in [0, GUESTS / 2, GUESTS - 1] {
        assert_eq!(hotel.phones.ledger_of(&guest(n)).await.len(), 1);
    }
    assert_eq!(hotel.phones.ledger_of(ana).await.len(), 1);
    hotel.close().await;
}

#[tokio::test]
async fn no_secret_stands_in_the_database_in_the_clear() {
    let hotel = Hotel::open().await;
    let phones = Phones::start(2).await;
    let mut body = second(&phones, true);
    body["verify_token"] = json!("the-verify-token-of-number-2");
    let made = hotel.admin.post("/connections", &body).await.expect(201);
    change(
        &hotel.admin,
        &text(&made, "connection_id"),
        body["app_secret"].as_str().map_or(json!({}), |s| json!({"app_secret": s})),
    )
    .await;
    let secrets = [1, 2].map(well_known).map(|account| [account.access_token, account.app_secret]).concat();
    let secrets = [secrets, vec!["the-verify-token-of-number-2".to_owned()]].concat();
    let number = well_known(2).phone_number_id;
    let dump = dump(&hotel).await;
    let holds = |text: &str| dump.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&number), "what is not secret is found");
    for secret in secrets {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!holds(&secret) && !holds(&hex), "{secret}");
    }
    hotel.close().await;
}

/// Everything that the database holds, as bytes: SQLite's files as they are, every row of PostgreSQL as text.
async fn dump(hotel: &Hotel) -> Vec<u8> {
    let url = hotel.settings.database_url.expose().to_owned();
    if url.starts_with("sqlite:") {
        let files =
            ["bellhop.db", "bellhop.db-wal"].map(|name| std::fs::read(hotel.data_dir().join(name)).unwrap());
        return files.concat();
    }
    let db = Database::connect(url).await.unwrap();
    let rows = async |sql: String| -> Vec<String> {
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    };
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()".to_owned();
    let mut dump = String::new();
    for table in rows(tables).await {
        dump.extend(rows(format!("SELECT t::text FROM \"{table}\" t")).await);
    }
    dump.into_bytes()
}

/// A command of `bellhop` in a home, to its end.
async fn run(home: &Home, simulator: &Phones, (argument, more): (&str, &[(&str, &str)])) -> Output {
    let mut command = home.bellhop();
    if !argument.is_empty() {
        command.arg(argument);
    }
    command.env("BELLHOP_SIMULATOR_URL", &simulator.url).envs(more.iter().copied());
    tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").unwrap()
}

fn said(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn sends(bellhop: &BellhopProcess) {
    let sent = bellhop.api.text("+1234567890", "sealed").await.expect(202);
    bellhop.api.until(&text(&sent, "message_id"), &["sent", "delivered", "read"]).await;
}

#[tokio::test]
async fn the_key_of_a_folder_is_rotated_while_bellhop_runs() {
    let (home, phones) = (Home::make().await, Phones::start(1).await);
    let bellhop = BellhopProcess::start(&home, &phones.url, &[]).await;
    // The demo's guest writes once it is ready, and until then nobody may write to them.
    bellhop.api.conversation_of("+1234567890").await;
    sends(&bellhop).await;
    let file = home.path().join("secret.key");
    let before = std::fs::read(&file).unwrap();
    // Killed at every step and begun again; the running one goes on all the time.
    for step in ["key_rotation_begun", "key_rotation_resealed", "key_rotation_ended"] {
        let killed = run(&home, &phones, ("rotate-key", &[("BELLHOP_FAIL_POINT", step)])).await;
        assert!(!killed.status.success());
        assert_eq!(std::fs::read(&file).unwrap(), before, "{step}");
        sends(&bellhop).await;
    }
    let rotated = run(&home, &phones, ("rotate-key", &[])).await;
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    let after = std::fs::read(&file).unwrap();
    assert_ne!(after, before);
    sends(&bellhop).await;
    // What is sealed now, by a process that began with the former key, is under the new one.
    let number = first(&bellhop.admin()).await;
    change(&bellhop.admin(), &number, json!({"access_token": well_known(1).access_token})).await;
    bellhop.terminate().await;
    let bellhop = BellhopProcess::start(&home, &phones.url, &[]).await;
    sends(&bellhop).await;
    bellhop.terminate().await;

    std::fs::write(&file, before).unwrap();
    let sentence = said(&run(&home, &phones, ("", &[])).await);
    assert!(sentence.contains("secret.key") && sentence.contains("is not the key"), "{sentence}");
    assert!(sentence.contains("rotate-key"), "{sentence}");
    std::fs::write(&file, after).unwrap();
    BellhopProcess::start(&home, &phones.url, &[]).await.terminate().await;
}

#[tokio::test]
async fn the_key_of_the_settings_is_rotated_with_both() {
    let (home, phones) = (Home::make().await, Phones::start(1).await);
    let key = |key| ("BELLHOP_SECRET_KEY", key);
    let previous = ("BELLHOP_SECRET_KEY_PREVIOUS", KEY);
    BellhopProcess::start(&home, &phones.url, &[key(KEY)]).await.terminate().await;
    let sentence = said(&run(&home, &phones, ("", &[key(OTHER_KEY)])).await);
    assert!(sentence.contains("BELLHOP_SECRET_KEY is not the key"), "{sentence}");
    let sentence = said(&run(&home, &phones, ("rotate-key", &[key(OTHER_KEY)])).await);
    assert!(sentence.contains("BELLHOP_SECRET_KEY_PREVIOUS must be set"), "{sentence}");
    // Both keys: it runs before, in the middle and afterwards.
    let both = [key(OTHER_KEY), previous];
    let bellhop = BellhopProcess::start(&home, &phones.url, &both).await;
    sends(&bellhop).await;
    let cut_off = [key(OTHER_KEY), previous, ("BELLHOP_FAIL_POINT", "key_rotation_resealed")];
    run(&home, &phones, ("rotate-key", &cut_off)).await;
    sends(&bellhop).await;
    for one in [KEY, OTHER_KEY] {
        let data_dir = tempfile::tempdir().unwrap();
        let elsewhere = ("BELLHOP_DATA_DIR", data_dir.path().to_str().unwrap());
        let database = bellhop_database(&home);
        let sentence = said(
            &run(&home, &phones, ("", &[key(one), elsewhere, ("BELLHOP_DATABASE_URL", &database)])).await,
        );
        assert!(sentence.contains("has not ended"), "{sentence}");
    }
    let rotated = run(&home, &phones, ("rotate-key", &both)).await;
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    sends(&bellhop).await;
    bellhop.terminate().await;
    let sentence = said(&run(&home, &phones, ("", &[key(KEY)])).await);
    assert!(sentence.contains("BELLHOP_SECRET_KEY is not the key"), "{sentence}");
    let bellhop = BellhopProcess::start(&home, &phones.url, &[key(OTHER_KEY)]).await;
    sends(&bellhop).await;
    bellhop.terminate().await;
}

/// The home's database, for a process whose data folder is another.
fn bellhop_database(home: &Home) -> String {
    let named = home.variables().into_iter().find(|(name, _)| *name == "BELLHOP_DATABASE_URL");
    named.map_or_else(|| format!("sqlite://{}", home.path().join("bellhop.db").display()), |(_, url)| url)
}
