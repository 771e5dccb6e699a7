//! What a webhook of the provider tells, in our words.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::attempt::AttemptRef;
use crate::content::Content;
use crate::provider_error::ProviderError;
use crate::status::MessageStatus;

/// One `change` of a webhook: the unit that is stored, with its outcome, and applied.
#[derive(Debug, Clone)]
pub struct Change {
    /// `entry[].id`: the WhatsApp business account.
    pub waba_id: String,
    /// `metadata.phone_number_id`; absent in account-level changes.
    pub phone_number_id: Option<String>,
    /// `entry[].time`, in Unix seconds: when it happened. Absent with messages, whose items have their own.
    pub time: Option<i64>,
    /// Meta's `field`, such as `messages`.
    pub field: String,
    /// The change exactly as it came.
    pub raw: Value,
    pub items: Vec<Result<Item, Unreadable>>,
}

/// Something in a webhook that could not be read. It does not hold up its neighbours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be read: {why}")]
pub struct Unreadable {
    pub what: String,
    pub why: String,
}

/// One thing that a change tells.
#[derive(Debug, Clone)]
pub enum Item {
    Message(InboundMessage),
    Status(StatusUpdate),
    Template(TemplateNews),
    /// Stored with the change and not acted upon (yet).
    Kept,
}

/// What kind of inbound item it is, as far as the window is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboundKind {
    /// The guest wrote, sent or tapped something.
    Message,
    Reaction,
    /// WhatsApp itself tells of a change, such as a new number.
    System,
    Unsupported,
}

/// A message from a guest.
#[derive(Debug, Clone, PartialEq)]
pub struct InboundMessage {
    pub wamid: String,
    pub from: Sender,
    /// When the guest sent it, by the provider's clock.
    pub timestamp: DateTime<Utc>,
    pub kind: InboundKind,
    pub content: Content,
    /// The wamid of the message that it answers.
    pub reply_to: Option<String>,
}

/// Who wrote. At least one of `wa_id` and `bsuid` is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sender {
    pub wa_id: Option<String>,
    pub bsuid: Option<String>,
    pub username: Option<String>,
    /// The name that the guest gave to WhatsApp.
    pub name: Option<String>,
}

/// The provider's word on one of our messages.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusUpdate {
    pub wamid: String,
    pub status: DeliveryStatus,
    pub timestamp: DateTime<Utc>,
    /// The echo of `biz_opaque_callback_data`, when it is one of ours.
    pub attempt: Option<AttemptRef>,
    pub wa_id: Option<String>,
    pub bsuid: Option<String>,
    /// With `failed`.
    pub error: Option<ProviderError>,
}

crate::text_enum! {
    /// Meta's status words that say something about a message's way.
    DeliveryStatus {
        Sent = "sent",
        Delivered = "delivered",
        Read = "read",
        Failed = "failed",
    }
}

impl DeliveryStatus {
    pub const fn message_status(self) -> MessageStatus {
        match self {
            Self::Sent => MessageStatus::Sent,
            Self::Delivered => MessageStatus::Delivered,
            Self::Read => MessageStatus::Read,
            Self::Failed => MessageStatus::Failed,
        }
    }
}

/// The provider's word on one language of one of our templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateNews {
    /// The provider's id of the template.
    pub provider_id: Option<String>,
    pub name: String,
    pub language: String,
    pub change: TemplateChange,
}

/// What is new. All words but `reason` are Meta's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateChange {
    Status {
        /// Also words that the template list never has, such as `REINSTATED` or `PENDING_DELETION`.
        status: String,
        reason: Option<String>,
    },
    Category {
        new: String,
        previous: Option<String>,
    },
    Quality {
        score: String,
    },
    /// Its texts or buttons changed; the template has to be fetched to know how.
    Components,
}
