//! Redis goes, and comes back.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use bellhop_domain::BatchId;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;
use crate::rate_limit::suite::{guest, pace};

/// Stands in front of Redis, and can be cut.
struct Proxy {
    address: std::net::SocketAddr,
    open: Arc<AtomicBool>,
    cut: Arc<tokio::sync::Notify>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, cut) = (Arc::new(AtomicBool::new(true)), Arc::new(tokio::sync::Notify::new()));
        let proxy = Self { address, open: Arc::clone(&open), cut: Arc::clone(&cut) };
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    () = cut.notified() => connections.shutdown().await,
                    accepted = listener.accept() => {
                        let (mut client, _) = accepted.unwrap();
                        if open.load(Ordering::SeqCst) {
                            connections.spawn(async move {
                                let mut server = TcpStream::connect(ADDRESS).await.unwrap();
                                // Its end is the client's matter.
                                let _ = copy_bidirectional(&mut client, &mut server).await;
                            });
                        }
                    }
                }
            }
        });
        proxy
    }

    /// Ends all connections; `open` tells whether new ones get through.
    fn cut(&self, open: bool) {
        self.open.store(open, Ordering::SeqCst);
        self.cut.notify_one();
    }

    fn limiter(&self, prefix: &str) -> RedisRateLimiter {
        patient(&self.address, prefix)
    }
}

/// A front-desk message for another guest each time; when its place is, from `since`.
async fn single(limiter: &RedisRateLimiter, connection: ConnectionId, since: Instant) -> Duration {
    let to = guest(uuid::Uuid::now_v7().as_u128() as usize);
    match limiter.acquire(connection, &to, pace(80), Duration::from_secs(5)).await {
        Permit::Granted { after } => since.elapsed() + after,
        busy => panic!("{busy:?}"),
    }
}

#[tokio::test]
async fn without_redis_each_process_has_its_share_at_once() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for address in [silent.local_addr().unwrap(), closed] {
        let limiter = RedisRateLimiter::connect(&Secret::new(format!("redis://{address}")), "test").unwrap();
        limiter.share_among(4);
        let connection = ConnectionId::new();
        let began = Instant::now();
        let mut places = Vec::new();
        for _ in 0..20 {
            places.push(single(&limiter, connection, began).await);
        }
        let took = began.elapsed();
        assert!(took < Duration::from_secs(4), "only the first waits for Redis: {took:?}");
        assert!(places[0] >= LAST_PLACES - Duration::from_millis(1), "Redis' last places pass first");
        // 20 a second; the test reads the clock a little after the limiter.
        let all = places[19] - places[0];
        assert!(all + took >= Duration::from_millis(950), "{all:?}");
        assert_eq!(RateLimiter::pace_now(&limiter, connection, pace(80)).await, 20.0);
        let recipients = [guest(1)];
        let (batch, ahead) = (BatchId::new(), Duration::from_secs(5));
        let pace = pace(80);
        let ask = BatchAsk { batch, batch_pace: None, connection, pace, recipients: &recipients, ahead };
        assert!(matches!(limiter.acquire_group(&ask).await.places[..], [BatchPlace::After(_)]));
    }
    assert!(RedisRateLimiter::connect(&Secret::new("http://x"), "test").is_err());
}

#[tokio::test]
async fn a_connection_that_was_closed_is_no_outage() {
    let Some(direct) = make().await else { return };
    let proxy = Proxy::start().await;
    let (limiter, connection) = (proxy.limiter(&direct.prefix), ConnectionId::new());
    let began = Instant::now();
    for _ in 0..3 {
        single(&limiter, connection, began).await;
        assert_eq!(limiter.link.way(), Way::Open);
        proxy.cut(true);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    direct.clean().await;
}

#[tokio::test]
async fn it_goes_back_to_redis_and_leaves_no_second_with_more_than_the_pace() {
    let Some(direct) = make().await else { return };
    let proxy = Proxy::start().await;
    let (limiter, connection) = (proxy.limiter(&direct.prefix), ConnectionId::new());
    limiter.share_among(2);
    let began = Instant::now();
    assert!(single(&limiter, connection, began).await < Duration::from_secs(1));
    proxy.cut(false);
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..40 {
        single(&limiter, connection, began).await;
    }
    assert_eq!(limiter.link.way(), Way::Closed, "cut off");
    let booked = began.elapsed() + limiter.fallback.booked(connection);
    proxy.cut(true);
    let mut way = Way::Closed;
    while way == Way::Closed {
        assert!(began.elapsed() < Duration::from_secs(30), "Redis has long been back");
        tokio::time::sleep(Duration::from_millis(20)).await;
        way = limiter.link.way();
    }
    // Of the share only, and after what the fallback gave away. On a machine that stood still
    // meanwhile both may be over.
    let (first, second) =
        (single(&limiter, connection, began).await, single(&limiter, connection, began).await);
    if limiter.link.way() == Way::Returning {
        assert!(first + Duration::from_millis(2) >= booked, "{first:?} is before {booked:?}");
        assert!(second - first >= Duration::from_millis(20), "{:?}: half of 80/s", second - first);
    }
    assert!(!direct.keys().await.is_empty(), "Redis is asked again");
    direct.clean().await;
}
