//! What a webhook of the provider tells, in our words.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::MediaId;
use crate::attempt::AttemptRef;
use crate::content::Content;
use crate::media::MediaKind;
use crate::pricing::Pricing;
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
    Message(Box<InboundMessage>),
    Revision(Revision),
    Status(StatusUpdate),
    Template(TemplateNews),
    Preference(Preference),
    /// Stored with the change and not acted upon (yet).
    Kept,
}

impl Item {
    /// The guest who did it, and when, by the provider's clock.
    pub fn sender(&self) -> Option<(&Sender, DateTime<Utc>)> {
        match self {
            Self::Message(message) => Some((&message.from, message.timestamp)),
            Self::Preference(preference) => Some((&preference.from, preference.timestamp)),
            Self::Revision(_) | Self::Status(_) | Self::Template(_) | Self::Kept => None,
        }
    }
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
    /// Where it comes from, if not simply from the guest.
    pub origin: Option<Origin>,
    /// What it carries.
    pub file: Option<InboundFile>,
    /// Who the sender is from now on, where that is the news.
    pub moved: Option<NewIdentity>,
}

/// The file of an inbound message, as the provider describes it. It has to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundFile {
    /// Ours, minted by the parser; the content's `MediaRef::MediaId` names it.
    pub media_id: MediaId,
    pub kind: MediaKind,
    /// The provider's id of it.
    pub provider_id: String,
    pub mime: String,
    /// As the provider wrote it: base64 or hexadecimal.
    pub sha256: Option<String>,
    pub filename: Option<String>,
    /// Ready address, when the webhook brought one; good for five minutes.
    pub url: Option<String>,
}

/// The provider's word that the sender has a new number, or a new user id, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentity {
    pub wa_id: Option<String>,
    pub bsuid: Option<String>,
}

/// Where a message comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "db", derive(sea_orm::FromJsonQueryResult))]
pub struct Origin {
    /// The guest passed on what somebody else wrote.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forwarded: bool,
    /// It was passed on many times.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frequently_forwarded: bool,
    /// The ad or post from which the guest came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<Referral>,
    /// The product that the guest asks about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Product>,
}

/// An ad or a post that led to WhatsApp. Source: Meta, webhooks, `referral`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referral {
    /// Meta's word: `ad` or `post`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Meta's word: `image` or `video`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_url: Option<String>,
    /// Meta's id of the click.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_id: Option<String>,
    /// What the ad had written for the guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub welcome_text: Option<String>,
}

/// A product of a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub catalog_id: String,
    pub product_id: String,
}

/// A guest's change of a message that they sent before.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// Of the change itself.
    pub wamid: String,
    /// The message that is changed.
    pub original: String,
    /// When the guest did it, by the provider's clock.
    pub timestamp: DateTime<Utc>,
    pub change: RevisionChange,
}

crate::text_enum! {
    /// What a guest did to a message.
    RevisionKind {
        Edit = "edit",
        Revoke = "revoke",
    }
}

/// What a message said earlier, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "db", derive(sea_orm::FromJsonQueryResult))]
pub struct Said(pub Vec<Saying>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saying {
    pub content: Content,
    /// From when on it said so, by the provider's clock.
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RevisionChange {
    /// It says this now.
    Edit(Box<Content>),
    /// It was deleted for everyone.
    Revoke,
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
    /// With some of a message's statuses.
    pub pricing: Option<Pricing>,
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

crate::text_enum! {
    /// What a guest chose about marketing in WhatsApp itself, in Meta's words.
    Choice {
        Stop = "stop",
        Resume = "resume",
    }
}

/// A guest stopped or resumed the business's marketing in WhatsApp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    pub from: Sender,
    pub choice: Choice,
    /// When the guest chose.
    pub timestamp: DateTime<Utc>,
    /// Meta's sentence about it.
    pub detail: Option<String>,
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
