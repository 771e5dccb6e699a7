//! Batches through the split system, with everything that may break on the way.

use std::time::{Duration, Instant};

use bellhop_e2e::batch::{compare, guest, hand_in_surely, to_guests, until_completed};
use bellhop_e2e::fleet::{Fleet, unlimited};
use bellhop_e2e::proxy::Proxy;
use bellhop_e2e::services::unless_embedded;
use bellhop_e2e::{Home, Hotel, eventually, ledger};
use reqwest::Method;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use serde_json::json;

use crate::outages::outage;

const SHORT: [(&str, &str); 1] = [("BELLHOP_SEND_LEASE_SECONDS", "1")];
const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test]
async fn workers_are_killed_and_the_queues_deleted_and_everybody_gets_it_once() {
    let Some(services) = unless_embedded().await else { return };
    let mut fleet = Fleet::start(Home::on_services(services).await, (2, 2), &SHORT).await;
    let pace = json!({"rate_limit": {"messages_per_second": 100, "batch_size": 25}});
    let id = hand_in_surely(&fleet.staff[0], &to_guests(0..600, pace), "storm").await;
    for round in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        fleet.replace_worker(0).await;
        if round == 1 {
            fleet.home.scratch().delete_queues().await;
        }
    }
    let done = until_completed(&fleet.staff[1], &id, PATIENCE).await;
    println!("{}", done["counts"]);
    let in_doubt = compare(&fleet.staff[1], &fleet.phones, &id, 600).await;
    assert!(in_doubt.len() <= 3 * 64, "{}", in_doubt.len());
    ledger::settle(&fleet.staff[1], &fleet.phones, &in_doubt).await;
    for worker in fleet.workers.drain(..) {
        let began = Instant::now();
        assert!(worker.terminate().await.success());
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn two_apis_take_one_key_and_make_one_batch() {
    let Some(services) = unless_embedded().await else { return };
    let fleet = Fleet::start(Home::on_services(services).await, (2, 0), &SHORT).await;
    let body = to_guests(0..3_000, json!({}));
    let headers = [("Idempotency-Key", "once")];
    let send = |api: usize| fleet.staff[api].ask(Method::POST, "/messages/batch-send", Some(&body), &headers);
    let answers = tokio::join!(send(0), send(1), send(0), send(1));
    let mut ids = Vec::new();
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        match answer.status.as_u16() {
            202 => ids.push(answer.body["batch_id"].as_str().unwrap().to_owned()),
            _ => assert_eq!(answer.refused(409), "IDEMPOTENCY_KEY_IN_FLIGHT"),
        }
    }
    ids.push(hand_in_surely(&fleet.staff[1], &body, "once").await);
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let all = fleet.staff[0].get("/batches").await.expect(200);
    assert_eq!(all["data"].as_array().unwrap().len(), 1);
    assert_eq!(all["data"][0]["counts"]["queued"], 3_000);
}

#[tokio::test]
async fn sigterm_in_the_middle_leaves_nothing_in_doubt() {
    let Some(services) = unless_embedded().await else { return };
    let mut fleet = Fleet::start(Home::on_services(services).await, (1, 1), &SHORT).await;
    fleet.phones.faults(json!({"latency_ms": 200, "webhooks": {"silent": true}})).await;
    let pace = json!({"rate_limit": {"messages_per_second": 100, "batch_size": 25}});
    let id = hand_in_surely(&fleet.staff[0], &to_guests(0..200, pace), "storm").await;
    eventually("some to have left", || async { (fleet.phones.ledger().await.len() > 50).then_some(()) })
        .await;
    let began = Instant::now();
    assert!(fleet.workers.remove(0).terminate().await.success());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let stopped = fleet.staff[0].get(&format!("/batches/{id}")).await.expect(200);
    assert_eq!(stopped["counts"]["sending"], 0, "{stopped}");
    assert!(stopped["counts"]["queued"].as_u64().unwrap() > 0, "{stopped}");
    fleet.add_worker().await;
    until_completed(&fleet.staff[0], &id, PATIENCE).await;
    assert!(compare(&fleet.staff[0], &fleet.phones, &id, 200).await.is_empty());
}

/// PostgreSQL looks by itself once a minute, and plans for empty tables until then.
#[tokio::test]
async fn what_a_batch_fills_is_counted_anew() {
    let Some(services) = unless_embedded().await else { return };
    let fleet = Fleet::start(Home::on_services(services).await, (1, 0), &SHORT).await;
    hand_in_surely(&fleet.staff[0], &to_guests(0..10_000, json!({})), "many").await;
    let database = Database::connect(fleet.home.scratch().database_url()).await.unwrap();
    // `last_analyze` is the one that was asked for; the server's own is another column.
    let counted = "SELECT 1 FROM pg_stat_user_tables WHERE relname = 'guests' AND last_analyze IS NOT NULL";
    eventually("the guests to be counted", || async {
        database.query_one_raw(Statement::from_string(DbBackend::Postgres, counted)).await.unwrap()
    })
    .await;
    database.close().await.unwrap();
}

/// What a batch meets on its way, and the comparison at the end.
async fn through(trouble: impl AsyncFnOnce(&Hotel, [&Proxy; 3])) {
    let Some(services) = unless_embedded().await else { return };
    let home = Home::on_services(services).await;
    let postgres = Proxy::before(&home.scratch().database_url(), 5432).await;
    let amqp = Proxy::before(&home.scratch().services.amqp, 5672).await;
    let redis = Proxy::before(&home.scratch().services.redis, 6379).await;
    let more = [
        ("BELLHOP_DATABASE_URL", postgres.url.as_str()),
        ("BELLHOP_AMQP_URL", &amqp.url),
        ("BELLHOP_REDIS_URL", &redis.url),
        SHORT[0],
    ];
    let hotel = Hotel::at(home, &more).await;
    unlimited(&hotel.phones).await;
    let pace = json!({"rate_limit": {"messages_per_second": 60, "batch_size": 25}});
    let id = hand_in_surely(&hotel.staff, &to_guests(0..300, pace), "storm").await;
    eventually("some to have left", || async { (hotel.phones.ledger().await.len() > 30).then_some(()) })
        .await;
    trouble(&hotel, [&postgres, &amqp, &redis]).await;
    until_completed(&hotel.staff, &id, PATIENCE).await;
    let in_doubt = compare(&hotel.staff, &hotel.phones, &id, 300).await;
    println!("{} in doubt", in_doubt.len());
    ledger::settle(&hotel.staff, &hotel.phones, &in_doubt).await;
    hotel.close().await;
}

async fn away(proxy: &Proxy) {
    proxy.cut();
    tokio::time::sleep(outage()).await;
    proxy.restore();
}

#[tokio::test]
async fn a_batch_survives_the_database_being_away() {
    through(async |_, [postgres, _, _]| away(postgres).await).await;
}

#[tokio::test]
async fn a_batch_survives_the_broker_being_away() {
    through(async |_, [_, amqp, _]| away(amqp).await).await;
}

#[tokio::test]
async fn a_batch_survives_redis_being_away_and_emptied() {
    through(async |hotel, [_, _, redis]| {
        away(redis).await;
        hotel.home.scratch().delete_keys().await;
    })
    .await;
}

#[tokio::test]
async fn a_batch_survives_a_provider_that_refuses_hangs_and_hangs_up() {
    through(async |hotel, _| {
        for faults in [
            json!({"send_error": {"code": 131_016, "times": 20}}),
            json!({"send_error": {"code": 130_429, "times": 5}}),
            json!({"never_answer": {"times": 2}}),
            json!({"close_after_accept": {"times": 3}}),
        ] {
            hotel.phones.faults(faults).await;
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
        hotel.phones.no_faults().await;
    })
    .await;
}

/// How many recipients, for how long: `make torture` has time for more.
fn ordeal() -> (usize, Duration) {
    match std::env::var_os("BELLHOP_TORTURE") {
        Some(_) => (10_000, Duration::from_secs(60)),
        None => (2_000, Duration::from_secs(20)),
    }
}

/// Kills at random moments, of both workers by turns.
#[tokio::test]
async fn killed_at_random_moments_the_workers_lose_and_double_nothing() {
    let (recipients, length) = ordeal();
    let Some(services) = unless_embedded().await else { return };
    let mut fleet = Fleet::start(Home::on_services(services).await, (1, 2), &SHORT).await;
    // Slow enough to last.
    let pace = json!({"rate_limit": {"messages_per_second": recipients / 20, "batch_size": 50}});
    let id = hand_in_surely(&fleet.staff[0], &to_guests(0..recipients, pace), "storm").await;
    let end = Instant::now() + length;
    let mut kills = 0;
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(300 + rand_ms(1_500))).await;
        fleet.replace_worker(0).await;
        kills += 1;
    }
    until_completed(&fleet.staff[0], &id, PATIENCE + length * 3).await;
    let in_doubt = compare(&fleet.staff[0], &fleet.phones, &id, recipients).await;
    println!("{recipients} recipients, {kills} kills: {} in doubt at the end", in_doubt.len());
    assert!(in_doubt.len() <= kills * 64);
    ledger::settle(&fleet.staff[0], &fleet.phones, &in_doubt).await;
    assert!(fleet.phones.ledger_of(&guest(0)).await.len() == 1);
}

fn rand_ms(below: u64) -> u64 {
    let nanos =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |t| t.subsec_nanos());
    u64::from(nanos) % below
}
