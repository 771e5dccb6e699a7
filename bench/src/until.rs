//! Waiting, never for ever.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

/// Asks every 50 ms until the answer is `Some`; an error with `what` when the patience ends.
pub async fn until<T>(
    what: &str,
    patience: Duration,
    mut ask: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        match tokio::time::timeout_at(deadline, ask()).await {
            Ok(Ok(Some(found))) => return Ok(found),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => bail!("no answer in {patience:?}: {what}"),
        }
        if Instant::now() > deadline {
            bail!("waited in vain for {patience:?}: {what}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
