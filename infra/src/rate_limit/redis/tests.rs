mod outage;
mod same;
mod shared;

use super::*;
use crate::rate_limit::suite::{Subject, run_suite};

const ADDRESS: &str = "127.0.0.1:6379";

#[async_trait]
impl Subject for RedisRateLimiter {
    async fn single(
        &self,
        at: Ticks,
        to: (ConnectionId, &Recipient),
        pace: Pace,
        patience: Duration,
    ) -> Permit {
        let reply = self.ask_single(to, pace, patience, Some(at)).await.unwrap();
        permit(&Reply { late: 0, ..reply }).unwrap()
    }

    async fn group(&self, at: Ticks, ask: &BatchAsk<'_>) -> BatchPermit {
        let reply = self.ask_group(ask, Some(at)).await.unwrap();
        batch_permit(&Reply { late: 0, ..reply }, ask.recipients.len()).unwrap()
    }

    async fn request(&self, at: Ticks, asks: &[RequestAsk]) -> RequestPermit {
        self.ask_request(asks, Some(at)).await.unwrap()
    }

    async fn brake(&self, at: Ticks, connection: ConnectionId, pace: Pace) {
        self.ask_line("slow", connection, pace, Some(at)).await.unwrap();
    }

    async fn present(&self, at: Ticks, connection: ConnectionId, pace: Pace) -> f64 {
        let reply = self.ask_line("pace", connection, pace, Some(at)).await.unwrap();
        reply.values[1] as f64 / 1_000.0
    }

    async fn clean(&self) {
        for key in self.keys().await {
            self.command::<()>(redis::cmd("DEL").arg(key)).await;
        }
    }
}

impl RedisRateLimiter {
    async fn command<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> T {
        command.query_async(&mut self.link.connection().await.unwrap()).await.unwrap()
    }

    async fn keys(&self) -> Vec<String> {
        let (mut cursor, mut keys) = (0_u64, Vec::new());
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{}:*", self.prefix)).arg("COUNT").arg(1_000);
            let (next, mut page): (u64, Vec<String>) = self.command(&scan).await;
            keys.append(&mut page);
            cursor = next;
            if cursor == 0 {
                return keys;
            }
        }
    }
}

async fn make() -> Option<RedisRateLimiter> {
    if tokio::net::TcpStream::connect(ADDRESS).await.is_err() {
        crate::without::left_out(&format!("nothing answers on {ADDRESS} (Redis)"));
        return None;
    }
    let prefix = format!("test-{}", uuid::Uuid::now_v7());
    Some(patient(&ADDRESS, &prefix))
}

/// One that a busy machine does not make believe in an outage.
fn patient(address: &dyn std::fmt::Display, prefix: &str) -> RedisRateLimiter {
    let url = Secret::new(format!("redis://{address}"));
    RedisRateLimiter::with_timeout(&url, prefix, Duration::from_secs(20)).unwrap()
}

run_suite!(make);
