use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::id::{BatchId, MessageId};

/// Transport between those who write the outbox and those who send.
///
/// The database is the truth: a hint may come twice, late or never, and nothing is lost or doubled.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Returns when the transport has the hint safely (RabbitMQ: confirmed).
    async fn publish(&self, hint: &Hint) -> Result<(), QueueError>;

    /// A stream of hints. Several subscriptions share the work.
    async fn subscribe(&self) -> Result<Box<dyn Subscription>, QueueError>;
}

/// Says that something may be due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// Single messages, at most 100.
    Messages(Vec<MessageId>),
    /// A part of a batch.
    Chunk { batch: BatchId, number: i32 },
}

#[async_trait]
pub trait Subscription: Send {
    /// The next hint; `None` when the transport was closed for good.
    async fn next(&mut self) -> Option<Delivery>;
}

/// A hint and the way to acknowledge it, after the commit. Dropped unacknowledged, it comes again.
pub struct Delivery {
    pub hint: Hint,
    pub acknowledge: Box<dyn Acknowledge>,
}

#[async_trait]
pub trait Acknowledge: Send {
    async fn ack(self: Box<Self>);
}

#[derive(Debug, thiserror::Error)]
#[error("the queue cannot be reached: {0}")]
pub struct QueueError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
