//! News between processes.

use std::sync::Arc;
use std::time::Duration;

use bellhop_domain::ports::{Numbered, Wake, WakeStream};
use bellhop_domain::{PropertyId, Secret};
use futures_util::StreamExt;
use redis::Client;
use redis::aio::MultiplexedConnection;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::in_process::InProcessWake;
use crate::rate_limit::redis::BadAddress;

/// What is not on its way by then is left to the readers' own look, a second later at most.
const TIMEOUT: Duration = Duration::from_millis(500);
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(500);
/// News that may wait for Redis.
const ROOM: usize = 256;

/// News by Redis' publish and subscribe, on the channel `<prefix>:events`: a property's id and the last number.
///
/// This process hears its own at once, and those of the others while Redis is there. What was published while it
/// is away is dropped: readers look for themselves.
pub struct RedisWake {
    here: Arc<InProcessWake>,
    outward: mpsc::Sender<Numbered>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl RedisWake {
    /// Does not connect yet, so Redis may be away. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When `url` is none for Redis.
    pub fn connect(url: &Secret, prefix: &str) -> Result<Self, BadAddress> {
        let client = Client::open(url.expose()).map_err(BadAddress)?;
        let channel = format!("{prefix}:events");
        let here = Arc::new(InProcessWake::default());
        let (outward, news) = mpsc::channel(ROOM);
        let telling = tokio::spawn(tell(client.clone(), channel.clone(), news));
        let hearing = tokio::spawn(hear(client, channel, Arc::clone(&here)));
        let tasks = [AbortOnDropHandle::new(telling), AbortOnDropHandle::new(hearing)];
        Ok(Self { here, outward, _tasks: tasks })
    }
}

impl Wake for RedisWake {
    fn publish(&self, news: Numbered) {
        self.here.publish(news);
        // Full only while Redis is away or slow.
        self.outward.try_send(news).ok();
    }

    fn subscribe(&self) -> WakeStream {
        self.here.subscribe()
    }
}

async fn tell(client: Client, channel: String, mut news: mpsc::Receiver<Numbered>) {
    let mut connection: Option<MultiplexedConnection> = None;
    while let Some(numbered) = news.recv().await {
        let mut link = match connection.take() {
            Some(link) => link,
            None => match in_time(client.get_multiplexed_async_connection()).await {
                Some(link) => link,
                None => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(&channel).arg(written(numbered));
        // One that failed is left behind with its connection.
        connection = in_time(publish.query_async::<()>(&mut link)).await.map(|()| link);
    }
}

async fn hear(client: Client, channel: String, here: Arc<InProcessWake>) {
    let mut away = false;
    loop {
        let listening = in_time(async {
            let mut listening = client.get_async_pubsub().await?;
            listening.subscribe(&channel).await?;
            Ok(listening)
        });
        if let Some(mut listening) = listening.await {
            if std::mem::take(&mut away) {
                tracing::info!("news of events from other processes come by Redis again");
            }
            let mut messages = listening.on_message();
            while let Some(message) = messages.next().await {
                if let Some(news) = message.get_payload::<String>().ok().and_then(|text| read(&text)) {
                    here.publish(news);
                }
            }
        }
        if !std::mem::replace(&mut away, true) {
            tracing::warn!("no news of events from other processes: Redis is away; they come a second late");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn in_time<T>(call: impl Future<Output = redis::RedisResult<T>>) -> Option<T> {
    tokio::time::timeout(TIMEOUT, call).await.ok()?.ok()
}

fn written(news: Numbered) -> String {
    format!("{} {}", news.property, news.last)
}

fn read(text: &str) -> Option<Numbered> {
    let (property, last) = text.split_once(' ')?;
    let property: PropertyId = property.parse().ok()?;
    Some(Numbered { property, last: last.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "127.0.0.1:6379";

    async fn is_there() -> bool {
        let there = tokio::net::TcpStream::connect(ADDRESS).await.is_ok();
        if !there {
            crate::without::left_out(&format!("nothing answers on {ADDRESS} (Redis)"));
        }
        there
    }

    fn wake(address: &str, prefix: &str) -> RedisWake {
        RedisWake::connect(&Secret::new(format!("redis://{address}")), prefix).unwrap()
    }

    /// Publishes until it is heard: the other may not have subscribed yet.
    async fn hears(from: &RedisWake, to: &mut WakeStream, last: i64) {
        let news = Numbered { property: PropertyId::new(), last };
        let heard = async {
            loop {
                from.publish(news);
                if let Ok(Some(heard)) = tokio::time::timeout(Duration::from_millis(20), to.next()).await
                    && heard == news
                {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), heard).await.expect("heard");
    }

    /// Redis at another address; what goes through ends with the first.
    async fn through(listener: tokio::net::TcpListener) {
        let mut links = tokio::task::JoinSet::new();
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            links.spawn(async move {
                let mut far = tokio::net::TcpStream::connect(ADDRESS).await.unwrap();
                tokio::io::copy_bidirectional(&mut near, &mut far).await.ok();
            });
        }
    }

    #[tokio::test]
    async fn other_processes_hear_also_after_a_lost_connection() {
        if !is_there().await {
            return;
        }
        let prefix = format!("test-{}", uuid::Uuid::now_v7());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let line = tokio::spawn(through(listener));
        let (a, b) = (wake(&address.to_string(), &prefix), wake(&address.to_string(), &prefix));
        let mut at_b = b.subscribe();
        hears(&a, &mut at_b, 7).await;
        line.abort();
        line.await.unwrap_err();
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        tokio::spawn(through(socket.listen(16).unwrap()));
        hears(&a, &mut at_b, 8).await;
    }

    #[tokio::test]
    async fn without_redis_this_process_hears_itself() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wake = wake(&silent.local_addr().unwrap().to_string(), "test");
        let mut news = wake.subscribe();
        for last in 1..=1_000 {
            let told = Numbered { property: PropertyId::new(), last };
            wake.publish(told);
            assert_eq!(news.next().await, Some(told));
        }
        assert!(RedisWake::connect(&Secret::new("http://x"), "test").is_err());
    }
}
