//! Clients that ask as fast as they are answered.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

pub const CLIENTS: usize = 16;
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// What a load came to.
pub struct Load {
    pub took: Duration,
    /// Of each operation, the shortest first.
    latencies: Vec<Duration>,
}

impl Load {
    pub fn of(took: Duration, mut latencies: Vec<Duration>) -> Self {
        latencies.sort();
        Self { took, latencies }
    }

    pub fn count(&self) -> usize {
        self.latencies.len()
    }

    pub fn per_second(&self) -> f64 {
        self.count() as f64 / self.took.as_secs_f64()
    }

    /// The latency, in milliseconds, that this share of the operations did not exceed.
    pub fn percentile(&self, share: f64) -> f64 {
        let rank = (self.count() as f64 * share).ceil().max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank within the list")]
        let latency = self.latencies.get(rank as usize - 1);
        latency.map_or(f64::NAN, |latency| latency.as_secs_f64() * 1_000.0)
    }
}

/// Lets [`CLIENTS`] clients act for so long, each one operation after the other. `act` is told the client and
/// which of its operations it is.
///
/// # Errors
/// The first one of an operation.
pub async fn drive<F, A>(time: Duration, act: F) -> Result<Load>
where
    F: Fn(usize, usize) -> A + Clone + Send + 'static,
    A: Future<Output = Result<()>> + Send,
{
    let began = Instant::now();
    let end = began + time;
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let act = act.clone();
        clients.spawn(async move {
            let mut latencies = Vec::new();
            while Instant::now() < end {
                let asked = Instant::now();
                timeout_at(asked + ANSWER, act(client, latencies.len())).await??;
                latencies.push(asked.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(ended) = clients.join_next().await {
        latencies.extend(ended??);
    }
    ensure!(!latencies.is_empty(), "nothing was done");
    Ok(Load::of(began.elapsed(), latencies))
}
