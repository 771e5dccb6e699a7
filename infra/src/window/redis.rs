//! Windows that several processes share.

use std::time::Duration;

use async_trait::async_trait;
use bellhop_domain::ports::{WindowStore, WindowStoreError};
use bellhop_domain::{ConversationId, Secret};
use chrono::{DateTime, Utc};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

/// A cache that takes longer than the database it saves is none.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Compares and sets in one step, since several processes put ends of the same conversation. The
/// key goes away with the window.
const PUT_IF_LATER: &str = "\
local known = redis.call('GET', KEYS[1])
if known and tonumber(known) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('PEXPIREAT', KEYS[1], ARGV[1])
return 1";

/// Windows in Redis: `<prefix>:window:<conversation id>` holds the end in Unix milliseconds.
pub struct RedisWindows {
    connection: ConnectionManager,
    prefix: String,
}

impl RedisWindows {
    /// Does not connect yet, so Redis may be away. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When `url` is none for Redis.
    pub fn connect(url: &Secret, prefix: &str) -> Result<Self, WindowStoreError> {
        let client = redis::Client::open(url.expose()).map_err(error)?;
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            // The next call tries again anyway; this one has the database to go to.
            .set_number_of_retries(0);
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(error)?;
        Ok(Self { connection, prefix: prefix.to_owned() })
    }

    fn key(&self, conversation: ConversationId) -> String {
        format!("{}:window:{conversation}", self.prefix)
    }
}

fn error(error: redis::RedisError) -> WindowStoreError {
    WindowStoreError(error.into())
}

#[async_trait]
impl WindowStore for RedisWindows {
    async fn get(&self, conversation: ConversationId) -> Result<Option<DateTime<Utc>>, WindowStoreError> {
        let mut command = redis::cmd("GET");
        command.arg(self.key(conversation));
        let end: Option<i64> = command.query_async(&mut self.connection.clone()).await.map_err(error)?;
        Ok(end.and_then(DateTime::from_timestamp_millis))
    }

    async fn put(
        &self,
        conversation: ConversationId,
        expires_at: DateTime<Utc>,
    ) -> Result<(), WindowStoreError> {
        let mut command = redis::cmd("EVAL");
        command.arg(PUT_IF_LATER).arg(1).arg(self.key(conversation)).arg(expires_at.timestamp_millis());
        command.query_async(&mut self.connection.clone()).await.map_err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{SubsecRound, TimeDelta};
    use std::time::Instant;

    const ADDRESS: &str = "127.0.0.1:6379";

    async fn store() -> Option<RedisWindows> {
        if tokio::net::TcpStream::connect(ADDRESS).await.is_err() {
            crate::without::left_out(&format!("nothing answers on {ADDRESS} (Redis)"));
            return None;
        }
        let prefix = format!("test-{}", uuid::Uuid::now_v7());
        Some(RedisWindows::connect(&Secret::new(format!("redis://{ADDRESS}")), &prefix).unwrap())
    }

    #[tokio::test]
    async fn the_later_end_stays_and_goes_when_it_has_passed() {
        let Some(windows) = store().await else { return };
        let (conversation, now) = (ConversationId::new(), Utc::now().trunc_subsecs(3));
        assert_eq!(windows.get(conversation).await.unwrap(), None);
        for (put, get) in [(5, 5), (3, 5), (8, 8)] {
            windows.put(conversation, now + TimeDelta::hours(put)).await.unwrap();
            assert_eq!(windows.get(conversation).await.unwrap(), Some(now + TimeDelta::hours(get)));
        }
        let mut ttl = redis::cmd("PTTL");
        ttl.arg(windows.key(conversation));
        let ttl: i64 = ttl.query_async(&mut windows.connection.clone()).await.unwrap();
        assert!((7 * 3_600_000..=8 * 3_600_000).contains(&ttl), "{ttl}");
        let passed = ConversationId::new();
        windows.put(passed, now - TimeDelta::hours(1)).await.unwrap();
        assert_eq!(windows.get(passed).await.unwrap(), None);
        let mut delete = redis::cmd("DEL");
        delete.arg(windows.key(conversation));
        delete.query_async::<()>(&mut windows.connection.clone()).await.unwrap();
    }

    #[tokio::test]
    async fn without_redis_the_start_works_and_calls_fail_fast() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for address in [silent.local_addr().unwrap(), closed] {
            let windows = RedisWindows::connect(&Secret::new(format!("redis://{address}")), "test").unwrap();
            let started = Instant::now();
            for _ in 0..2 {
                windows.get(ConversationId::new()).await.unwrap_err();
            }
            windows.put(ConversationId::new(), Utc::now()).await.unwrap_err();
            assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        }
        assert!(RedisWindows::connect(&Secret::new("http://x"), "test").is_err());
    }
}
