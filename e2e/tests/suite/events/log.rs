//! Numbers: no gap, none seen before a smaller one, whoever writes and numbers.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bellhop_e2e::{Api, BellhopProcess, Home, Hotel, PATIENCE, Phones, eventually, settings};
use bellhop_infra::build;
use bellhop_infra::clock::MovableClock;
use bellhop_service::App;
use bellhop_service::fleet::Member;
use futures_util::future::join_all;
use sea_orm::{DatabaseConnection, Value};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{begin, database, insert, property, until_numbered, write, written};

const WRITERS: usize = 32;
const TRANSACTIONS: usize = 15;
/// Events of the nth transaction of a writer.
const fn size(n: usize) -> usize {
    1 + n % 7
}

/// Commits in another order than serials were given, and gives up one in five.
async fn writes(database: DatabaseConnection, property: Value, writer: usize) -> usize {
    let mut next = 0;
    for n in 0..TRANSACTIONS {
        let wait = Duration::from_millis(((writer * 7 + n * 13) % 23) as u64);
        let numbers = next..next + size(n);
        if (writer + n).is_multiple_of(5) {
            let tx = begin(&database).await;
            insert(&tx, &property, (writer, usize::MAX >> 12)).await;
            tx.rollback().await.unwrap();
        }
        next = numbers.end;
        write(&database, &property, (writer, numbers), wait).await;
    }
    next
}

/// Reads as a partner does, and goes on until it has been told to stop and there is no more.
async fn reads(api: Api, limit: usize, stop: Arc<AtomicBool>) -> Vec<serde_json::Value> {
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let last_round = stop.load(Ordering::Acquire);
        let page = api.get(&format!("/events?after={after}&limit={limit}")).await.expect(200);
        for event in page["data"].as_array().unwrap() {
            after += 1;
            assert_eq!(event["sequence"], after, "a reader skipped");
            seen.push(event.clone());
        }
        assert_eq!(page["next_after"], after);
        if last_round && page["has_more"] == false {
            return seen;
        }
    }
}

/// An application of its own on the hotel's database, that numbers as fast as it can: each commit wakes it.
async fn numbers(hotel: &Hotel, stop: CancellationToken) -> App {
    let app = build::build(&hotel.settings, "http://localhost", MovableClock::new()).await.unwrap();
    let (numbering, end) = (app.clone(), stop.clone());
    tokio::spawn(async move { numbering.number_events(end).await });
    let waking = app.clone();
    tokio::spawn(async move {
        let me = Member::new("test");
        while !stop.is_cancelled() {
            waking.beat(&me).await.ok();
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    });
    app
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thirty_two_writers_leave_no_gap_and_no_reader_skips() {
    let hotel = Hotel::open().await;
    let stop = CancellationToken::new();
    let apps = join_all((0..3).map(|_| numbers(&hotel, stop.clone()))).await;
    // SQLite has one writer: the others wait for their turn at the connection, not at the file.
    let connections = if hotel.settings.on_sqlite() { 1 } else { WRITERS as u32 };
    let beside = database(&hotel.settings, connections).await;
    let property = property(&beside).await;
    let written_all = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for limit in [1, 7, 100] {
        readers.spawn(reads(hotel.staff.clone(), limit, Arc::clone(&written_all)));
    }
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(writes(beside.clone(), property.clone(), writer));
    }
    let all: usize = writers.join_all().await.into_iter().sum();
    until_numbered(&hotel, &beside).await;
    written_all.store(true, Ordering::Release);
    let logs = readers.join_all().await;
    for log in &logs {
        let mut next: HashMap<usize, usize> = HashMap::new();
        for (writer, number) in log.iter().filter_map(written) {
            let expected = next.entry(writer).or_default();
            assert_eq!(number, *expected, "writer {writer} is not told of in the order of serials");
            *expected += 1;
        }
        assert_eq!(next.values().sum::<usize>(), all);
    }
    let shortest = logs.iter().map(Vec::len).min().unwrap();
    assert!(logs.iter().all(|log| log[..shortest] == logs[0][..shortest]), "readers differ");
    stop.cancel();
    for app in apps {
        app.finish(Duration::from_secs(5)).await;
    }
    hotel.close().await;
}

/// Dies before and after the commit of the numbering: what follows has the same numbers, and goes on.
#[tokio::test]
async fn a_sequencer_that_dies_leaves_no_gap() {
    // More than one group.
    const EVENTS: usize = 1_500;
    for place in ["events_before_numbered:2", "events_numbered"] {
        let home = Home::make().await;
        let phones = Phones::start(1).await;
        let process = BellhopProcess::start(&home, &phones.url, &[]).await;
        process.api.conversation_of(bellhop::demo::GUEST_PHONE).await;
        let before = whole_log(&process.api).await;
        process.kill().await;
        let beside = database(&settings(&home, &[]), 1).await;
        let property = property(&beside).await;
        write(&beside, &property, (0, 0..EVENTS), Duration::ZERO).await;
        let mut armed = home
            .bellhop()
            .envs([("BELLHOP_SIMULATOR_URL", phones.url.as_str()), ("BELLHOP_FAIL_POINT", place)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let died =
            tokio::time::timeout(PATIENCE, armed.wait()).await.expect("it comes to the place").unwrap();
        assert!(!died.success(), "{place}");
        let process = BellhopProcess::start(&home, &phones.url, &[]).await;
        let log = eventually("all of them in the log", || async {
            let log = whole_log(&process.api).await;
            (log.iter().filter_map(written).count() == EVENTS).then_some(log)
        })
        .await;
        assert_eq!(log[..before.len()], before[..], "{place}: numbers have changed");
        let numbers: Vec<usize> = log.iter().filter_map(written).map(|(_, number)| number).collect();
        assert!(numbers.iter().copied().eq(0..EVENTS), "{place}: not in the order of serials");
        process.kill().await;
    }
}

/// Checks on the way that there is no gap.
async fn whole_log(api: &Api) -> Vec<serde_json::Value> {
    reads(api.clone(), 100, Arc::new(AtomicBool::new(true))).await
}

#[tokio::test]
async fn filters_cursors_and_what_is_wrong_with_them() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest("+14155552671", "Ana").await;
    let log = eventually("the guest's message", || async {
        let log = whole_log(&hotel.staff).await;
        log.iter().any(|event| event["data"]["conversation_id"] == *conversation).then_some(log)
    })
    .await;
    let only = async |query: String| hotel.staff.get(&format!("/events?{query}")).await.expect(200);
    let page = only("types=inbound_message,window_opened".to_owned()).await;
    let types: Vec<_> = page["data"].as_array().unwrap().iter().map(|event| event["event"].clone()).collect();
    assert!(types.len() >= 4 && types.iter().all(|of| of == "inbound_message" || of == "window_opened"));
    let page = only(format!("conversation_id={conversation}")).await;
    let ours: Vec<_> =
        log.iter().filter(|event| event["data"]["conversation_id"] == *conversation).cloned().collect();
    assert_eq!(page["data"].as_array().unwrap()[..ours.len()], ours[..]);

    let refused = hotel.staff.get("/events?types=inbound_message,nonsense").await.expect(400);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("\"nonsense\"") && message.contains("window_closing"), "{message}");
    for query in ["after=-1", "after=x", "after=99999999", "limit=0", "limit=101", "limit=x"] {
        for path in ["/events", "/events/stream"] {
            if path == "/events" || !query.starts_with("limit") {
                let answer = hotel.staff.get(&format!("{path}?{query}")).await;
                assert_eq!(answer.refused(400), "VALIDATION_FAILED", "{path}?{query}");
            }
        }
    }
    let other = bellhop_domain::ConversationId::new();
    assert_eq!(hotel.staff.get(&format!("/events?conversation_id={other}")).await.refused(404), "NOT_FOUND");
    hotel.close().await;
}
