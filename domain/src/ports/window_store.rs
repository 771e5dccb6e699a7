use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::id::ConversationId;

/// A cache of customer service windows. It may forget everything at any time, and is written only
/// after the database was.
#[async_trait]
pub trait WindowStore: Send + Sync {
    /// The end of the conversation's window as it was last put; `None` when it is not known.
    async fn get(&self, conversation: ConversationId) -> Result<Option<DateTime<Utc>>, WindowStoreError>;

    /// Remembers an end; an earlier one than what is known changes nothing.
    async fn put(
        &self,
        conversation: ConversationId,
        expires_at: DateTime<Utc>,
    ) -> Result<(), WindowStoreError>;
}

#[derive(Debug, thiserror::Error)]
#[error("the window cache cannot be reached: {0}")]
pub struct WindowStoreError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
