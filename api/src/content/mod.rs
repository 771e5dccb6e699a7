//! What messages say: one shape for each kind, the same in requests and answers, for single messages, batches and
//! fallbacks.

mod contacts;
mod header;
mod inbound;
mod interactive;
mod location;
mod media;
mod template;

use std::borrow::Cow;

use bellhop_domain::content::{Content as Stored, Text, Wrong};
use bellhop_domain::media::MediaKind;
use bellhop_service::error::Error;
use bellhop_service::media::Arrival;
use bellhop_service::send::Draft;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, ParseResult, ToJSON, Type};
use poem_openapi::{Enum, Object, Union};
use serde_json::Value;

pub use contacts::ContactsContent;
pub use header::Header;
pub use inbound::{NoticeContent, OrderContent, ReplyContent, UnsupportedContent};
pub use interactive::{InteractiveBody, InteractiveContent, InteractiveType};
pub use location::LocationContent;
pub use media::{MediaContent, ShownMedia};
pub use template::{FilledTemplate, TemplateFields};

use crate::body;
use crate::envelope::ApiError;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum MessageType {
    Text,
    Image,
    Video,
    Audio,
    Document,
    Sticker,
    Location,
    Contacts,
    Interactive,
    Reaction,
    Template,
}

/// Plain words.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct TextContent {
    #[oai(validator(min_length = 1, max_length = 4096))]
    pub text: String,
    /// Whether WhatsApp shows what stands behind the first address in it.
    pub preview_url: Option<bool>,
}

/// An emoji on a message of the conversation.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ReactionContent {
    /// Our id of the message, or WhatsApp's.
    pub message_id: String,
    /// Empty or absent takes the reaction back.
    pub emoji: Option<String>,
}

/// A content of any kind: which one, `message_type` says.
#[derive(Debug)]
pub struct SendableContent(pub Value);

macro_rules! schemas {
    ($($name:ty),+ $(,)?) => {
        fn schema_refs() -> Vec<MetaSchemaRef> {
            vec![$(<$name>::schema_ref()),+]
        }

        fn register_all(registry: &mut Registry) {
            $(<$name>::register(registry);)+
        }
    };
}

schemas!(
    TextContent,
    MediaContent,
    LocationContent,
    ContactsContent,
    InteractiveContent,
    ReactionContent,
    TemplateFields,
);

impl Type for SendableContent {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "sendable_content".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema { any_of: schema_refs(), ..MetaSchema::ANY }))
    }

    fn register(registry: &mut Registry) {
        register_all(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for SendableContent {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Ok(Self(value.unwrap_or_default()))
    }
}

impl ToJSON for SendableContent {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone())
    }
}

/// Reads a content of this kind. Wrong fields are named within `content`.
pub fn read(kind: MessageType, value: Value) -> Result<Draft, Vec<Wrong>> {
    let content = |content: Result<Stored, Wrong>| match content {
        Ok(content) => Ok(Draft::Content { content, within: "content" }),
        Err(wrong) => Err(vec![wrong]),
    };
    let media = |kind: MediaKind, value| content(body::check::<MediaContent>(value)?.into_stored(kind));
    match kind {
        MessageType::Text => content(Ok(body::check::<TextContent>(value)?.into())),
        MessageType::Image => media(MediaKind::Image, value),
        MessageType::Video => media(MediaKind::Video, value),
        MessageType::Audio => media(MediaKind::Audio, value),
        MessageType::Document => media(MediaKind::Document, value),
        MessageType::Sticker => media(MediaKind::Sticker, value),
        MessageType::Location => content(Ok(body::check::<LocationContent>(value)?.into())),
        MessageType::Contacts => content(Ok(body::check::<ContactsContent>(value)?.into())),
        MessageType::Interactive => content(body::check::<InteractiveContent>(value)?.into_stored()),
        MessageType::Reaction => Ok(body::check::<ReactionContent>(value)?.into()),
        MessageType::Template => {
            body::check::<TemplateFields>(value)?.read().map(Draft::Template).map_err(|wrong| vec![wrong])
        }
    }
}

/// Wrong fields of a content as an answer.
pub fn refuse(within: &str, wrong: Vec<Wrong>) -> ApiError {
    let within = |wrong: Wrong| match (within, wrong.field.as_str()) {
        ("", "") => wrong.within("body"),
        ("", _) => wrong,
        (within, _) => wrong.within(within),
    };
    let wrong: Vec<Wrong> = wrong.into_iter().map(within).collect();
    Error::fields(&wrong).into()
}

impl From<TextContent> for Stored {
    fn from(content: TextContent) -> Self {
        let preview_url = content.preview_url.unwrap_or_default();
        Self::Text(Text { text: content.text, preview_url })
    }
}

impl From<ReactionContent> for Draft {
    fn from(content: ReactionContent) -> Self {
        Self::Reaction { message: content.message_id, emoji: content.emoji }
    }
}

/// What a message says, in the shape in which it is sent.
#[derive(Debug, Union)]
pub enum Content {
    Text(TextContent),
    Template(FilledTemplate),
    Media(ShownMedia),
    Location(LocationContent),
    Contacts(ContactsContent),
    Interactive(InteractiveContent),
    Reaction(ReactionContent),
    Reply(ReplyContent),
    Order(OrderContent),
    Notice(NoticeContent),
    Unsupported(UnsupportedContent),
}

impl From<Stored> for Content {
    fn from(content: Stored) -> Self {
        Self::of(content, None)
    }
}

impl Content {
    /// `arrival` says what became of a file that a guest sent.
    pub fn of(content: Stored, arrival: Option<Arrival>) -> Self {
        match content {
            Stored::Text(text) => {
                Self::Text(TextContent { text: text.text, preview_url: text.preview_url.then_some(true) })
            }
            Stored::Template(template) => Self::Template(template.into()),
            Stored::Image(media)
            | Stored::Video(media)
            | Stored::Audio(media)
            | Stored::Document(media)
            | Stored::Sticker(media) => Self::Media(ShownMedia::of(media, arrival)),
            Stored::Location(location) => Self::Location(location.into()),
            Stored::Contacts(contacts) => Self::Contacts(contacts.into()),
            Stored::Interactive(interactive) => Self::Interactive(interactive.into()),
            Stored::Reaction(reaction) => Self::Reaction(ReactionContent {
                message_id: reaction.message_id.map_or(reaction.wamid, |id| id.to_string()),
                emoji: reaction.emoji,
            }),
            Stored::Reply(reply) => Self::Reply(reply.into()),
            Stored::Order(order) => Self::Order(order.into()),
            Stored::Notice(notice) => Self::Notice(notice.into()),
            Stored::Unsupported(item) => Self::Unsupported(item.into()),
        }
    }
}
