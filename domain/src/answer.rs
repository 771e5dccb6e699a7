//! What became of one call to the provider.

use std::time::Duration;

use crate::provider_error::ProviderError;

/// The outcome of one attempt, as far as the caller can know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200 with a readable wamid.
    Accepted(Accepted),
    /// An error with the provider's envelope and a code: it did not take the message.
    Refused(ProviderError),
    /// No connection came about, so no byte of the request left.
    NeverSent { reason: String },
    /// Timeout, lost connection, unreadable answer: it may or may not have been taken.
    Unknown { reason: String },
}

impl Answer {
    /// The same, with the wait that the provider asks for.
    #[must_use]
    pub fn asking_for(self, retry_after: Option<Duration>) -> Self {
        match self {
            Self::Refused(error) => Self::Refused(ProviderError { retry_after, ..error }),
            Self::Accepted(_) | Self::NeverSent { .. } | Self::Unknown { .. } => self,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub wamid: String,
    /// The account that the provider found behind the number.
    pub wa_id: Option<String>,
    pub bsuid: Option<String>,
}
