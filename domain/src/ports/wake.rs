use std::pin::Pin;

use futures_core::Stream;

use crate::id::PropertyId;

/// A property's event log goes as far as `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    pub property: PropertyId,
    pub last: i64,
}

/// News of event logs, from every process that has them to every process that reads them.
///
/// It only wakes: whoever reads a log also looks by itself once a second, so news may be lost, late, doubled
/// or out of order.
pub trait Wake: Send + Sync {
    /// Returns at once. This process hears it too, whatever is between it and the others.
    fn publish(&self, news: Numbered);

    /// News from now on. The stream does not end while the port lives.
    fn subscribe(&self) -> WakeStream;
}

/// What [`Wake::subscribe`] gives.
pub type WakeStream = Pin<Box<dyn Stream<Item = Numbered> + Send>>;
