//! Deliveries: in order for one guest, in parallel over guests, again and again until the answer is 200.
//!
//! A guest with something to tell has one task. It ends when its queue is empty, so thousands of silent
//! guests cost nothing. What concerns the account has a queue of its own, and its task is no different.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use rand::RngExt;
use serde_json::Value;
use tokio::time::sleep;

use super::{batch, escape, payload, signature};
use crate::{
    clock::system_ms,
    core::Core,
    faults::WebhookFaults,
    queue::{Event, Owner, Queue},
    restore::tag,
    state::State,
};

/// Pauses after failed deliveries; the last one repeats.
const PAUSES_MS: [u64; 6] = [200, 1_000, 2_000, 4_000, 8_000, 15_000];
/// With `reorder`, how long a guest's message waits for others to change places with.
const REORDER_LINGER_MS: i64 = 150;
/// With `batch`, how long after the first update others may still join it.
const BATCH_SPAN_MS: i64 = 2_000;
const BATCH_LINGER_MS: i64 = 100;

type Key = (i64, u64);

/// What a queue's task does next.
enum Step {
    /// Nothing is left: the task ends.
    Done,
    /// Look again after this time, or when something changes.
    Wait(Duration),
    /// Look again when something changes.
    Hold,
    Deliver {
        keys: Vec<Key>,
        callback: String,
        entries: Vec<Value>,
        faults: WebhookFaults,
    },
}

/// Starts the task of a queue that is not empty.
pub(crate) fn start(core: &Arc<Core>, state: &mut State, owner: Owner) {
    // A simulator that was opened but is not served yet has no runtime: serving it starts these.
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let Some(queue) = state.queue_of_mut(owner) else { return };
    queue.active = true;
    let wake = queue.wake.clone();
    let core = core.clone();
    runtime.spawn(async move {
        let mut changes = core.changes.subscribe();
        let mut failures = 0;
        loop {
            let step = next_step(&core, owner);
            let pause = match step {
                Step::Done => return,
                Step::Wait(pause) => pause,
                Step::Hold => Duration::from_secs(3_600),
                Step::Deliver { keys, callback, entries, faults } => {
                    if deliver(&core, &callback, entries, &faults).await {
                        failures = 0;
                        settle(&core, owner, &keys);
                        continue;
                    }
                    failures += 1;
                    Duration::from_millis(PAUSES_MS[(failures - 1).min(PAUSES_MS.len() - 1)])
                }
            };
            if failures > 0 {
                // Only a change of the callback or the faults cuts a pause short; news must wait in line.
                tokio::select! {
                    () = sleep(pause) => {}
                    _ = changes.changed() => {}
                    () = core.shutdown.cancelled() => return,
                }
            } else {
                tokio::select! {
                    () = sleep(pause) => {}
                    _ = changes.changed() => {}
                    () = wake.notified() => {}
                    () = core.shutdown.cancelled() => return,
                }
            }
        }
    });
}

fn next_step(core: &Core, owner: Owner) -> Step {
    let mut state = core.state();
    let faults = state.faults.webhooks;
    let callback = callback(&state, owner);
    let Some(queue) = state.queue_of_mut(owner) else { return Step::Done };
    if queue.waiting.is_empty() {
        queue.active = false;
        return Step::Done;
    }
    let Some(callback) = callback.filter(|_| !faults.silent) else { return Step::Hold };
    let keys = match pick(queue, &faults, system_ms()) {
        Ok(keys) => keys,
        Err(wait) => return Step::Wait(wait),
    };
    let Some(queue) = state.queue_of(owner) else { return Step::Done };
    let entry = |key| payload::entry(&core.account, &state, queue.waiting.get(key)?);
    let entries = keys.iter().filter_map(entry).collect();
    Step::Deliver { keys, callback, entries, faults }
}

/// A number may have a callback of its own, for what guests write and what becomes of messages.
fn callback(state: &State, owner: Owner) -> Option<String> {
    match owner {
        Owner::Guest(_) => state.profile.callback.clone().or_else(|| state.callback.clone()),
        Owner::Account => state.callback.clone(),
    }
}

/// The updates to deliver now, or how long there is nothing to deliver.
fn pick(queue: &Queue, faults: &WebhookFaults, now: i64) -> Result<Vec<Key>, Duration> {
    let delay = i64::try_from(faults.delay_ms).unwrap_or(i64::MAX);
    let Some((&first, event)) = queue.waiting.first_key_value() else { return Err(Duration::ZERO) };
    let due = |key: &Key| key.0.saturating_add(delay);
    let wait_for = |at: i64| Duration::from_millis(u64::try_from(at - now).unwrap_or(0).max(1));
    if due(&first) > now {
        return Err(wait_for(due(&first)));
    }
    if faults.batch {
        let last = first.0.saturating_add(BATCH_SPAN_MS);
        let keys: Vec<Key> =
            queue.waiting.keys().take_while(|key| key.0 <= last).take(batch::SIZE).copied().collect();
        let ready = keys.last().map_or(now, due).max(due(&first) + BATCH_LINGER_MS);
        return if ready > now { Err(wait_for(ready)) } else { Ok(keys) };
    }
    if faults.reorder && matches!(event, Event::Inbound(_)) {
        let ready = due(&first) + REORDER_LINGER_MS;
        if ready > now {
            return Err(wait_for(ready));
        }
        let messages = queue.waiting.iter().filter(|(key, event)| due(key) <= now && is_inbound(event));
        let keys: Vec<Key> = messages.map(|(key, _)| *key).collect();
        let chosen = rand::rng().random_range(0..keys.len().max(1));
        return Ok(keys.get(chosen).copied().into_iter().collect());
    }
    Ok(vec![first])
}

fn is_inbound(event: &Event) -> bool {
    match event {
        Event::Inbound(_) => true,
        Event::Status(..) | Event::Notice(_) => false,
    }
}

async fn deliver(core: &Core, callback: &str, entries: Vec<Value>, faults: &WebhookFaults) -> bool {
    if faults.batch {
        batch::deliver(core, callback, entries, faults.duplicate).await
    } else {
        deliver_body(core, callback, entries, faults.duplicate).await
    }
}

/// Posts one body; true when it was answered 200. Duplicates follow a success.
pub(super) async fn deliver_body(core: &Core, callback: &str, entries: Vec<Value>, duplicates: u32) -> bool {
    let body = escape(&payload::envelope(entries));
    let signature = signature(&core.account.app_secret, body.as_bytes());
    if !post(core, callback, &body, &signature).await {
        return false;
    }
    for _ in 0..duplicates {
        post(core, callback, &body, &signature).await;
    }
    true
}

async fn post(core: &Core, callback: &str, body: &str, signature: &str) -> bool {
    let Ok(client) = core.http() else { return false };
    let Ok(_slot) = core.deliveries.acquire().await else { return false };
    let request = client
        .post(callback)
        .header("content-type", "application/json")
        .header("x-hub-signature-256", signature)
        .body(body.to_owned());
    let answer = tokio::select! {
        answer = request.send() => answer,
        () = core.shutdown.cancelled() => return false,
    };
    match answer {
        Ok(response) => {
            let status = response.status();
            // Read to the end, or the connection cannot be used again.
            response.bytes().await.ok();
            if status != 200 {
                tracing::debug!(%status, "a webhook was not answered 200");
            }
            status == 200
        }
        Err(error) => {
            tracing::debug!(error = %error.without_url(), "a webhook could not be delivered");
            false
        }
    }
}

/// Takes delivered updates off the queue, for good.
fn settle(core: &Core, owner: Owner, keys: &[Key]) {
    {
        let mut state = core.state();
        for key in keys {
            let event = state.queue_of_mut(owner).and_then(|queue| queue.waiting.remove(key));
            match event {
                Some(Event::Status(sent, place)) => {
                    sent.mark_told(place);
                    core.record(tag::TOLD_STATUS, &(&sent.id, place));
                }
                Some(Event::Inbound(place)) => {
                    if let Some(message) = state.inbound.get(place) {
                        message.told.store(true, Ordering::Relaxed);
                    }
                    core.record(tag::TOLD_INBOUND, &place);
                }
                Some(Event::Notice(place)) => {
                    if let Some(notice) = state.notices.get(place) {
                        notice.told.store(true, Ordering::Relaxed);
                    }
                    core.record(tag::TOLD_NOTICE, &place);
                }
                None => {}
            }
        }
    }
    // A line that is lost here only means that the webhook comes twice. The error is logged.
    core.flush().ok();
}
