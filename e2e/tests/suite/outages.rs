//! Each service away for a while, with sends under way: nothing lost, nothing doubled, nobody kept waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bellhop_e2e::proxy::Proxy;
use bellhop_e2e::{Answer, Home, Hotel, eventually, ledger, services};
use sea_orm::{ConnectionTrait, Database, Statement, TransactionTrait};
use serde_json::json;
use tokio_util::sync::CancellationToken;

const CLIENTS: usize = 4;
const GUESTS_OF_A_CLIENT: usize = 4;
/// What a client waits between two sends: all of them together stay under the number's pace.
const BETWEEN_SENDS: Duration = Duration::from_millis(80);
/// Sends that must have been accepted before an outage begins, and again after its end.
const SOME: usize = 20;
/// No answer may take longer.
const DEADLINE: Duration = Duration::from_secs(15);

/// How long an outage lasts. `make test` has no time for the half minute that
/// `make torture` takes.
pub fn outage() -> Duration {
    let seconds = std::env::var("BELLHOP_TEST_OUTAGE_SECONDS").ok();
    Duration::from_secs(seconds.map_or(5, |seconds| seconds.parse().expect("a number of seconds")))
}

fn guest(client: usize, n: usize) -> String {
    format!("+1415555{:04}", 1000 + client * GUESTS_OF_A_CLIENT + n % GUESTS_OF_A_CLIENT)
}

/// A hotel that reaches its services by wires that can be cut.
struct Site {
    hotel: Hotel,
    postgres: Proxy,
    amqp: Proxy,
    redis: Proxy,
    accepted: Arc<AtomicUsize>,
}

impl Site {
    /// `None`, said aloud, in a run without the services.
    async fn open() -> Option<Self> {
        let home = Home::on_services(services::unless_embedded().await?).await;
        let scratch = home.scratch();
        let postgres = Proxy::before(&scratch.database_url(), 5432).await;
        let amqp = Proxy::before(&scratch.services.amqp, 5672).await;
        let redis = Proxy::before(&scratch.services.redis, 6379).await;
        let more = [
            ("BELLHOP_DATABASE_URL", postgres.url.as_str()),
            ("BELLHOP_AMQP_URL", &amqp.url),
            ("BELLHOP_REDIS_URL", &redis.url),
            ("BELLHOP_SEND_LEASE_SECONDS", "1"),
        ];
        let hotel = Hotel::at(home, &more).await;
        let of_client = |client| (0..GUESTS_OF_A_CLIENT).map(move |n| guest(client, n));
        let write = (0..CLIENTS).flat_map(of_client).map(async |phone| hotel.guest(&phone, "Ana").await);
        futures_util::future::join_all(write).await;
        Some(Self { hotel, postgres, amqp, redis, accepted: Arc::default() })
    }

    /// Waits until some more sends were accepted.
    async fn goes_on(&self) {
        let enough = self.accepted.load(Ordering::Relaxed) + SOME;
        eventually("more sends to be accepted", || async {
            (self.accepted.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
    }

    /// Sends throughout an outage, then compares what was accepted with what left. How many were accepted
    /// while it lasted.
    async fn sends_through(self, outage: impl AsyncFnOnce(&Self)) -> usize {
        // Some are refused for now: those leave by way of outbox, queue and worker.
        let faults = json!({"latency_ms": 30, "send_error": {"code": 131_016, "times": 12}});
        self.hotel.phones.faults(faults).await;
        let stop = CancellationToken::new();
        let clients: Vec<_> = (0..CLIENTS).map(|number| tokio::spawn(self.client(number, &stop))).collect();
        self.goes_on().await;
        let before = self.accepted.load(Ordering::Relaxed);
        outage(&self).await;
        let meanwhile = self.accepted.load(Ordering::Relaxed) - before;
        self.goes_on().await;
        stop.cancel();
        let mut accepted = Vec::new();
        for client in clients {
            accepted.extend(client.await.unwrap());
        }
        let Hotel { staff, phones, .. } = &self.hotel;
        let in_doubt = ledger::compare(staff, phones, &accepted).await;
        ledger::settle(staff, phones, &in_doubt).await;
        println!(
            "{} accepted, {meanwhile} meanwhile, {} in doubt for a time",
            accepted.len(),
            in_doubt.len()
        );
        self.hotel.close().await;
        meanwhile
    }

    /// Sends one text after the other; the ids of what was accepted.
    fn client(&self, number: usize, stop: &CancellationToken) -> impl Future<Output = Vec<String>> + use<> {
        let (api, stop, count) = (self.hotel.staff.clone(), stop.clone(), Arc::clone(&self.accepted));
        async move {
            let mut accepted = Vec::new();
            for n in 0.. {
                if stop.run_until_cancelled(tokio::time::sleep(BETWEEN_SENDS)).await.is_none() {
                    break;
                }
                let asked = Instant::now();
                let answer = api.text(&guest(number, n), &format!("text {n}")).await;
                assert!(asked.elapsed() < DEADLINE, "{:?}: {}", asked.elapsed(), answer.body);
                if answer.status == 202 {
                    accepted.push(answer.body["message_id"].as_str().unwrap().to_owned());
                    count.fetch_add(1, Ordering::Relaxed);
                } else {
                    is_clear(&answer);
                }
            }
            accepted
        }
    }
}

/// An error that says what it is, whose fault, and what to do.
fn is_clear(answer: &Answer) {
    let error = &answer.body["error"];
    assert!(answer.status.is_server_error(), "{} {}", answer.status, answer.body);
    for key in ["code", "message", "request_id"] {
        assert!(error[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {}", answer.body);
    }
    let options = error["recovery_options"].as_array();
    assert!(options.is_some_and(|options| !options.is_empty()), "{}", answer.body);
}

async fn lasts(begin: impl FnOnce(&Proxy), wire: &Proxy) {
    begin(wire);
    tokio::time::sleep(outage()).await;
    wire.restore();
}

#[tokio::test]
async fn postgresql_is_cut_off() {
    let Some(site) = Site::open().await else { return };
    site.sends_through(async |site| lasts(Proxy::cut, &site.postgres).await).await;
}

#[tokio::test]
async fn postgresql_stalls() {
    let Some(site) = Site::open().await else { return };
    site.sends_through(async |site| lasts(Proxy::stall, &site.postgres).await).await;
}

/// In the middle of a statement, where no pool's patience counts.
#[tokio::test]
async fn postgresql_stalls_under_a_request() {
    let Some(site) = Site::open().await else { return };
    let database = Database::connect(site.hotel.home.scratch().database_url()).await.unwrap();
    let hold = database.begin().await.unwrap();
    hold.execute_unprepared("SELECT id FROM conversations FOR UPDATE").await.unwrap();
    let staff = site.hotel.staff.clone();
    let asked = Instant::now();
    let send = tokio::spawn(async move { staff.text(&guest(0, 0), "stalled").await });
    let waits =
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waits = Statement::from_string(database.get_database_backend(), waits);
    eventually("the send to wait for the lock", || async {
        database.query_one_raw(waits.clone()).await.unwrap().map(|_| ())
    })
    .await;
    site.postgres.stall();
    hold.rollback().await.unwrap();
    is_clear(&send.await.unwrap());
    assert!(asked.elapsed() < DEADLINE, "{:?}", asked.elapsed());
    site.postgres.restore();
    let sent = site.hotel.staff.text(&guest(0, 0), "after it").await.expect(202);
    site.hotel.staff.until(sent["message_id"].as_str().unwrap(), ledger::LEFT).await;
    assert_eq!(site.hotel.phones.ledger_of(&guest(0, 0)).await.len(), 1, "what was not accepted is not sent");
    database.close().await.unwrap();
    site.hotel.close().await;
}

#[tokio::test]
async fn rabbitmq_is_cut_off() {
    let Some(site) = Site::open().await else { return };
    let meanwhile = site.sends_through(async |site| lasts(Proxy::cut, &site.amqp).await).await;
    assert!(meanwhile > 0, "the front desk goes on without it");
}

#[tokio::test]
async fn rabbitmq_stalls() {
    let Some(site) = Site::open().await else { return };
    let meanwhile = site.sends_through(async |site| lasts(Proxy::stall, &site.amqp).await).await;
    assert!(meanwhile > 0, "the front desk goes on without it");
}

#[tokio::test]
async fn redis_is_cut_off() {
    let Some(site) = Site::open().await else { return };
    let meanwhile = site.sends_through(async |site| lasts(Proxy::cut, &site.redis).await).await;
    assert!(meanwhile > 0, "the front desk goes on without it");
}

#[tokio::test]
async fn redis_stalls() {
    let Some(site) = Site::open().await else { return };
    let meanwhile = site.sends_through(async |site| lasts(Proxy::stall, &site.redis).await).await;
    assert!(meanwhile > 0, "the front desk goes on without it");
}

#[tokio::test]
async fn queues_and_keys_are_deleted() {
    let Some(site) = Site::open().await else { return };
    site.sends_through(async |site| {
        for _ in 0..3 {
            site.hotel.home.scratch().delete_queues().await;
            site.hotel.home.scratch().delete_keys().await;
            site.goes_on().await;
        }
    })
    .await;
}
