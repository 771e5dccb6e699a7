//! The thin slice of the other backends: PostgreSQL, RabbitMQ and Redis, the real ones.

use std::net::SocketAddr;

use bellhop_domain::ConversationId;
use bellhop_domain::ports::WindowStore;
use bellhop_e2e::{Api, Home, Phones, eventually, services, settings};
use bellhop_infra::build;
use bellhop_infra::clock::MovableClock;
use bellhop_infra::settings::Settings;
use bellhop_infra::window::redis::RedisWindows;
use bellhop_service::App;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

async fn app(settings: &Settings, address: SocketAddr) -> App {
    build::build(settings, &format!("http://{address}"), MovableClock::new()).await.expect("an app")
}

#[tokio::test]
async fn one_send_through_api_queue_and_worker() {
    let Some(services) = services::unless_embedded().await else { return };
    let home = Home::on_services(services).await;
    let settings = settings(&home, &[]);
    build::migrate(&settings).await.unwrap();
    assert_eq!(build::migrate(&settings).await.unwrap(), 0, "migrating twice changes nothing");
    let phones = Phones::start(1).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();

    // Two applications that share nothing but the services: one serves, the other works.
    let serving = app(&settings, address).await;
    let working = app(&settings, address).await;
    let public_url = format!("http://{address}");
    let handoff = bellhop::demo::ensure(&serving, &settings, (&public_url, &phones.url)).await.unwrap();
    let options = bellhop_api::Options { public_url, ..bellhop_api::Options::default() };
    tokio::spawn(bellhop_api::serve(listener, serving.clone(), options, shutdown.clone().cancelled_owned()));
    let config = bellhop_worker::Config { sweep_interval: settings.sweep_interval };
    let worker = tokio::spawn(bellhop_worker::run(working.clone(), config, shutdown.clone()));
    let number = bellhop_simulator::well_known(1).phone_number_id;
    let connection = serving.connection_of_number(&number).await.unwrap().unwrap();
    serving.register_callback(connection).await.unwrap();
    serving.sync_connections().await.unwrap();

    let api = Api::new(&handoff.api_url, &handoff.staff_token);
    let phone = "+14155552671";
    the_window_is_in_redis(&api, &phones, (&settings, phone)).await;
    a_retry_goes_by_the_queue(&api, &phones, phone).await;
    parallel_requests_agree(&api, &phones).await;

    shutdown.cancel();
    worker.await.unwrap().unwrap();
    for app in [serving, working] {
        app.finish(std::time::Duration::from_secs(5)).await;
    }
}

/// In: a guest writes, and the window is in Redis.
async fn the_window_is_in_redis(api: &Api, phones: &Phones, (settings, phone): (&Settings, &str)) {
    phones.guest(json!({"phone": phone, "name": "Ana"})).await;
    phones.writes(phone, "Hello").await;
    let conversation = api.conversation_of(phone).await;
    let id: ConversationId = conversation["conversation_id"].as_str().unwrap().parse().unwrap();
    let windows =
        RedisWindows::connect(settings.redis_url.as_ref().unwrap(), &settings.queue_prefix).unwrap();
    let cached = eventually("the window in Redis", || async { windows.get(id).await.unwrap() }).await;
    assert_eq!(
        json!(cached.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
        conversation["window_expires_at"]
    );
}

/// Out: refused for now by the serving process's own attempt, then by way of RabbitMQ, because
/// only the worker tries again and it learns of messages only there.
async fn a_retry_goes_by_the_queue(api: &Api, phones: &Phones, phone: &str) {
    phones.faults(json!({"send_error": {"code": 131_016, "times": 1}})).await;
    let sent = api.text(phone, "by the queue").await.expect(202);
    let message = api.until(sent["message_id"].as_str().unwrap(), &["read"]).await;
    assert_eq!(message["attempts"], 2);
    assert_eq!(phones.ledger_of(phone).await.len(), 1);

    // And at once, as a front desk expects it.
    let sent = api.text(phone, "at once").await.expect(202);
    api.until(sent["message_id"].as_str().unwrap(), &["read"]).await;
    assert_eq!(phones.ledger_of(phone).await.len(), 2);
}

/// Parallel first messages and repeats, under PostgreSQL's concurrency.
async fn parallel_requests_agree(api: &Api, phones: &Phones) {
    let other = "+14155550123";
    let all = (0..10).map(|n| {
        let template = json!({"guest_phone": other, "template_name": "hello_world", "language": "en_US"});
        let api = api.clone();
        async move {
            let key = format!("key-{}", n / 2);
            let headers = [("Idempotency-Key", key.as_str())];
            api.ask(reqwest::Method::POST, "/templates/send", Some(&template), &headers).await.expect(202)
        }
    });
    let answers = futures_util::future::join_all(all).await;
    assert!(answers.iter().all(|a| a["conversation_id"] == answers[0]["conversation_id"]));
    assert_eq!(phones.until_ledger(other, 5).await.len(), 5);
}
