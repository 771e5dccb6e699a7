//! What the caller of a batch may choose.

use bellhop_domain::batch::CHUNK_MAX;
use bellhop_domain::settings::InDoubtPolicy;
use chrono::{DateTime, TimeDelta, Utc};

use crate::error::{Error, Result};
use crate::idempotency::IdempotencyKey;
use crate::send::TemplateSend;

const NAME_MAX: usize = 200;

/// How a batch is to be sent.
#[derive(Debug, Clone, Default)]
pub struct BatchOptions {
    pub name: Option<String>,
    pub messages_per_second: Option<i64>,
    pub batch_size: Option<i64>,
    /// Attempts at one recipient, at least 1; `None`: as the table of errors says.
    pub max_attempts: Option<i64>,
    /// In milliseconds, instead of growing gaps.
    pub retry_delay: Option<i64>,
    pub quiet: bool,
    /// The property's where absent.
    pub in_doubt: Option<InDoubtPolicy>,
    pub fallback: Option<TemplateSend>,
    pub send_at: Option<DateTime<Utc>>,
    pub idempotency_key: Option<IdempotencyKey>,
}

impl BatchOptions {
    pub(super) fn check(&self, now: DateTime<Utc>) -> Result<()> {
        let range = |field: &str, value: Option<i64>, range: std::ops::RangeInclusive<i64>| match value {
            Some(n) if !range.contains(&n) => {
                Err(Error::field(field, format_args!("must be {} to {}", range.start(), range.end())))
            }
            _ => Ok(()),
        };
        range("rate_limit.messages_per_second", self.messages_per_second, 1..=1_000)?;
        range("rate_limit.batch_size", self.batch_size, 1..=CHUNK_MAX.into())?;
        range("delivery_options.max_retries", self.max_attempts.map(|n| n - 1), 0..=20)?;
        range("delivery_options.retry_delay", self.retry_delay, 0..=86_400_000)?;
        if self.name.as_ref().is_some_and(|name| name.chars().count() > NAME_MAX) {
            return Err(Error::field("name", format_args!("must have at most {NAME_MAX} characters")));
        }
        check_send_at(self.send_at, now)
    }
}

/// At most a year ahead; the past is now.
pub(crate) fn check_send_at(send_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<()> {
    match send_at {
        Some(at) if at > now + TimeDelta::days(366) => {
            Err(Error::field("send_at", "must be within a year from now"))
        }
        Some(_) | None => Ok(()),
    }
}
