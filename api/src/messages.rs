//! Seeing what became of messages, and deciding about them.

use bellhop_domain::conversation::Direction;
use bellhop_domain::{ConversationId, GuestId, MessageId, MessageStatus};
use bellhop_service::message::{Decision, MessageFilter};
use bellhop_service::page::PageRequest;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};

use crate::Tag;
use crate::auth::{Authorized, ReadConversations, SendMessages};
use crate::body::JsonBody;
use crate::envelope::ApiError;
use crate::list::List;
use crate::message::{DeliveryStatus, Message};
use crate::types::Limit;

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
