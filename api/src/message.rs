//! Messages, as answers show them.

use bellhop_domain::conversation::Direction;
use bellhop_domain::pricing::Pricing as View;
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::{ConversationId, GuestId, MessageId, MessageStatus};
use bellhop_service::message::MessageView;
use poem_openapi::Object;

use crate::content::Content;
use crate::failure::FailureReason;
use crate::revisions::{EarlierContent, MessageOrigin};
use crate::types::{JsonObject, Nullable, Timestamp};

/// A message, to or from a guest.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Message {
    message_id: MessageId,
    conversation_id: ConversationId,
    guest_id: GuestId,
    direction: Direction,
    /// `text`, `image`, `video`, `audio`, `document`, `sticker`, `location`, `contacts`, `interactive`,
    /// `reaction`, `template`; of guests also `reply` (a button or row that was tapped), `order`, `notice` (what
    /// WhatsApp tells of the guest) and `unsupported` (not understood yet).
    message_type: String,
    content: Content,
    status: MessageStatus,
    /// WhatsApp's id.
    wamid: Option<String>,
    /// The wamid of the message that this one answers.
    reply_to: Option<String>,
    /// Our id of the same, where it is a message that we have.
    reply_to_message_id: Option<MessageId>,
    /// Where it comes from, if not simply from the guest.
    origin: Option<MessageOrigin>,
    /// When the guest changed it last; `content` is what it says now.
    edited_at: Option<Timestamp>,
    /// When the guest deleted it for everyone.
    revoked_at: Option<Timestamp>,
    /// What it said before, oldest first.
    earlier: Option<Vec<EarlierContent>>,
    staff_member_id: Option<String>,
    metadata: Option<JsonObject>,
    /// How often it went, or may have gone, out.
    attempts: i32,
    /// When a queued message is tried next.
    due_at: Option<Timestamp>,
    /// When a scheduled message leaves.
    send_at: Option<Timestamp>,
    created_at: Timestamp,
    sent_at: Nullable<Timestamp>,
    delivered_at: Nullable<Timestamp>,
    read_at: Nullable<Timestamp>,
    failed_at: Option<Timestamp>,
    /// Why it failed or waits.
    failure_reason: Nullable<FailureReason>,
    /// WhatsApp's last refusal.
    failure: Option<Failure>,
    /// Since when it is uncertain whether the message left.
    in_doubt_since: Option<Timestamp>,
    /// WhatsApp took it twice.
    sent_twice: bool,
    /// Whether it costs, once WhatsApp said so.
    pricing: Option<Pricing>,
    /// `true`: the 24-hour window had closed, and what it says is the fallback template.
    fell_back: bool,
    /// The message that WhatsApp dropped because its window had closed; this one went out instead.
    fallback_for: Option<MessageId>,
    /// `true`: what it said is not kept any more, and `content` has its kind only.
    erased: bool,
}

/// WhatsApp's reason for not taking or not delivering a message.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct Failure {
    code: i64,
    title: String,
    details: Option<String>,
}

/// What WhatsApp charges for a message: no amount, but whether it costs and by which tariff.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct Pricing {
    billable: bool,
    /// `PMP`: for each message.
    pricing_model: Option<String>,
    /// WhatsApp's word, such as `regular` or `free_customer_service`.
    #[oai(rename = "type")]
    kind: Option<String>,
    /// WhatsApp's word, such as `marketing`, `utility`, `authentication` or `service`.
    category: Option<String>,
}

/// What became of a message.
#[derive(Debug, Object)]
pub struct DeliveryStatus {
    message_id: MessageId,
    status: MessageStatus,
    sent_at: Nullable<Timestamp>,
    delivered_at: Nullable<Timestamp>,
    read_at: Nullable<Timestamp>,
    failure_reason: Nullable<FailureReason>,
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self { code: error.code, title: error.title, details: error.details }
    }
}

impl From<View> for Pricing {
    fn from(view: View) -> Self {
        let View { billable, pricing_model, kind, category } = view;
        Self { billable, pricing_model, kind, category }
    }
}

impl From<MessageView> for Message {
    fn from(view: MessageView) -> Self {
        Self {
            failure_reason: Nullable::from(view.failure_reason()),
            message_id: view.message_id,
            conversation_id: view.conversation_id,
            guest_id: view.guest_id,
            direction: view.direction,
            message_type: view.content.kind().to_owned(),
            content: Content::of(view.content, view.arrival),
            status: view.status,
            wamid: view.wamid,
            reply_to: view.reply_to,
            reply_to_message_id: view.reply_to_message,
            origin: view.origin.map(MessageOrigin::from),
            edited_at: view.edited_at.map(Timestamp),
            revoked_at: view.revoked_at.map(Timestamp),
            earlier: (!view.revisions.is_empty())
                .then(|| view.revisions.into_iter().map(EarlierContent::from).collect()),
            staff_member_id: view.staff_member_id,
            metadata: view.metadata.map(JsonObject::of),
            attempts: view.attempts,
            due_at: view.due_at.map(Timestamp),
            send_at: view.send_at.map(Timestamp::from),
            created_at: view.created_at.into(),
            sent_at: Nullable::from(view.sent_at),
            delivered_at: Nullable::from(view.delivered_at),
            read_at: Nullable::from(view.read_at),
            failed_at: view.failed_at.map(Timestamp),
            failure: view.failure.map(Failure::from),
            in_doubt_since: view.in_doubt_since.map(Timestamp),
            sent_twice: view.sent_twice,
            pricing: view.pricing.map(Pricing::from),
            fell_back: view.fell_back,
            fallback_for: view.fallback_for,
            erased: view.erased_at.is_some(),
        }
    }
}

impl From<MessageView> for DeliveryStatus {
    fn from(view: MessageView) -> Self {
        Self {
            message_id: view.message_id,
            status: view.status,
            sent_at: Nullable::from(view.sent_at),
            delivered_at: Nullable::from(view.delivered_at),
            read_at: Nullable::from(view.read_at),
            failure_reason: Nullable::from(view.failure_reason()),
        }
    }
}
