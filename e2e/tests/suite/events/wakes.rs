//! Across processes: news wake at once, and without them everything comes a second later.

use std::time::{Duration, Instant};

use bellhop_e2e::fleet::Fleet;
use bellhop_e2e::services::unless_embedded;
use bellhop_e2e::stream::EventStream;
use bellhop_e2e::{Home, Hotel};
use serde_json::json;

use super::{database, property, write, written};

const PHONE: &str = "+14155552671";

/// From a guest's message at the simulator to its event in a stream, so many times.
async fn latencies(fleet: &Fleet, stream: &mut EventStream, rounds: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    for n in 0..rounds {
        let text = format!("round {n}");
        let began = Instant::now();
        fleet.phones.writes(PHONE, &text).await;
        loop {
            let event = stream.next().await.expect("the stream goes on");
            if event.data["data"]["message_content"] == *text {
                break;
            }
        }
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took
}

/// Webhooks go to the process that registered the callback last; the streams are the other's.
async fn two_apis(more: &[(&str, &str)]) -> Option<Fleet> {
    let services = unless_embedded().await?;
    let fleet = Fleet::start(Home::on_services(services).await, (2, 1), more).await;
    fleet.phones.guest(json!({"phone": PHONE, "name": "Ana"})).await;
    Some(fleet)
}

#[tokio::test]
async fn a_stream_of_one_api_tells_at_once_what_the_other_has_done() {
    let Some(fleet) = two_apis(&[]).await else { return };
    for api in &fleet.staff {
        let mut stream = EventStream::open(api, "?types=inbound_message", None).await;
        stream.next().await.unwrap();
        let took = latencies(&fleet, &mut stream, 20).await;
        println!("with Redis: median {:?}, worst {:?}", took[took.len() / 2], took[took.len() - 1]);
        // The look once a second alone would make half a second of it.
        assert!(took[took.len() / 2] < Duration::from_millis(300), "{took:?}");
    }
    resumed_at_the_other(&fleet).await;
    for api in fleet.apis {
        assert!(api.terminate().await.success());
    }
}

/// A stream that goes from one process to the other and back sees each event once.
async fn resumed_at_the_other(fleet: &Fleet) {
    let mut stream = EventStream::open(&fleet.staff[0], "", None).await;
    let mut sequence = stream.next().await.unwrap().id;
    for n in 0..20 {
        fleet.phones.writes(PHONE, &format!("turn {n}")).await;
        let event = stream.next().await.unwrap();
        sequence += 1;
        assert_eq!(event.id, sequence);
        let id = stream.last_id.clone();
        stream = EventStream::open(&fleet.staff[(n + 1) % 2], "", id.as_deref()).await;
    }
}

#[tokio::test]
async fn lost_news_delay_by_about_a_second() {
    // Without Redis no process hears of another's numbers.
    let Some(fleet) = two_apis(&[("BELLHOP_REDIS_URL", "")]).await else { return };
    for api in &fleet.staff {
        let mut stream = EventStream::open(api, "?types=inbound_message", None).await;
        stream.next().await.unwrap();
        let took = latencies(&fleet, &mut stream, 5).await;
        println!("without: median {:?}, worst {:?}", took[took.len() / 2], took[took.len() - 1]);
        assert!(took[took.len() / 2] < Duration::from_millis(2_500), "{took:?}");
    }
}

/// A row whose writer died right after the commit: nobody was woken for it.
#[tokio::test]
async fn what_a_dead_process_wrote_is_told_within_about_a_second() {
    let hotel = Hotel::open().await;
    let beside = database(&hotel.settings, 1).await;
    let property = property(&beside).await;
    let mut stream = EventStream::open(&hotel.staff, "?types=guest_updated", None).await;
    stream.next().await.unwrap();
    for n in 0..3 {
        let began = Instant::now();
        write(&beside, &property, (0, n..n + 1), Duration::ZERO).await;
        assert_eq!(written(&stream.next().await.unwrap().data), Some((0, n)));
        assert!(began.elapsed() < Duration::from_millis(2_500), "{:?}", began.elapsed());
    }
    hotel.close().await;
}
