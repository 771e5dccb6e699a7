//! Sending messages to one guest: one operation for any kind, and one for each kind that guides have.

use std::time::Duration;

use bellhop_domain::media::MediaKind;
use bellhop_domain::problem::Problem;
use bellhop_domain::{ConversationId, GuestId, MessageId, MessageStatus};
use bellhop_service::message::MessageView;
use bellhop_service::send::{Draft, SendOptions, Target};
use poem_openapi::param::Header;
use poem_openapi::payload::Json;
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde_json::json;

use crate::auth::{Authorized, SendMessages};
use crate::body::JsonBody;
use crate::content::{
    self, ContactsContent, InteractiveBody, InteractiveType, LocationContent, MediaContent, MessageType,
    ReactionContent, SendableContent, TemplateFields,
};
use crate::envelope::ApiError;
use crate::failure::FailureReason;
use crate::prefer;
use crate::types::{JsonObject, Timestamp};
use crate::{BASE_PATH, Tag};

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

/// What every send may carry.
#[derive(Debug, Default, Object)]
pub struct OptionFields {
    /// The message of this conversation that it answers: our id, or WhatsApp's.
    pub reply_to: Option<String>,
    /// Goes out instead where the guest's 24-hour window is closed, now or when the message's turn
    /// comes; the message then says `fell_back`.
    pub fallback_template: Option<TemplateFields>,
    /// Laid over the conversation's own metadata.
    pub conversation_metadata: Option<JsonObject>,
    /// Kept as given.
    #[oai(validator(max_length = 64))]
    pub staff_member_id: Option<String>,
    /// Up to 4 kB as JSON, returned with the message and in its events.
    pub metadata: Option<JsonObject>,
    /// When it is to leave; at once when absent or past. Until then it can be cancelled.
    pub send_at: Option<Timestamp>,
}

impl OptionFields {
    pub fn read(self) -> Result<SendOptions, ApiError> {
        let fallback = self.fallback_template.map(TemplateFields::read).transpose();
        Ok(SendOptions {
            staff_member_id: self.staff_member_id,
            metadata: self.metadata.map(|object| object.0),
            conversation_metadata: self.conversation_metadata.map(|object| object.0),
            idempotency_key: None,
            send_at: self.send_at.map(|at| at.0),
            reply_to: self.reply_to,
            fallback_template: fallback.map_err(|wrong| content::refuse("fallback_template", vec![wrong]))?,
        })
    }
}

/// A message of any kind to a guest. Name the guest by `guest_phone`, `guest_id` or
/// `conversation_id`; several may be given if they mean the same guest.
#[derive(Debug, Object)]
#[oai(example)]
struct SendMessage {
    #[oai(flatten)]
    target: TargetFields,
    message_type: MessageType,
    content: SendableContent,
    #[oai(flatten)]
    options: OptionFields,
}

impl poem_openapi::types::Example for SendMessage {
    fn example() -> Self {
        let text = "Welcome to Grand Plaza Hotel! How can we assist you today?";
        let staff_member_id = Some("staff_456".to_owned());
        Self {
            target: TargetFields::to_phone("+1234567890"),
            message_type: MessageType::Text,
            content: SendableContent(json!({"text": text})),
            options: OptionFields { staff_member_id, ..OptionFields::default() },
        }
    }
}

/// A file to a guest.
#[derive(Debug, Object)]
struct SendMedia {
    #[oai(flatten)]
    target: TargetFields,
    media_type: MediaKind,
    #[oai(flatten)]
    content: MediaContent,
    #[oai(flatten)]
    options: OptionFields,
}

/// Words with something to tap, to a guest.
#[derive(Debug, Object)]
struct SendInteractive {
    #[oai(flatten)]
    target: TargetFields,
    interactive_type: InteractiveType,
    content: InteractiveBody,
    #[oai(flatten)]
    options: OptionFields,
}

/// A place to a guest.
#[derive(Debug, Object)]
struct SendLocation {
    #[oai(flatten)]
    target: TargetFields,
    #[oai(flatten)]
    content: LocationContent,
    #[oai(flatten)]
    options: OptionFields,
}

/// Cards of people to a guest.
#[derive(Debug, Object)]
struct SendContacts {
    #[oai(flatten)]
    target: TargetFields,
    #[oai(flatten)]
    content: ContactsContent,
    #[oai(flatten)]
    options: OptionFields,
}

/// An emoji on a message of the conversation.
#[derive(Debug, Object)]
struct SendReaction {
    #[oai(flatten)]
    target: TargetFields,
    #[oai(flatten)]
    content: ReactionContent,
    #[oai(flatten)]
    options: OptionFields,
}

/// A message that was taken.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SentMessage {
    message_id: MessageId,
    status: MessageStatus,
    conversation_id: ConversationId,
    created_at: Timestamp,
    /// `true`: the 24-hour window was closed, and the fallback template goes out.
    fell_back: bool,
    /// Of a template: the language that was found for the one that was asked for.
    language: Option<String>,
    /// Why it failed or waits, if that is known already.
    failure_reason: Option<FailureReason>,
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

/// The headers that every send takes.
pub struct SendHeaders<'a> {
    pub key: Option<&'a str>,
    pub prefer: Option<&'a str>,
}

/// Accepts a message and answers, after the wait that the caller prefers.
pub async fn send<T: ParseFromJSON + Type>(
    auth: &Authorized<SendMessages>,
    headers: SendHeaders<'_>,
    body: JsonBody<T>,
    parts: impl FnOnce(T) -> Result<(TargetFields, Draft, OptionFields), ApiError>,
) -> Result<Accepted, ApiError> {
    let idempotency_key = body.idempotency_key(headers.key)?;
    let (target, draft, options) = parts(body.value)?;
    let options = SendOptions { idempotency_key, ..options.read()? };
    let made = auth.app.send(&auth.caller, target.read()?, draft, options).await?;
    Ok(accepted(auth, made, headers.prefer).await)
}

async fn accepted(auth: &Authorized<SendMessages>, made: MessageView, prefer: Option<&str>) -> Accepted {
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
    let language = match &view.content {
        bellhop_domain::Content::Template(template) => Some(template.language.to_string()),
        _ => None,
    };
    let sent = SentMessage {
        message_id: view.message_id,
        status: view.status,
        conversation_id: view.conversation_id,
        created_at: view.created_at.into(),
        fell_back: view.fell_back,
        language,
        failure_reason: view.failure_reason().map(FailureReason::from),
    };
    Accepted::Accepted(Json(sent), location, wait.map(|seconds| format!("wait={seconds}")))
}

/// A content whose fields stand in the request itself.
fn flat(content: bellhop_domain::Content) -> Draft {
    Draft::Content { content, within: "" }
}

pub struct Sending;

#[OpenApi(tag = "Tag::Messages")]
impl Sending {
    /// Send a message of any kind
    ///
    /// Free-form messages, which is all but templates, reach a guest only within 24 hours of the guest's
    /// last message; outside of them the answer is 403 MESSAGE_WINDOW_EXPIRED and names templates that may
    /// be sent instead, unless a `fallback_template` goes out.
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
        let headers = SendHeaders { key: key.as_deref(), prefer: prefer.as_deref() };
        send(&auth, headers, body, |body| {
            let draft = content::read(body.message_type, body.content.0);
            Ok((body.target, draft.map_err(|wrong| content::refuse("content", wrong))?, body.options))
        })
        .await
    }

    /// Send a picture, video, audio, document or sticker
    #[oai(path = "/messages/send-media", method = "post", operation_id = "send_media")]
    async fn media(
        &self,
        auth: Authorized<SendMessages>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        /// `wait=5` waits up to 5 (at most 30) seconds for what becomes of the message
        #[oai(name = "Prefer")]
        prefer: Header<Option<String>>,
        body: JsonBody<SendMedia>,
    ) -> Result<Accepted, ApiError> {
        let headers = SendHeaders { key: key.as_deref(), prefer: prefer.as_deref() };
        send(&auth, headers, body, |body| {
            let content = body.content.into_stored(body.media_type);
            let content = content.map_err(|wrong| content::refuse("", vec![wrong]))?;
            Ok((body.target, flat(content), body.options))
        })
        .await
    }

    /// Send buttons, a list, a link or a request for the guest's location
    #[oai(path = "/messages/send-interactive", method = "post", operation_id = "send_interactive")]
    async fn interactive(
        &self,
        auth: Authorized<SendMessages>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        /// `wait=5` waits up to 5 (at most 30) seconds for what becomes of the message
        #[oai(name = "Prefer")]
        prefer: Header<Option<String>>,
        body: JsonBody<SendInteractive>,
    ) -> Result<Accepted, ApiError> {
        let headers = SendHeaders { key: key.as_deref(), prefer: prefer.as_deref() };
        send(&auth, headers, body, |body| {
            let content = body.content.into_stored(body.interactive_type);
            let content = content.map_err(|wrong| content::refuse("content", vec![wrong]))?;
            Ok((body.target, Draft::Content { content, within: "content" }, body.options))
        })
        .await
    }

    /// Send a place
    #[oai(path = "/messages/send-location", method = "post", operation_id = "send_location")]
    async fn location(
        &self,
        auth: Authorized<SendMessages>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        /// `wait=5` waits up to 5 (at most 30) seconds for what becomes of the message
        #[oai(name = "Prefer")]
        prefer: Header<Option<String>>,
        body: JsonBody<SendLocation>,
    ) -> Result<Accepted, ApiError> {
        let headers = SendHeaders { key: key.as_deref(), prefer: prefer.as_deref() };
        send(&auth, headers, body, |body| Ok((body.target, flat(body.content.into()), body.options))).await
    }

    /// Send cards of people
    #[oai(path = "/messages/send-contacts", method = "post", operation_id = "send_contacts")]
    async fn contacts(
        &self,
        auth: Authorized<SendMessages>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        /// `wait=5` waits up to 5 (at most 30) seconds for what becomes of the message
        #[oai(name = "Prefer")]
        prefer: Header<Option<String>>,
        body: JsonBody<SendContacts>,
    ) -> Result<Accepted, ApiError> {
        let headers = SendHeaders { key: key.as_deref(), prefer: prefer.as_deref() };
        send(&auth, headers, body, |body| Ok((body.target, flat(body.content.into()), body.options))).await
    }

    /// React to a message, or take a reaction back
    #[oai(path = "/messages/send-reaction", method = "post", operation_id = "send_reaction")]
    async fn reaction(
        &self,
        auth: Authorized<SendMessages>,
        /// Makes repeats safe for 24 hours; quoted or not
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        /// `wait=5` waits up to 5 (at most 30) seconds for what becomes of the message
        #[oai(name = "Prefer")]
        prefer: Header<Option<String>>,
        body: JsonBody<SendReaction>,
    ) -> Result<Accepted, ApiError> {
        let headers = SendHeaders { key: key.as_deref(), prefer: prefer.as_deref() };
        send(&auth, headers, body, |body| Ok((body.target, body.content.into(), body.options))).await
    }
}
