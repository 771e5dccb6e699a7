//! How much one process has on its way at a time: calls on the wire, and lanes of a batch.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use bellhop_domain::{BatchId, ConnectionId};
use tokio::sync::Semaphore;

/// Calls of one connection on the wire: a quarter of a second's at its full pace. Each connection
/// has its own, so that a provider which hangs holds up nobody else.
const CALLS: std::ops::RangeInclusive<usize> = 64..=256;

#[derive(Default)]
pub(crate) struct Room {
    wire: Mutex<HashMap<ConnectionId, Wire>>,
    lanes: Arc<Mutex<HashMap<BatchId, usize>>>,
}

/// Room for so many calls. It grows with the number's pace; a pace that falls is the limiter's to keep.
struct Wire {
    calls: usize,
    room: Arc<Semaphore>,
}

/// A lane that runs, until this is dropped.
pub(crate) struct RunningLane {
    batch: BatchId,
    lanes: Arc<Mutex<HashMap<BatchId, usize>>>,
}

impl Room {
    pub fn wire(&self, connection: ConnectionId, per_second: u32) -> Arc<Semaphore> {
        let calls = usize::try_from(per_second).unwrap_or(usize::MAX).clamp(*CALLS.start(), *CALLS.end());
        let mut wires = lock(&self.wire);
        let empty = || Wire { calls: 0, room: Arc::new(Semaphore::new(0)) };
        let wire = wires.entry(connection).or_insert_with(empty);
        wire.room.add_permits(calls.saturating_sub(wire.calls));
        wire.calls = wire.calls.max(calls);
        Arc::clone(&wire.room)
    }

    pub fn begin_lane(&self, batch: BatchId) -> RunningLane {
        *lock(&self.lanes).entry(batch).or_default() += 1;
        RunningLane { batch, lanes: Arc::clone(&self.lanes) }
    }
}

impl RunningLane {
    /// How many lanes of its batch this process runs, this one included.
    pub fn of_batch(&self) -> u64 {
        lock(&self.lanes).get(&self.batch).map_or(0, |lanes| *lanes as u64)
    }
}

impl Drop for RunningLane {
    fn drop(&mut self) {
        let mut lanes = lock(&self.lanes);
        if let Some(running) = lanes.get_mut(&self.batch) {
            *running -= 1;
            if *running == 0 {
                lanes.remove(&self.batch);
            }
        }
    }
}

fn lock<K: Eq + Hash, V>(map: &Mutex<HashMap<K, V>>) -> std::sync::MutexGuard<'_, HashMap<K, V>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_grows_with_the_pace_and_is_one_for_all() {
        let (room, number) = (Room::default(), ConnectionId::new());
        let before = room.wire(number, 80);
        assert_eq!(before.available_permits(), 80);
        room.wire(number, 1_000);
        assert_eq!(before.available_permits(), *CALLS.end(), "also for those who hold it already");
        room.wire(number, 20);
        assert_eq!(before.available_permits(), *CALLS.end());
        assert_eq!(room.wire(ConnectionId::new(), 20).available_permits(), *CALLS.start());
    }
}
