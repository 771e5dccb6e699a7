//! A partner's webhook as the API shows it, and as it is given.

use bellhop_domain::event::EventType;
use bellhop_domain::subscription::{RetryConfig as Schedule, SubscriptionStatus, Verification};
use bellhop_domain::{EventId, SubscriptionId};
use bellhop_service::delivery::Again;
use bellhop_service::idempotency::IdempotencyKey;
use bellhop_service::subscription::{
    Configured, Rotated, SubscriptionChange, SubscriptionDraft, SubscriptionView, Trial,
};
use poem_openapi::payload::Json;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{ApiResponse, Enum, Object};

use crate::envelope::ApiError;
use crate::types::{Nullable, Timestamp};

/// How often a delivery that failed is repeated. The first repeat comes after `retry_delay`, each later one after
/// twice the time, up to a fifth later so that not all come at once.
#[derive(Debug, Clone, Object)]
pub struct RetryConfig {
    /// 0 to 20.
    max_retries: i64,
    /// In milliseconds, 100 to 3600000.
    retry_delay: i64,
}

/// Where events are delivered to.
#[derive(Debug, Object)]
pub struct Subscription {
    id: SubscriptionId,
    webhook_url: String,
    events: Vec<EventType>,
    /// paused: by somebody. suspended: it failed for five days. disabled: its receiver answered 410. In all three
    /// events wait; `active` again, it goes on where it was.
    status: SubscriptionStatus,
    /// weak: the address has no GET route and took a signed POST.
    verification: Verification,
    /// Whether a conversation's events come in their order.
    ordered: bool,
    /// `null`: ten attempts in three days.
    retry_config: Nullable<RetryConfig>,
    /// Until when everything is signed with the former secret too.
    former_secret_until: Nullable<Timestamp>,
    /// Since when nothing got through.
    failing_since: Nullable<Timestamp>,
    /// When something last got through, give or take a second.
    last_delivered_at: Nullable<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A webhook that was configured.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ConfiguredWebhook {
    #[oai(flatten)]
    subscription: Subscription,
    /// By which the receiver verifies what comes. Shown this once; a repeat with the same Idempotency-Key does not
    /// have it.
    signing_secret: Option<String>,
}

/// Where events are to be delivered to.
#[derive(Debug, Object)]
#[oai(example)]
pub struct ConfigureWebhook {
    /// https, on the public internet. It is asked for its proof first.
    webhook_url: String,
    /// Which kinds of events.
    events: Vec<EventType>,
    /// What the address is asked with, so that it knows who asks.
    verify_token: String,
    /// Ten attempts in three days when absent.
    retry_config: Option<RetryConfig>,
    /// `false`: no event waits for an earlier one of its conversation; `true` when absent.
    ordered: Option<bool>,
}

impl poem_openapi::types::Example for ConfigureWebhook {
    fn example() -> Self {
        Self {
            webhook_url: "https://your-hotel.com/webhooks/whatsapp".to_owned(),
            events: vec![
                EventType::MessageDelivered,
                EventType::MessageRead,
                EventType::MessageFailed,
                EventType::InboundMessage,
                EventType::MediaReceived,
            ],
            verify_token: "your_verification_token".to_owned(),
            retry_config: Some(RetryConfig { max_retries: 3, retry_delay: 5000 }),
            ordered: None,
        }
    }
}

/// What a webhook can be set to.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub enum WantedStatus {
    Active,
    Paused,
}

/// What to change. A field that is absent stays as it is, and so does one that is `null`, but for `retry_config`.
#[derive(Debug, Object)]
pub struct ChangeWebhook {
    /// Proven first.
    webhook_url: Option<String>,
    events: Option<Vec<EventType>>,
    /// Proven first.
    verify_token: Option<String>,
    /// `null`: ten attempts in three days again.
    retry_config: MaybeUndefined<RetryConfig>,
    ordered: Option<bool>,
    /// active: it goes on where it was. paused: its events wait.
    status: Option<WantedStatus>,
}

/// Another secret.
#[derive(Debug, Object)]
pub struct RotatedSecret {
    /// Shown this once.
    signing_secret: String,
    /// Until then everything is signed with both secrets.
    former_secret_until: Timestamp,
}

/// A test event that was taken.
#[derive(Debug, Object)]
pub struct TestedWebhook {
    /// The `webhook-id` that it had.
    id: EventId,
    /// What the receiver answered.
    status: u16,
    took_ms: u64,
}

/// Which failed deliveries are made once more.
#[derive(Debug, Object)]
pub struct RedeliverFailed {
    /// Those that were made then or later.
    pub since: Timestamp,
}

/// How many deliveries are made once more.
#[derive(Debug, Object)]
pub struct Redelivered {
    pub redelivered: u64,
}

/// Which part of the log is delivered once more.
#[derive(Debug, Object)]
pub struct ReplayEvents {
    /// The first event's `sequence`.
    pub from_sequence: i64,
}

/// A part of the log that is delivered once more.
#[derive(Debug, Object)]
pub struct Replayed {
    from_sequence: i64,
    /// What follows is delivered anyway. Smaller than `from_sequence` when there is nothing to replay.
    to_sequence: i64,
}

#[derive(ApiResponse)]
pub enum Made {
    /// The webhook is configured
    #[oai(status = 201)]
    Created(
        Json<ConfiguredWebhook>,
        /// Where the webhook is
        #[oai(header = "Location")]
        String,
    ),
}

#[derive(ApiResponse)]
pub enum Replaying {
    /// It has begun
    #[oai(status = 202)]
    Begun(Json<Replayed>),
}

#[derive(ApiResponse)]
pub enum Ended {
    /// The webhook is removed
    #[oai(status = 204)]
    Gone,
}

fn schedule(given: Option<RetryConfig>) -> Result<Option<Schedule>, ApiError> {
    let read = |given: RetryConfig| {
        Schedule::new(given.max_retries, given.retry_delay)
            .map_err(|error| ApiError::field("retry_config", error))
    };
    given.map(read).transpose()
}

impl ConfigureWebhook {
    pub fn draft(self, idempotency_key: Option<IdempotencyKey>) -> Result<SubscriptionDraft, ApiError> {
        Ok(SubscriptionDraft {
            webhook_url: self.webhook_url,
            events: self.events,
            verify_token: self.verify_token,
            retry_config: schedule(self.retry_config)?,
            ordered: self.ordered.unwrap_or(true),
            idempotency_key,
        })
    }
}

impl ChangeWebhook {
    pub fn change(self) -> Result<SubscriptionChange, ApiError> {
        Ok(SubscriptionChange {
            webhook_url: self.webhook_url,
            events: self.events,
            verify_token: self.verify_token,
            retry_config: match self.retry_config {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(given) => Some(schedule(Some(given))?),
            },
            ordered: self.ordered,
            paused: self.status.map(|status| match status {
                WantedStatus::Active => false,
                WantedStatus::Paused => true,
            }),
        })
    }
}

impl From<SubscriptionView> for Subscription {
    fn from(view: SubscriptionView) -> Self {
        let retry_config = view.retry_config.map(|config| RetryConfig {
            max_retries: config.max_retries().into(),
            retry_delay: config.retry_delay(),
        });
        Self {
            id: view.id,
            webhook_url: view.webhook_url,
            events: view.events,
            status: view.status,
            verification: view.verification,
            ordered: view.ordered,
            retry_config: Nullable(retry_config),
            former_secret_until: Nullable::from(view.former_secret_until),
            failing_since: Nullable::from(view.failing_since),
            last_delivered_at: Nullable::from(view.delivered_at),
            created_at: view.created_at.into(),
            updated_at: view.updated_at.into(),
        }
    }
}

impl From<Configured> for ConfiguredWebhook {
    fn from(made: Configured) -> Self {
        let signing_secret = made.signing_secret.map(|secret| secret.expose().to_owned());
        Self { subscription: made.view.into(), signing_secret }
    }
}

impl From<Rotated> for RotatedSecret {
    fn from(rotated: Rotated) -> Self {
        Self {
            signing_secret: rotated.signing_secret.expose().to_owned(),
            former_secret_until: rotated.former_until.into(),
        }
    }
}

impl From<Trial> for TestedWebhook {
    fn from(trial: Trial) -> Self {
        Self { id: trial.id, status: trial.status, took_ms: trial.took_ms }
    }
}

impl From<Again> for Replayed {
    fn from(again: Again) -> Self {
        Self { from_sequence: again.from, to_sequence: again.to }
    }
}
