//! Streams that break and go on: nothing is missed, nothing told twice.

use std::ops::Range;
use std::time::Duration;

use bellhop_domain::rights::Role;
use bellhop_e2e::stream::EventStream;
use bellhop_e2e::{Api, Hotel, PATIENCE};
use sea_orm::{ConnectionTrait, DatabaseConnection, Value};

use super::{database, latest, property, until_numbered, write, written};

const EVENTS: usize = 10_000;
const BREAKS: usize = 100;

/// Writes events in transactions of 20, not faster than a hotel's busiest second.
async fn flow(database: DatabaseConnection, property: Value, numbers: Range<usize>) {
    for begin in numbers.clone().step_by(20) {
        let end = numbers.end.min(begin + 20);
        write(&database, &property, (0, begin..end), Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_breaks_a_hundred_times_tells_each_of_ten_thousand_once() {
    let hotel = Hotel::open().await;
    let beside = database(&hotel.settings, 2).await;
    let property = property(&beside).await;
    let mut stream = EventStream::open(&hotel.staff, "", None).await;
    let cursor = stream.next().await.unwrap();
    assert_eq!(cursor.event, "cursor");
    assert_eq!(cursor.data["sequence"], cursor.id);
    // At once: whoever loses the connection before the first event resumes from here.
    let mut last_id = stream.last_id.clone();
    drop(stream);
    let writer = tokio::spawn(flow(beside, property, 0..EVENTS));
    let (mut sequence, mut next, mut connections) = (cursor.id, 0, 0);
    while next < EVENTS {
        let mut stream = EventStream::open(&hotel.staff, "", last_id.as_deref()).await;
        connections += 1;
        // Some break at once, some in the pages of the log, some at the ring.
        let takes = if connections > BREAKS { EVENTS } else { [0, 1, 37, 120, 260][connections % 5] };
        for _ in 0..takes {
            let Some(event) = stream.next().await else { break };
            sequence += 1;
            assert_eq!(event.id, sequence, "a gap or a double after {connections} connections");
            assert_eq!(event.data["sequence"], sequence);
            assert_eq!(event.data["event"], event.event);
            if let Some((_, number)) = written(&event.data) {
                assert_eq!(number, next);
                next += 1;
            }
            if next == EVENTS {
                break;
            }
        }
        last_id = stream.last_id.clone();
    }
    assert!(connections >= BREAKS, "only {connections} connections");
    writer.await.unwrap();
    hotel.close().await;
}

/// Reads nothing while more flows than ring and sockets hold: the stream ends, and goes on from where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_too_slow_ends_and_resumes() {
    const FLOOD: usize = 30_000;
    let hotel = Hotel::open().await;
    let beside = database(&hotel.settings, 2).await;
    let property = property(&beside).await;
    let mut slow = EventStream::open(&hotel.staff, "", None).await;
    let begin = slow.next().await.unwrap().id;
    // Another one reads all the time. It may be too slow as well, on a small machine, and resumes.
    let api = hotel.staff.clone();
    let mut quick = EventStream::open(&api, "?types=guest_updated", None).await;
    quick.next().await.unwrap();
    let following = tokio::spawn(async move {
        let mut next = 0;
        while next < FLOOD {
            match quick.next().await {
                Some(event) => {
                    let Some((_, number)) = written(&event.data) else { continue };
                    assert_eq!(number, next);
                    next += 1;
                }
                None => {
                    let id = quick.last_id.clone();
                    quick = EventStream::open(&api, "?types=guest_updated", id.as_deref()).await;
                }
            }
        }
    });
    for begin in (0..FLOOD).step_by(500) {
        write(&beside, &property, (0, begin..begin + 500), Duration::ZERO).await;
    }
    let last = until_numbered(&hotel, &beside).await;
    let (mut sequence, mut ended) = (begin, 0);
    while sequence < last {
        match slow.next().await {
            Some(event) => {
                sequence += 1;
                assert_eq!(event.id, sequence);
            }
            None => {
                ended += 1;
                slow = EventStream::open(&hotel.staff, "", slow.last_id.as_deref()).await;
            }
        }
    }
    assert!(ended >= 1, "it was never too slow");
    following.await.unwrap();
    hotel.close().await;
}

/// A filter that fits little does not make a resume look at everything again, and misses nothing.
#[tokio::test]
async fn filtered_streams_tell_what_fits_and_only_that() {
    let hotel = Hotel::open().await;
    let conversation = hotel.guest("+14155552671", "Ana").await;
    let query = format!("?conversation_id={conversation}&types=inbound_message&after=0");
    let mut stream = EventStream::open(&hotel.staff, &query, None).await;
    let first = stream.next().await.unwrap();
    assert_eq!(
        (first.event.as_str(), &first.data["data"]["message_content"]),
        ("inbound_message", &"Hello".into())
    );
    hotel.phones.writes(bellhop::demo::GUEST_PHONE, "not for this stream").await;
    hotel.phones.writes("+14155552671", "for this stream").await;
    let second = stream.next().await.unwrap();
    assert_eq!(second.data["data"]["message_content"], "for this stream");
    assert_eq!(second.data["data"]["conversation_id"], *conversation);
    // What Last-Event-ID says goes before the query that a browser repeats.
    drop(stream);
    hotel.phones.writes("+14155552671", "missed meanwhile").await;
    let mut stream = EventStream::open(&hotel.staff, &query, Some(&second.id.to_string())).await;
    assert_eq!(stream.next().await.unwrap().data["data"]["message_content"], "missed meanwhile");
    hotel.close().await;
}

#[tokio::test]
async fn streams_end_at_once_when_the_server_stops() {
    let hotel = Hotel::open().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = EventStream::open(&hotel.staff, "", None).await;
        stream.next().await.unwrap();
        streams.push(stream);
    }
    let began = std::time::Instant::now();
    hotel.close().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    for mut stream in streams {
        // Whatever was told before.
        while stream.within(PATIENCE).await.unwrap().is_some() {}
    }
}

#[tokio::test]
async fn a_stream_ends_within_a_minute_of_its_token() {
    let hotel = Hotel::open().await;
    let mut stream = EventStream::open(&hotel.staff, "?types=batch_accepted", None).await;
    stream.next().await.unwrap();
    let mut other = EventStream::open(&hotel.admin, "?types=batch_accepted", None).await;
    other.next().await.unwrap();
    let beside = database(&hotel.settings, 1).await;
    let revoke = "UPDATE api_tokens SET revoked_at = created_at WHERE role = 'staff'";
    beside.execute_unprepared(revoke).await.unwrap();
    assert!(stream.within(PATIENCE).await.expect("it ends").is_none());
    assert_eq!(hotel.staff.get("/events").await.refused(401), "UNAUTHENTICATED");
    assert!(other.within(Duration::from_secs(1)).await.is_err(), "the other goes on");
    hotel.close().await;
}

#[tokio::test]
async fn who_may_not_read_events_gets_no_stream() {
    let hotel = Hotel::open().await;
    let nobody = Api::new(&hotel.staff.base, "bhk_nonsense");
    for path in ["/events", "/events/stream"] {
        assert_eq!(nobody.get(path).await.refused(401), "UNAUTHENTICATED");
    }
    let property = hotel.staff.get("/events?limit=1").await.expect(200)["data"][0]["property_id"].clone();
    let property = property.as_str().unwrap().parse().unwrap();
    let partner = hotel.running.app().issue_token(property, Role::Partner, "pms").await.unwrap();
    let partner = Api::new(&hotel.staff.base, partner.expose());
    for path in ["/events", "/events/stream"] {
        assert_eq!(partner.get(path).await.refused(403), "FORBIDDEN");
    }
    let last = latest(&hotel).await;
    let refused = EventStream::try_open(&hotel.staff, "", Some(&(last + 1_000).to_string())).await;
    assert!(refused.err().unwrap().starts_with("400 "), "a number that was never given");
    hotel.close().await;
}
