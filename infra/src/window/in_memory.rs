//! Windows of one process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bellhop_domain::ConversationId;
use bellhop_domain::ports::{WindowStore, WindowStoreError};
use chrono::{DateTime, TimeDelta, Utc};

/// Entries, of some 50 bytes each. A single hotel has some hundred open windows.
const MAX: usize = 100_000;
/// Full of windows that are all open, the map is not searched again for closed ones before this.
const SWEEP_PAUSE: TimeDelta = TimeDelta::minutes(1);

/// Windows in this process's memory.
pub struct InMemoryWindows {
    max: usize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    ends: HashMap<ConversationId, DateTime<Utc>>,
    swept_at: DateTime<Utc>,
}

impl Default for InMemoryWindows {
    fn default() -> Self {
        Self::new()
    }
}

impl InMemoryWindows {
    pub fn new() -> Self {
        Self::with_room_for(MAX)
    }

    fn with_room_for(max: usize) -> Self {
        Self { max, entries: Mutex::default() }
    }

    /// `now` only tells which entries may be forgotten: real time will do, also where the windows
    /// themselves are on a clock that was moved forward.
    fn put_at(&self, now: DateTime<Utc>, conversation: ConversationId, expires_at: DateTime<Utc>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = entries.ends.get_mut(&conversation) {
            *end = expires_at.max(*end);
        } else {
            entries.make_room(now, self.max);
            entries.ends.insert(conversation, expires_at);
        }
    }
}

impl Entries {
    fn make_room(&mut self, now: DateTime<Utc>, max: usize) {
        if self.ends.len() < max {
            return;
        }
        if now - self.swept_at >= SWEEP_PAUSE {
            self.ends.retain(|_, end| *end > now);
            self.swept_at = now;
        }
        if self.ends.len() >= max
            && let Some(&any) = self.ends.keys().next()
        {
            self.ends.remove(&any);
        }
    }
}

#[async_trait]
impl WindowStore for InMemoryWindows {
    async fn get(&self, conversation: ConversationId) -> Result<Option<DateTime<Utc>>, WindowStoreError> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(entries.ends.get(&conversation).copied())
    }

    async fn put(
        &self,
        conversation: ConversationId,
        expires_at: DateTime<Utc>,
    ) -> Result<(), WindowStoreError> {
        self.put_at(Utc::now(), conversation, expires_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_later_end_stays() {
        let windows = InMemoryWindows::new();
        let (conversation, now) = (ConversationId::new(), Utc::now());
        assert_eq!(windows.get(conversation).await.unwrap(), None);
        for (put, get) in [(5, 5), (3, 5), (8, 8)] {
            windows.put(conversation, now + TimeDelta::hours(put)).await.unwrap();
            assert_eq!(windows.get(conversation).await.unwrap(), Some(now + TimeDelta::hours(get)));
        }
        assert_eq!(windows.get(ConversationId::new()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn closed_windows_go_first_and_the_size_is_bounded() {
        let windows = InMemoryWindows::with_room_for(10);
        let size = || windows.entries.lock().unwrap().ends.len();
        let start = Utc::now();
        let (open, end) = (ConversationId::new(), start + TimeDelta::hours(30));
        windows.put_at(start, open, end);
        for _ in 0..9 {
            windows.put_at(start, ConversationId::new(), start + TimeDelta::hours(1));
        }
        let later = start + TimeDelta::hours(2);
        windows.put_at(later, ConversationId::new(), end);
        assert_eq!(size(), 2);
        assert_eq!(windows.get(open).await.unwrap(), Some(end));
        for _ in 0..50 {
            windows.put_at(later, ConversationId::new(), end);
            assert!(size() <= 10);
        }
    }
}
