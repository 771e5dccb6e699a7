//! One POST for the updates of many guests, as Meta sends when there is much to tell.

use std::{sync::PoisonError, time::Duration};

use serde_json::Value;
use tokio::sync::oneshot;

use super::deliver::deliver_body;
use crate::core::Core;

/// How long the first one waits for others.
const LINGER: Duration = Duration::from_millis(50);
/// Meta's own limit for one POST.
pub(super) const SIZE: usize = 1_000;

/// What one guest has to tell, and where its task waits for the outcome.
pub(crate) struct Part {
    entries: Vec<Value>,
    outcome: oneshot::Sender<bool>,
}

/// Tells these updates together with those of other guests. Whoever comes first sends for all.
pub(super) async fn deliver(core: &Core, callback: &str, entries: Vec<Value>, duplicates: u32) -> bool {
    let (outcome, told) = oneshot::channel();
    let first = {
        let mut parts = core.batch.lock().unwrap_or_else(PoisonError::into_inner);
        parts.push(Part { entries, outcome });
        parts.len() == 1
    };
    if first {
        tokio::time::sleep(LINGER).await;
        let parts = std::mem::take(&mut *core.batch.lock().unwrap_or_else(PoisonError::into_inner));
        send(core, callback, parts, duplicates).await;
    }
    told.await.unwrap_or(false)
}

async fn send(core: &Core, callback: &str, parts: Vec<Part>, duplicates: u32) {
    let mut parts = parts.into_iter().peekable();
    while parts.peek().is_some() {
        let (mut entries, mut outcomes) = (Vec::new(), Vec::new());
        while let Some(part) =
            parts.next_if(|part| entries.is_empty() || entries.len() + part.entries.len() <= SIZE)
        {
            entries.extend(part.entries);
            outcomes.push(part.outcome);
        }
        let told = deliver_body(core, callback, entries, duplicates).await;
        for outcome in outcomes {
            // A task that is gone was shut down.
            outcome.send(told).ok();
        }
    }
}
