//! What each type of event tells, for the document: the values are made where things happen, and a test holds them
//! to these shapes.

use std::collections::HashMap;

use bellhop_domain::batch::BatchStatus;
use bellhop_domain::connection::ConnectionStatus;
use bellhop_domain::consent::{ConsentKind, ConsentSource};
use bellhop_domain::stay::StayStatus;
use bellhop_domain::subscription::SubscriptionStatus;
use bellhop_domain::{
    BatchId, ConnectionId, ConversationId, GuestId, MediaId, MessageId, StaffId, SubscriptionId, TemplateId,
};
use poem_openapi::Object;

use crate::types::{JsonObject, LocalDate, Nullable, Timestamp};

/// A guest wrote.
#[derive(Debug, Object)]
pub struct InboundMessageData {
    message_id: MessageId,
    conversation_id: ConversationId,
    guest_id: GuestId,
    /// E.164 with `+`; `null` for a guest who hides the number.
    guest_phone: Nullable<String>,
    guest: GuestFacts,
    stay: Nullable<StayFacts>,
    message_type: String,
    /// The text, the caption, the tapped title or a readable form: always a text.
    message_content: String,
    /// The structure, as `message_type` has it.
    content: JsonObject,
    /// WhatsApp's id of the message.
    wamid: String,
    sent_at: Timestamp,
}

/// Who the guest is, as far as is known.
#[derive(Debug, Object)]
pub struct GuestFacts {
    name: Nullable<String>,
    language: Nullable<String>,
    tier: Nullable<String>,
}

/// The guest's stay.
#[derive(Debug, Object)]
pub struct StayFacts {
    room: Nullable<String>,
    arrival: LocalDate,
    departure: LocalDate,
    booking_reference: Nullable<String>,
    status: StayStatus,
}

/// A guest's file is here.
#[derive(Debug, Object)]
pub struct MediaReceivedData {
    media_id: MediaId,
    media_type: String,
    mime_type: String,
    filename: Nullable<String>,
    size_bytes: i64,
    /// Where the file can be fetched without a token, for an hour from when this was made: each delivery and each
    /// reading of the log makes another.
    media_url: String,
    caption: Nullable<String>,
    message_id: MessageId,
    conversation_id: ConversationId,
    guest_id: GuestId,
}

/// A guest changed or deleted a message.
#[derive(Debug, Object)]
pub struct RevisionData {
    message_id: MessageId,
    conversation_id: ConversationId,
    guest_id: GuestId,
    message_type: String,
    /// What it says now.
    message_content: String,
    content: JsonObject,
    wamid: Nullable<String>,
    edited_at: Nullable<Timestamp>,
    revoked_at: Nullable<Timestamp>,
}

/// A message of the hotel has got somewhere.
#[derive(Debug, Object)]
pub struct MessageData {
    message_id: MessageId,
    conversation_id: ConversationId,
    guest_id: GuestId,
    message_type: String,
    status: String,
    wamid: Nullable<String>,
    /// Which attempt at it this was.
    attempt: i64,
    /// Why it failed, expired or waits.
    failure: Nullable<JsonObject>,
    /// When the next attempt is due, of one that is queued.
    due_at: Nullable<Timestamp>,
    /// The guest has got it twice.
    sent_twice: bool,
    staff_member_id: Nullable<String>,
    metadata: Nullable<JsonObject>,
    batch_id: Nullable<BatchId>,
    /// Its fallback template went instead.
    fell_back: bool,
    /// The message for which it is the fallback.
    fallback_for: Nullable<MessageId>,
}

/// A batch as a whole.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct BatchData {
    batch_id: BatchId,
    name: Nullable<String>,
    status: BatchStatus,
    accepted: i64,
    rejected: i64,
    duplicate: i64,
    opted_out: i64,
    stopped_reason: Nullable<String>,
    send_at: Nullable<Timestamp>,
    /// Of `batch_progress`: how many messages are in each state that any is in.
    counts: Option<HashMap<String, u64>>,
}

/// A conversation begins, or begins again.
#[derive(Debug, Object)]
pub struct ConversationData {
    conversation_id: ConversationId,
    guest_id: GuestId,
}

/// Staff closed a conversation.
#[derive(Debug, Object)]
pub struct ResolvedData {
    conversation_id: ConversationId,
    guest_id: GuestId,
    satisfaction_rating: Nullable<i64>,
    follow_up_required: bool,
}

/// Somebody else looks after a conversation, or nobody any more.
#[derive(Debug, Object)]
pub struct AssignedData {
    conversation_id: ConversationId,
    guest_id: GuestId,
    staff_member_id: Nullable<StaffId>,
    /// Who looked after it before.
    previous: Nullable<StaffId>,
    /// The person or the API token; `null` when two conversations became one.
    assigned_by: Nullable<String>,
}

/// A customer service window.
#[derive(Debug, Object)]
pub struct WindowData {
    conversation_id: ConversationId,
    guest_id: GuestId,
    window_expires_at: Timestamp,
}

/// Somebody new.
#[derive(Debug, Object)]
pub struct GuestCreatedData {
    guest_id: GuestId,
    name: Nullable<String>,
}

/// What is known about a guest has changed.
#[derive(Debug, Object)]
pub struct GuestUpdatedData {
    guest_id: GuestId,
    name: Nullable<String>,
    /// What of it: `name`, `language`, `tier`, `notes`, `stay` and others.
    changed: Vec<String>,
    guest: GuestFacts,
    stay: Nullable<StayFacts>,
}

/// Two guests were one.
#[derive(Debug, Object)]
pub struct GuestMergedData {
    /// Who stays.
    guest_id: GuestId,
    merged_guest_id: GuestId,
}

/// Whoever keeps something about this guest should take it away too.
#[derive(Debug, Object)]
pub struct GuestErasedData {
    guest_id: GuestId,
}

/// What a guest wants to get.
#[derive(Debug, Object)]
pub struct ConsentData {
    guest_id: GuestId,
    kind: ConsentKind,
    source: ConsentSource,
    at: Timestamp,
    /// In which the guest said so.
    message_id: Nullable<MessageId>,
    staff_member_id: Nullable<String>,
}

/// A template has changed at WhatsApp.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct TemplateData {
    template_id: TemplateId,
    template_name: String,
    language: String,
    /// Meta's word.
    status: String,
    category: Option<String>,
    previous_status: Option<String>,
    rejection_reason: Option<Nullable<String>>,
    previous_category: Option<String>,
    quality: Option<Nullable<String>>,
    previous_quality: Option<Nullable<String>>,
}

/// A partner's webhook.
#[derive(Debug, Object)]
pub struct SubscriptionData {
    subscription_id: SubscriptionId,
    status: SubscriptionStatus,
    /// `null` when it was just configured.
    previous_status: Nullable<SubscriptionStatus>,
    removed: bool,
    failing_since: Nullable<Timestamp>,
}

/// A number of the hotel.
#[derive(Debug, Object)]
pub struct ConnectionData {
    connection_id: ConnectionId,
    status: ConnectionStatus,
    previous_status: ConnectionStatus,
    phone_number_id: String,
    /// Why it cannot send.
    reason: Nullable<JsonObject>,
}
