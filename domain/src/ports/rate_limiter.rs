use std::time::Duration;

use async_trait::async_trait;

use super::request_limit::{RequestAsk, RequestPermit};
use crate::guest::Recipient;
use crate::id::{BatchId, ConnectionId};

/// Holds connections to the provider's limits, so that they are not learned by refusals, and callers of the
/// API to ours.
///
/// Places are spread evenly, one every 1/pace: no second, wherever it begins, has more of them than
/// the pace. What was not used is gone: after a stall nobody catches up.
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

    /// Takes places for a batch's recipients, in their order, as far as the batch's own pace, the
    /// connection's and each recipient's allow within [`BatchAsk::ahead`]. Batches that ask for
    /// one connection get equal shares of it.
    async fn acquire_group(&self, ask: &BatchAsk<'_>) -> BatchPermit;

    /// The provider refused because the number was too fast: its pace drops by a third, at most
    /// once a second, and climbs back by a twentieth of the full pace each second.
    async fn slow_down(&self, connection: ConnectionId, pace: Pace);

    /// Messages per second that the connection is given at present, at most `pace`.
    async fn pace_now(&self, connection: ConnectionId, pace: Pace) -> f64;

    /// Counts a request to the API for all of these limits, or for none when one of them has no room.
    async fn take_request(&self, asks: &[RequestAsk]) -> RequestPermit;

    /// How many processes are sending. One that paces on its own takes its share only.
    fn share_among(&self, processes: u32);
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

/// What a batch wants to send next.
#[derive(Debug, Clone, Copy)]
pub struct BatchAsk<'a> {
    pub batch: BatchId,
    /// Messages per second of this batch; `None`: as fast as the connection.
    pub batch_pace: Option<f64>,
    pub connection: ConnectionId,
    pub pace: Pace,
    pub recipients: &'a [Recipient],
    /// No place further off than this is taken, so that a single send never waits long behind a
    /// batch.
    pub ahead: Duration,
}

/// What a batch got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPermit {
    /// One for each recipient asked for, in the same order.
    pub places: Vec<BatchPlace>,
    /// When it is worth asking for those without a place; zero when all have one.
    pub again: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchPlace {
    /// The place is ours; it begins after this.
    After(Duration),
    /// Nothing was taken. This recipient had its share; its next place is this far off.
    RecipientBusy(Duration),
    /// Nothing was taken: beyond what the connection or the batch may have now.
    NotYet,
}
