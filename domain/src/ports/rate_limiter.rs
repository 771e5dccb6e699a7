use std::time::Duration;

use async_trait::async_trait;

use crate::guest::Recipient;
use crate::id::ConnectionId;

/// Holds a connection to the provider's limits, so that they are not learned by refusals.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes the next place in the connection's throughput and one in the recipient's own bucket,
    /// both or neither. A place that is up to `patience` ahead is taken too: those who wait have
    /// each their own, so that they do not all wake up for one.
    async fn acquire(
        &self,
        connection: ConnectionId,
        recipient: &Recipient,
        pace: Pace,
        patience: Duration,
    ) -> Permit;
}

/// The limits of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Messages per second of the number.
    pub per_second: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// The place is ours; it begins after this.
    Granted { after: Duration },
    /// Nothing was taken. The number's next place is this far off, beyond the patience.
    ConnectionBusy(Duration),
    /// Nothing was taken. This recipient had its share; its next place is this far off.
    RecipientBusy(Duration),
}
