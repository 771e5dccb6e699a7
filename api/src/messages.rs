//! Sending messages and seeing what became of them.

use std::time::Duration;

use bellhop_domain::conversation::Direction;
use bellhop_domain::problem::Problem;
use bellhop_domain::{ConversationId, GuestId, MessageId, MessageStatus};
use bellhop_service::message::{Decision, MessageFilter, MessageView};
use bellhop_service::page::PageRequest;
use bellhop_service::send::{SendOptions, Target};
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use crate::auth::{Authorized, ReadConversations, SendMessages};
use crate::body::JsonBody;
use crate::envelope::ApiError;
use crate::list::List;
use crate::message::{DeliveryStatus, Message};
use crate::prefer;
use crate::types::{JsonObject, Limit, Timestamp};
use crate::{BASE_PATH, Tag};

/// A message to a guest. Name the guest by `guest_phone`, `guest_id` or `conversation_id`; several
/// may be given if they mean the same guest.
#[derive(Debug, Object)]
#[oai(example)]
struct SendMessage {
    #[oai(flatten)]
    target: TargetFields,
    /// `text` is the only kind yet.
    message_type: SendableType,
    content: SendableContent,
    /// Kept as given.
    #[oai(validator(max_length = 64))]
    staff_member_id: Option<String>,
    /// Up to 4 kB as JSON, returned with the message and in its events.
    metadata: Option<JsonObject>,
    /// When it is to leave; at once when absent or past. Until then it can be cancelled.
    send_at: Option<Timestamp>,
}

impl poem_openapi::types::Example for SendMessage {
    fn example() -> Self {
        let text = "Welcome to Grand Plaza Hotel! How can we assist you today?".to_owned();
        Self {
            target: TargetFields::to_phone("+1234567890"),
            message_type: SendableType::Text,
            content: SendableContent { text },
            staff_member_id: Some("staff_456".to_owned()),
            metadata: None,
            send_at: None,
        }
    }
}

#[derive(Debug, Enum)]
#[oai(rename_all = "snake_case")]
enum SendableType {
    Text,
}

/// What the guest will read.
#[derive(Debug, Object)]
struct SendableContent {
    #[oai(validator(min_length = 1, max_length = 4096))]
    text: String,
}

/// Whom a send names.
#[derive(Debug, Object)]
pub struct TargetFields {
    /// With `+` and country code, or as it is dialled in the property's default country. A guest
    /// who is not known yet is created.
    guest_phone: Option<String>,
    /// An unknown one is 404.
    guest_id: Option<String>,
    /// An unknown one is 404.
    conversation_id: Option<String>,
}

impl TargetFields {
    pub fn to_phone(phone: &str) -> Self {
        Self { guest_phone: Some(phone.to_owned()), guest_id: None, conversation_id: None }
    }

    /// An id that does not parse names an object that does not exist.
    pub fn read(self) -> Result<Target, ApiError> {
        let no = |what| ApiError::because(Problem::NotFound, format!("There is no such {what}."));
        let guest_id: Option<Result<GuestId, _>> = self.guest_id.map(|id| id.parse());
        let conversation_id: Option<Result<ConversationId, _>> = self.conversation_id.map(|id| id.parse());
        Ok(Target {
            guest_phone: self.guest_phone,
            guest_id: guest_id.transpose().map_err(|_| no("guest"))?,
            conversation_id: conversation_id.transpose().map_err(|_| no("conversation"))?,
        })
    }
}

/// A message that was taken.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SentMessage {
    message_id: MessageId,
    status: MessageStatus,
    conversation_id: ConversationId,
    created_at: Timestamp,
    /// Why it failed or waits, if that is known already.
    failure_reason: Option<String>,
}

#[derive(ApiResponse)]
pub enum Accepted {
    /// The message is stored and will leave as soon as it may. With `Prefer: wait` the status is
    /// what was known by then. A repeat with the same Idempotency-Key answers the same ids with the
    /// present status.
    #[oai(status = 202)]
    Accepted(
        Json<SentMessage>,
        /// Where the message can be read
        #[oai(header = "Location")]
        String,
        /// The wait that was granted
        #[oai(header = "Preference-Applied")]
        Option<String>,
    ),
}

/// Answers for an accepted message, after the wait that the caller prefers.
pub async fn accepted(auth: &Authorized<SendMessages>, made: MessageView, prefer: Option<&str>) -> Accepted {
    let wait = prefer.and_then(prefer::wait);
    let view = match wait {
        // Whatever the wait comes to, the message was accepted and the answer says so.
        Some(seconds) => {
            let limit = Duration::from_secs(seconds);
            auth.app.wait_for(&auth.caller, made.message_id, limit).await.unwrap_or(made)
        }
        None => made,
    };
    let location = format!("{BASE_PATH}/messages/{}", view.message_id);
    let sent = SentMessage {
        message_id: view.message_id,
        status: view.status,
        conversation_id: view.conversation_id,
        created_at: view.created_at.into(),
        failure_reason: view.failure_reason(),
    };
    Accepted::Accepted(Json(sent), location, wait.map(|seconds| format!("wait={seconds}")))
}

/// What staff decide about a message in doubt.
#[derive(Debug, Object)]
struct InDoubtDecision {
    action: InDoubtAction,
}

#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
enum InDoubtAction {
    /// Send it again; the guest may get it twice.
    Resend,
    /// The guest has it, as you found out.
    MarkSent,
    /// Take it as failed; the guest may have it.
    MarkFailed,
}

impl From<InDoubtAction> for Decision {
    fn from(action: InDoubtAction) -> Self {
        match action {
            InDoubtAction::Resend => Self::Resend,
            InDoubtAction::MarkSent => Self::MarkSent,
            InDoubtAction::MarkFailed => Self::MarkFailed,
        }
    }
}

pub struct Messages;

#[OpenApi(tag = "Tag::Messages")]
impl Messages {
    /// Send a text
    ///
    /// Free text reaches a guest only within 24 hours of the guest's last message; outside of them
    /// the answer is 403 MESSAGE_WINDOW_EXPIRED and names templates that may be sent instead.
    #[oai(path = "/messages/send", method = "post", operation_id = "send_message")]
    async fn send(
        &self,
        auth: Authorized<SendMessages>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        /// `wait=5` waits up to 5 (at most 30) seconds for what becomes of the message
        #[oai(name = "Prefer")]
        prefer: Header<Option<String>>,
        body: JsonBody<SendMessage>,
    ) -> Result<Accepted, ApiError> {
        let idempotency_key = body.idempotency_key(key.as_deref())?;
        let SendMessage {
            target,
            content,
            staff_member_id,
            metadata,
            send_at,
            message_type: SendableType::Text,
        } = body.value;
        let metadata = metadata.map(|object| object.0);
        let options = SendOptions {
            staff_member_id,
            metadata,
            idempotency_key,
            conversation_metadata: None,
            send_at: send_at.map(|at| at.0),
        };
        let view = auth.app.send_text(&auth.caller, target.read()?, &content.text, options).await?;
        Ok(accepted(&auth, view, prefer.as_deref()).await)
    }

    /// Messages, newest first
    #[oai(path = "/messages", method = "get", operation_id = "list_messages")]
    #[expect(clippy::too_many_arguments, reason = "each query parameter is an argument")]
    async fn list(
        &self,
        auth: Authorized<ReadConversations>,
        conversation_id: Query<Option<ConversationId>>,
        guest_id: Query<Option<GuestId>>,
        status: Query<Option<MessageStatus>>,
        direction: Query<Option<Direction>>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<Message>>, ApiError> {
        let filter = MessageFilter {
            conversation_id: conversation_id.0,
            guest_id: guest_id.0,
            status: status.0,
            direction: direction.0,
        };
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        Ok(Json(auth.app.messages(&auth.caller, filter, page).await?.into()))
    }

    /// A message
    #[oai(path = "/messages/:message_id", method = "get", operation_id = "get_message")]
    async fn get(
        &self,
        auth: Authorized<ReadConversations>,
        message_id: Path<MessageId>,
    ) -> Result<Json<Message>, ApiError> {
        Ok(Json(auth.app.message(&auth.caller, message_id.0).await?.into()))
    }

    /// What became of a message
    #[oai(path = "/messages/:message_id/status", method = "get", operation_id = "get_message_status")]
    async fn status(
        &self,
        auth: Authorized<ReadConversations>,
        message_id: Path<MessageId>,
    ) -> Result<Json<DeliveryStatus>, ApiError> {
        Ok(Json(auth.app.message(&auth.caller, message_id.0).await?.into()))
    }

    /// Take back a message that has not left yet
    #[oai(path = "/messages/:message_id/cancel", method = "post", operation_id = "cancel_message")]
    async fn cancel(
        &self,
        auth: Authorized<SendMessages>,
        message_id: Path<MessageId>,
    ) -> Result<Json<Message>, ApiError> {
        Ok(Json(auth.app.cancel(&auth.caller, message_id.0).await?.into()))
    }

    /// Send a failed message again
    ///
    /// `GET messages?status=failed` lists them. A text needs an open window, as the first time.
    #[oai(path = "/messages/:message_id/retry", method = "post", operation_id = "retry_message")]
    async fn retry(
        &self,
        auth: Authorized<SendMessages>,
        message_id: Path<MessageId>,
    ) -> Result<Json<Message>, ApiError> {
        Ok(Json(auth.app.retry(&auth.caller, message_id.0).await?.into()))
    }

    /// Decide about a message in doubt
    ///
    /// A message is in doubt when the connection broke during its send: WhatsApp may or may not
    /// have it. It is not sent again by itself.
    #[oai(
        path = "/messages/:message_id/resolve-doubt",
        method = "post",
        operation_id = "resolve_doubt_of_message"
    )]
    async fn decide(
        &self,
        auth: Authorized<SendMessages>,
        message_id: Path<MessageId>,
        body: JsonBody<InDoubtDecision>,
    ) -> Result<Json<Message>, ApiError> {
        let decision = body.value.action.into();
        Ok(Json(auth.app.decide(&auth.caller, message_id.0, decision).await?.into()))
    }
}
