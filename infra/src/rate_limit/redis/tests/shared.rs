//! On the server's own clock.

use std::time::Instant;

use bellhop_domain::BatchId;

use super::*;
use crate::rate_limit::suite::{AHEAD, MS, assert_paced, guest, pace};

/// Asks for a second and a half of real time; the places on the server's clock.
async fn ask_for_a_while(
    redis: Arc<RedisRateLimiter>,
    connection: ConnectionId,
    batch: BatchId,
) -> Vec<Ticks> {
    let (end, mut places) = (Instant::now() + Duration::from_millis(1_500), Vec::new());
    while Instant::now() < end {
        let recipients: Vec<_> = (0..64).map(|_| guest(uuid::Uuid::now_v7().as_u128() as usize)).collect();
        let ask = BatchAsk {
            batch,
            batch_pace: None,
            connection,
            pace: pace(1_000),
            recipients: &recipients,
            ahead: AHEAD,
        };
        let reply = redis.ask_group(&ask, None).await.unwrap();
        places.extend(reply.values[2..].iter().map(|after| reply.values[0] + after));
        tokio::time::sleep(duration(reply.values[1])).await;
    }
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_together_keep_one_pace() {
    let (Some(one), Some(other)) = (make().await, make().await) else { return };
    let other = RedisRateLimiter { prefix: one.prefix.clone(), ..other };
    let (one, other, connection) = (Arc::new(one), Arc::new(other), ConnectionId::new());
    let batches = [BatchId::new(), BatchId::new()];
    let began = Instant::now();
    let tasks: Vec<_> = [(&one, 0), (&one, 1), (&other, 0), (&other, 1)]
        .map(|(redis, batch)| tokio::spawn(ask_for_a_while(Arc::clone(redis), connection, batches[batch])))
        .into();
    let mut places = Vec::new();
    for task in tasks {
        places.extend(task.await.unwrap());
    }
    let most = (began.elapsed() + Duration::from_millis(70)).as_millis() as usize;
    places.sort_unstable();
    assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= MS), "two closer than a millisecond");
    assert_paced(&places, 1_000);
    // How many there are is up to the machine; one that wakes up in time has all of them.
    assert!((500..=most).contains(&places.len()), "{} of {most}", places.len());
    one.clean().await;
}

#[tokio::test]
async fn keys_begin_with_the_prefix_and_go_by_themselves() {
    let Some(redis) = make().await else { return };
    let connection = ConnectionId::new();
    let recipients = [guest(1), Recipient::Bsuid("1".to_owned())];
    let ask = BatchAsk {
        batch: BatchId::new(),
        batch_pace: None,
        connection,
        pace: pace(1_000),
        recipients: &recipients,
        ahead: AHEAD,
    };
    let places = redis.acquire_group(&ask).await.places;
    assert!(places.iter().all(|place| matches!(place, BatchPlace::After(_))), "{places:?}");
    let keys = redis.keys().await;
    assert_eq!(keys.len(), 3, "{keys:?}");
    for key in &keys {
        assert!(key.starts_with(&format!("{}:pace:", redis.prefix)), "{key}");
        let ttl: i64 = redis.command(redis::cmd("PTTL").arg(key)).await;
        assert!(
            (1..=if *key == redis.key(connection) { 11_000 } else { 6_000 }).contains(&ttl),
            "{key} stays {ttl} ms"
        );
    }
    RateLimiter::slow_down(&redis, connection, pace(1_000)).await;
    assert!(RateLimiter::pace_now(&redis, connection, pace(1_000)).await < 1_000.0);
    let ttl: i64 = redis.command(redis::cmd("PTTL").arg(redis.key(connection))).await;
    assert!((25_000..=31_000).contains(&ttl), "as long as the pace climbs: {ttl} ms");
    redis.clean().await;
}
