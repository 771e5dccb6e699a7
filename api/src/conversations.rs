//! Conversations, their windows and their end.

use bellhop_domain::conversation::ConversationStatus;
use bellhop_domain::stay::StayStatus;
use bellhop_domain::window::WindowState;
use bellhop_domain::{ConversationId, GuestId, MessageId, StaffId};
use bellhop_service::conversation::{
    AssigneeFilter, ConversationDetail, ConversationFilter, ConversationView, Resolution, ResolutionView,
    WindowStatus,
};
use bellhop_service::page::PageRequest;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi, Union};

use crate::Tag;
use crate::analytics::Analytics;
use crate::auth::{Authorized, ReadConversations, ResolveConversations, SendMessages};
use crate::body::JsonBody;
use crate::envelope::ApiError;
use crate::guests::Guest;
use crate::list::List;
use crate::message::Message;
use crate::types::{JsonObject, Limit, Nullable, PhoneQuery, Timestamp};

/// All that was said between a guest and one number of the hotel.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Conversation {
    conversation_id: ConversationId,
    status: ConversationStatus,
    guest_id: GuestId,
    /// `null` for a guest who hides it.
    guest_phone: Nullable<String>,
    guest: Guest,
    metadata: JsonObject,
    /// Until when free text may be sent; `null` when the guest never wrote.
    window_expires_at: Nullable<Timestamp>,
    last_inbound_at: Nullable<Timestamp>,
    last_activity_at: Timestamp,
    /// Who looks after it; `null`: nobody.
    assignee: Nullable<StaffId>,
    /// How it was resolved the last time.
    resolution: Option<ResolutionInfo>,
    created_at: Timestamp,
}

/// How staff closed a conversation.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct ResolutionInfo {
    resolution_notes: Option<String>,
    satisfaction_rating: Option<i16>,
    follow_up_required: bool,
    resolved_at: Timestamp,
}

/// A conversation with its newest messages.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct ConversationWithMessages {
    #[oai(flatten)]
    conversation: Conversation,
    /// The guest and the staff who wrote in it.
    participants: Vec<Participant>,
    /// The newest page, oldest first.
    messages: Vec<Message>,
    /// Leads to older messages as `cursor`; `null` at the beginning of the conversation.
    messages_next_cursor: Nullable<String>,
}

#[derive(Debug, Union)]
#[oai(discriminator_name = "type", one_of = true)]
enum Participant {
    #[oai(mapping = "guest")]
    Guest(GuestParticipant),
    #[oai(mapping = "staff")]
    Staff(StaffParticipant),
}

#[derive(Debug, Object)]
struct GuestParticipant {
    guest_id: GuestId,
    name: Nullable<String>,
    phone: Nullable<String>,
}

#[derive(Debug, Object)]
struct StaffParticipant {
    staff_member_id: String,
}

/// Whether free text may be sent now.
#[derive(Debug, Object)]
struct WindowInfo {
    within_window: bool,
    window_expires_at: Nullable<Timestamp>,
    /// 0 when the window is closed.
    hours_remaining: f64,
}

/// How staff close a conversation.
#[derive(Debug, Object)]
#[oai(example)]
struct ResolveConversation {
    #[oai(validator(max_length = 4000))]
    resolution_notes: Option<String>,
    #[oai(validator(minimum(value = "1"), maximum(value = "5")))]
    satisfaction_rating: Option<i64>,
    /// `false` when absent.
    follow_up_required: Option<bool>,
}

impl poem_openapi::types::Example for ResolveConversation {
    fn example() -> Self {
        Self {
            resolution_notes: Some("Guest room service request completed successfully".to_owned()),
            satisfaction_rating: Some(5),
            follow_up_required: Some(false),
        }
    }
}

impl From<ConversationView> for Conversation {
    fn from(view: ConversationView) -> Self {
        Self {
            conversation_id: view.conversation_id,
            status: view.status,
            guest_id: view.guest.guest_id,
            guest_phone: Nullable(view.guest.phone.clone()),
            guest: view.guest.into(),
            metadata: JsonObject::of(view.metadata),
            window_expires_at: Nullable::from(view.window_expires_at),
            last_inbound_at: Nullable::from(view.last_inbound_at),
            last_activity_at: view.last_activity_at.into(),
            assignee: Nullable(view.assignee),
            resolution: view.resolution.map(ResolutionInfo::from),
            created_at: view.created_at.into(),
        }
    }
}

impl From<ResolutionView> for ResolutionInfo {
    fn from(view: ResolutionView) -> Self {
        Self {
            resolution_notes: view.notes,
            satisfaction_rating: view.satisfaction_rating,
            follow_up_required: view.follow_up_required,
            resolved_at: view.resolved_at.into(),
        }
    }
}

impl From<ConversationDetail> for ConversationWithMessages {
    fn from(detail: ConversationDetail) -> Self {
        let guest = &detail.conversation.guest;
        let guest = Participant::Guest(GuestParticipant {
            guest_id: guest.guest_id,
            name: Nullable(guest.name.clone()),
            phone: Nullable(guest.phone.clone()),
        });
        let staff = detail.staff.into_iter();
        let staff = staff.map(|staff_member_id| Participant::Staff(StaffParticipant { staff_member_id }));
        Self {
            participants: std::iter::once(guest).chain(staff).collect(),
            messages: detail.messages.data.into_iter().map(Message::from).collect(),
            messages_next_cursor: Nullable(detail.messages.next_cursor),
            conversation: detail.conversation.into(),
        }
    }
}

impl From<WindowStatus> for WindowInfo {
    fn from(status: WindowStatus) -> Self {
        Self {
            within_window: status.within_window,
            window_expires_at: Nullable::from(status.window_expires_at),
            hours_remaining: status.hours_remaining,
        }
    }
}

/// How the guest's messages are marked.
#[derive(Debug, Object)]
struct MarkRead {
    /// Whether the guest sees for up to 25 seconds that somebody is writing; `false` when absent.
    typing: Option<bool>,
}

/// What became of a mark.
#[derive(Debug, Object)]
struct ReadMark {
    conversation_id: ConversationId,
    /// The newest message that counts as read; `null` when the guest never wrote.
    message_id: Nullable<MessageId>,
    read_at: Timestamp,
    /// Whether WhatsApp was told, so that the guest sees it.
    shown_to_guest: bool,
}

pub struct Conversations;

#[OpenApi(tag = "Tag::Conversations")]
impl Conversations {
    /// Conversations, newest activity first
    #[oai(path = "/conversations", method = "get", operation_id = "list_conversations")]
    #[expect(clippy::too_many_arguments, reason = "each query parameter is an argument")]
    async fn list(
        &self,
        auth: Authorized<ReadConversations>,
        guest_phone: Query<Option<PhoneQuery>>,
        status: Query<Option<ConversationStatus>>,
        /// By the 24-hour window: `open`, `closing` (within two hours) or `closed`
        window: Query<Option<WindowState>>,
        /// Of the guest's current stay
        room: Query<Option<String>>,
        /// Of the guest's current stay: `in_house` or `reserved`
        stay_status: Query<Option<StayStatus>>,
        /// The guest's
        tier: Query<Option<String>>,
        /// The guest's, exactly: `en` finds no `en_US`
        language: Query<Option<String>>,
        /// Who looks after it: the id of a person, or `none`
        assignee: Query<Option<String>>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<Conversation>>, ApiError> {
        let filter = ConversationFilter {
            guest_phone: guest_phone.0.map(|phone| phone.0),
            status: status.0,
            window: window.0,
            room: room.0,
            stay_status: stay_status.0,
            tier: tier.0,
            language: language.0,
            assignee: assignee.0.as_deref().map(AssigneeFilter::parse).transpose()?,
        };
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        Ok(Json(auth.app.conversations(&auth.caller, filter, page).await?.into()))
    }

    /// A conversation with its messages
    #[oai(path = "/conversations/:conversation_id", method = "get", operation_id = "get_conversation")]
    async fn get(
        &self,
        auth: Authorized<ReadConversations>,
        conversation_id: Path<ConversationId>,
        /// How many messages
        limit: Query<Option<Limit>>,
        /// `messages_next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<ConversationWithMessages>, ApiError> {
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        Ok(Json(auth.app.conversation(&auth.caller, conversation_id.0, page).await?.into()))
    }

    /// Resolve a conversation
    ///
    /// The next message in it, to or from the guest, makes it active again.
    #[oai(
        path = "/conversations/:conversation_id/resolve",
        method = "post",
        operation_id = "resolve_conversation"
    )]
    async fn resolve(
        &self,
        auth: Authorized<ResolveConversations>,
        conversation_id: Path<ConversationId>,
        body: JsonBody<ResolveConversation>,
    ) -> Result<Json<Conversation>, ApiError> {
        let resolution = Resolution {
            notes: body.value.resolution_notes,
            satisfaction_rating: body.value.satisfaction_rating,
            follow_up_required: body.value.follow_up_required.unwrap_or_default(),
        };
        let view = auth.app.resolve_conversation(&auth.caller, conversation_id.0, resolution).await?;
        Ok(Json(view.into()))
    }

    /// Mark what the guest wrote as read
    ///
    /// The guest sees it too, and with `typing` also that somebody is writing.
    #[oai(
        path = "/conversations/:conversation_id/read",
        method = "post",
        operation_id = "mark_conversation_read"
    )]
    async fn read(
        &self,
        auth: Authorized<SendMessages>,
        conversation_id: Path<ConversationId>,
        body: JsonBody<MarkRead>,
    ) -> Result<Json<ReadMark>, ApiError> {
        let typing = body.value.typing.unwrap_or_default();
        let view = auth.app.mark_read(&auth.caller, conversation_id.0, typing).await?;
        Ok(Json(ReadMark {
            conversation_id: view.conversation_id,
            message_id: Nullable(view.message_id),
            read_at: view.read_at.into(),
            shown_to_guest: view.shown_to_guest,
        }))
    }

    /// How a conversation went, in numbers
    #[oai(
        path = "/conversations/:conversation_id/analytics",
        method = "get",
        operation_id = "get_conversation_analytics"
    )]
    async fn analytics(
        &self,
        auth: Authorized<ReadConversations>,
        conversation_id: Path<ConversationId>,
    ) -> Result<Json<Analytics>, ApiError> {
        Ok(Json(auth.app.conversation_analytics(&auth.caller, conversation_id.0).await?.into()))
    }

    /// The 24-hour window of a conversation
    #[oai(
        path = "/conversations/:conversation_id/window-status",
        method = "get",
        operation_id = "get_window_status"
    )]
    async fn window(
        &self,
        auth: Authorized<ReadConversations>,
        conversation_id: Path<ConversationId>,
    ) -> Result<Json<WindowInfo>, ApiError> {
        Ok(Json(auth.app.window_status(&auth.caller, conversation_id.0).await?.into()))
    }
}
