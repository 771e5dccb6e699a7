//! The way to Redis, and whether it is open.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind};

/// While Redis is away, it is tried so often, beside the calls and only when there are some.
const PROBE_EVERY: Duration = Duration::from_millis(250);

/// For so long after its return not all processes may know: one probe apart, and one that hangs.
const RETURN: Duration = Duration::from_millis(1_500);

/// What Redis runs, and under which name it knows it.
#[derive(Debug)]
pub(super) struct Script {
    text: &'static str,
    /// As Redis itself computes it, from the text alone: the same on every server.
    digest: OnceLock<String>,
}

impl Script {
    pub const fn new(text: &'static str) -> Self {
        Self { text, digest: OnceLock::new() }
    }
}

/// Not a `ConnectionManager`: that one keeps a connection whose other end fell silent for as long
/// as TCP does, while a probe comes on a new one.
#[derive(Debug)]
pub(super) struct Link {
    client: redis::Client,
    /// Written by probes.
    probe_key: String,
    /// For a call, with all that it takes to connect.
    timeout: Duration,
    connection: tokio::sync::Mutex<Option<MultiplexedConnection>>,
    health: Mutex<Health>,
}

#[derive(Debug, Clone, Copy)]
enum Health {
    /// `since` the return after an outage.
    Here {
        since: Option<Instant>,
    },
    Away {
        probe_at: Instant,
    },
}

/// What the link says before a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Open,
    /// Redis has just come back, and other processes may not have seen it yet.
    Returning,
    Closed,
}

impl Link {
    /// Does not connect yet, so Redis may be away.
    pub fn new(client: redis::Client, probe_key: String, timeout: Duration) -> Self {
        Self {
            client,
            probe_key,
            timeout,
            connection: tokio::sync::Mutex::default(),
            health: Mutex::new(Health::Here { since: None }),
        }
    }

    /// Whether to ask Redis. While it is away, this looks after it, in a task: nobody waits.
    pub fn way(self: &Arc<Self>) -> Way {
        let mut health = self.health();
        match &mut *health {
            Health::Here { since: Some(since) } if since.elapsed() < RETURN => Way::Returning,
            Health::Here { .. } => Way::Open,
            Health::Away { probe_at } => {
                let now = Instant::now();
                if *probe_at <= now {
                    // The next one only when this one is surely over.
                    *probe_at = now + PROBE_EVERY + self.timeout;
                    tokio::spawn(Arc::clone(self).probe());
                }
                Way::Closed
            }
        }
    }

    /// Asks a script. `None`: Redis does not answer, and calls are to go elsewhere; `first` is
    /// called when that was not known yet.
    pub async fn ask(&self, arguments: &Arguments, first: impl FnOnce()) -> Option<Vec<i64>> {
        let answer = tokio::time::timeout(self.timeout, self.run(arguments)).await;
        let error = match answer {
            Ok(Ok(reply)) => return Some(reply),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        let mut health = self.health();
        if let Health::Here { .. } = *health {
            *health = Health::Away { probe_at: Instant::now() };
            // Under the lock, so that the fallback is ready before anyone is sent there.
            first();
            tracing::warn!(error, "Redis does not answer: this process paces its share in memory");
        }
        None
    }

    async fn run(&self, arguments: &Arguments) -> RedisResult<Vec<i64>> {
        let mut connection = self.connection().await?;
        match self.evaluate(&mut connection, arguments).await {
            // An idle connection was closed, or Redis restarted: no outage yet. Should the lost call
            // have been heard, its places stay empty.
            Err(error) if error.is_connection_dropped() => {
                *self.connection.lock().await = None;
                let mut connection = self.connection().await?;
                self.evaluate(&mut connection, arguments).await
            }
            answer => answer,
        }
    }

    async fn evaluate(
        &self,
        connection: &mut MultiplexedConnection,
        arguments: &Arguments,
    ) -> RedisResult<Vec<i64>> {
        let script = arguments.script;
        if let Some(digest) = script.digest.get() {
            match arguments.command(digest).query_async(connection).await {
                Err(error) if is_unknown_script(&error) => {}
                answer => return answer,
            }
        }
        let digest: String =
            redis::cmd("SCRIPT").arg("LOAD").arg(script.text).query_async(connection).await?;
        let digest = script.digest.get_or_init(|| digest);
        arguments.command(digest).query_async(connection).await
    }

    pub(super) async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept {
            return Ok(connection.clone());
        }
        let connection = self.connect().await?;
        Ok(kept.insert(connection).clone())
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    async fn probe(self: Arc<Self>) {
        let answer = tokio::time::timeout(self.timeout, async {
            let mut connection = self.connect().await?;
            // Not a PING, which a server answers that is full, read-only or loading.
            let mut write = redis::cmd("SET");
            write.arg(&self.probe_key).arg("").arg("PX").arg(1_000);
            write.query_async::<()>(&mut connection).await?;
            Ok::<_, RedisError>(connection)
        });
        if let Ok(Ok(connection)) = answer.await {
            *self.connection.lock().await = Some(connection);
            *self.health() = Health::Here { since: Some(Instant::now()) };
            tracing::info!("Redis answers again: it paces all processes");
        } else {
            *self.health() = Health::Away { probe_at: Instant::now() + PROBE_EVERY };
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// What a script is asked.
#[derive(Debug)]
pub(super) struct Arguments {
    pub script: &'static Script,
    pub keys: Vec<String>,
    pub values: Vec<String>,
}

impl Arguments {
    fn command(&self, digest: &str) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(digest).arg(self.keys.len()).arg(&self.keys).arg(&self.values);
        command
    }
}
