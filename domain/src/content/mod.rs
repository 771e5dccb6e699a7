//! What a message says, in the one shape that is stored, shown and sent.

mod contacts;
mod erased;
mod header;
mod interactive;
mod location;
mod media;
mod notice;
mod order;
mod reaction;
mod reply;
mod template;
mod text;
mod wrong;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use contacts::{Address, Contact, Contacts, Email, Name, NameParts, Org, Phone, Website};
pub use header::{Header, HeaderMedia};
pub use interactive::{Action, Button, Interactive, Row, Section};
pub use location::Location;
pub use media::Media;
pub use notice::{Notice, NoticeKind};
pub use order::{Order, OrderItem};
pub use reaction::Reaction;
pub use reply::{Reply, ReplyKind};
pub use template::{ButtonKind, ButtonValue, Template};
pub use text::{TEXT_MAX, Text};
pub use wrong::Wrong;

use crate::media::{MediaKind, MediaRef};

/// The content of a message, tagged by its `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "db", derive(sea_orm::FromJsonQueryResult))]
pub enum Content {
    Text(Text),
    Template(Template),
    Image(Media),
    Video(Media),
    Audio(Media),
    Document(Media),
    Sticker(Media),
    Location(Location),
    Contacts(Contacts),
    Interactive(Interactive),
    Reaction(Reaction),
    /// From here on: what only guests send, or WhatsApp itself.
    Reply(Reply),
    Order(Order),
    Notice(Notice),
    /// An inbound item of a kind that is not understood (yet), as it came.
    Unsupported(Unsupported),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unsupported {
    /// The provider's word for the kind.
    pub original_type: String,
    pub payload: Value,
}

impl Content {
    /// A file of this kind.
    pub fn media(kind: MediaKind, media: Media) -> Self {
        match kind {
            MediaKind::Image => Self::Image(media),
            MediaKind::Video => Self::Video(media),
            MediaKind::Audio => Self::Audio(media),
            MediaKind::Document => Self::Document(media),
            MediaKind::Sticker => Self::Sticker(media),
        }
    }

    /// The API's `message_type`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Template(_) => "template",
            Self::Image(_) => "image",
            Self::Video(_) => "video",
            Self::Audio(_) => "audio",
            Self::Document(_) => "document",
            Self::Sticker(_) => "sticker",
            Self::Location(_) => "location",
            Self::Contacts(_) => "contacts",
            Self::Interactive(_) => "interactive",
            Self::Reaction(_) => "reaction",
            Self::Reply(_) => "reply",
            Self::Order(_) => "order",
            Self::Notice(_) => "notice",
            Self::Unsupported(_) => "unsupported",
        }
    }

    /// The words under a file.
    pub fn caption(&self) -> Option<&str> {
        match self {
            Self::Image(media)
            | Self::Video(media)
            | Self::Audio(media)
            | Self::Document(media)
            | Self::Sticker(media) => media.caption.as_deref(),
            Self::Text(_)
            | Self::Template(_)
            | Self::Location(_)
            | Self::Contacts(_)
            | Self::Interactive(_)
            | Self::Reaction(_)
            | Self::Reply(_)
            | Self::Order(_)
            | Self::Notice(_)
            | Self::Unsupported(_) => None,
        }
    }

    /// A readable form of any content.
    pub fn summary(&self) -> String {
        let file = |media: &Media, word: &str| match media.caption.as_ref().or(media.filename.as_ref()) {
            Some(words) => words.clone(),
            None => format!("[{word}]"),
        };
        match self {
            Self::Text(text) => text.text.clone(),
            Self::Template(template) => template.text.clone(),
            Self::Image(media) => file(media, "image"),
            Self::Video(media) => file(media, "video"),
            Self::Audio(media) => file(media, "audio"),
            Self::Document(media) => file(media, "document"),
            Self::Sticker(media) => file(media, "sticker"),
            Self::Location(place) => place.name.clone().unwrap_or_else(|| "[location]".to_owned()),
            Self::Contacts(contacts) => contacts.summary(),
            Self::Interactive(interactive) => interactive.text.clone(),
            Self::Reaction(reaction) => reaction.emoji.clone().unwrap_or_default(),
            Self::Reply(reply) => reply.title.clone(),
            Self::Order(order) => order.summary(),
            Self::Notice(notice) => notice.text.clone(),
            Self::Unsupported(item) => format!("[{}]", item.original_type),
        }
    }

    /// Whether it may only leave inside the customer service window.
    pub const fn needs_window(&self) -> bool {
        match self {
            Self::Template(_) => false,
            Self::Text(_)
            | Self::Image(_)
            | Self::Video(_)
            | Self::Audio(_)
            | Self::Document(_)
            | Self::Sticker(_)
            | Self::Location(_)
            | Self::Contacts(_)
            | Self::Interactive(_)
            | Self::Reaction(_)
            | Self::Reply(_)
            | Self::Order(_)
            | Self::Notice(_)
            | Self::Unsupported(_) => true,
        }
    }

    /// Whether a guest tapped a button with it.
    pub const fn is_tap(&self) -> bool {
        matches!(self, Self::Reply(Reply { reply_type: ReplyKind::Button | ReplyKind::TemplateButton, .. }))
    }

    /// Whether it is of a kind that can be sent at all.
    pub const fn is_sendable(&self) -> bool {
        match self {
            Self::Text(_)
            | Self::Template(_)
            | Self::Image(_)
            | Self::Video(_)
            | Self::Audio(_)
            | Self::Document(_)
            | Self::Sticker(_)
            | Self::Location(_)
            | Self::Contacts(_)
            | Self::Interactive(_)
            | Self::Reaction(_) => true,
            Self::Reply(_) | Self::Order(_) | Self::Notice(_) | Self::Unsupported(_) => false,
        }
    }

    /// The content as WhatsApp takes it, or the first field that it would refuse.
    ///
    /// What a template must be given is checked where it is filled in.
    pub fn check(self) -> Result<Self, Wrong> {
        let media = |kind, media: Media| media.check(kind).map(|media| Self::media(kind, media));
        match self {
            Self::Text(text) => text.check().map(Self::Text),
            Self::Template(template) => Ok(Self::Template(template)),
            Self::Image(file) => media(MediaKind::Image, file),
            Self::Video(file) => media(MediaKind::Video, file),
            Self::Audio(file) => media(MediaKind::Audio, file),
            Self::Document(file) => media(MediaKind::Document, file),
            Self::Sticker(file) => media(MediaKind::Sticker, file),
            Self::Location(location) => location.check().map(Self::Location),
            Self::Contacts(contacts) => contacts.check().map(Self::Contacts),
            Self::Interactive(interactive) => interactive.check().map(Self::Interactive),
            Self::Reaction(reaction) => reaction.check().map(Self::Reaction),
            Self::Reply(_) | Self::Order(_) | Self::Notice(_) | Self::Unsupported(_) => {
                Err(Wrong::new("type", "cannot be sent"))
            }
        }
    }

    /// The one file that it carries, and as what.
    pub const fn file(&self) -> Option<(MediaKind, &MediaRef)> {
        let header = match self {
            Self::Image(media) => return Some((MediaKind::Image, &media.source)),
            Self::Video(media) => return Some((MediaKind::Video, &media.source)),
            Self::Audio(media) => return Some((MediaKind::Audio, &media.source)),
            Self::Document(media) => return Some((MediaKind::Document, &media.source)),
            Self::Sticker(media) => return Some((MediaKind::Sticker, &media.source)),
            Self::Template(template) => &template.header,
            Self::Interactive(interactive) => &interactive.header,
            Self::Text(_)
            | Self::Location(_)
            | Self::Contacts(_)
            | Self::Reaction(_)
            | Self::Reply(_)
            | Self::Order(_)
            | Self::Notice(_)
            | Self::Unsupported(_) => return None,
        };
        match header {
            Some(header) => header.file(),
            None => None,
        }
    }

    /// This content as its author changed it to `new`. The file stays: only words can be changed, and a
    /// caption comes with a file that is described anew.
    pub fn edited(&self, new: Self) -> Self {
        let captioned = |old: &Media, new: Media| Media { caption: new.caption, ..old.clone() };
        match (self, new) {
            (Self::Image(old), Self::Image(new)) => Self::Image(captioned(old, new)),
            (Self::Video(old), Self::Video(new)) => Self::Video(captioned(old, new)),
            (Self::Document(old), Self::Document(new)) => Self::Document(captioned(old, new)),
            (_, new) => new,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Rows are read for years: each shape, to the letter.
    #[test]
    fn stored_forms_are_stable() {
        let id = "media_01h455vb4pex5vsknk084sn02q";
        for stored in [
            json!({"type": "text", "text": "hi"}),
            json!({"type": "text", "text": "hi", "preview_url": true}),
            json!({"type": "image", "media_id": id, "caption": "c"}),
            json!({"type": "document", "link": "https://h.example/a.pdf", "filename": "a.pdf"}),
            json!({"type": "audio", "media_id": id, "voice": true}),
            json!({"type": "sticker", "media_id": id}),
            json!({"type": "location", "latitude": 1.5, "longitude": -2.0, "name": "n"}),
            json!({"type": "contacts", "contacts": [{"name": {"formatted_name": "Ana"},
                "phones": [{"phone": "+1", "type": "WORK"}]}]}),
            json!({"type": "interactive", "interactive_type": "buttons", "text": "t",
                "buttons": [{"id": "a", "title": "A"}]}),
            json!({"type": "interactive", "interactive_type": "list", "text": "t", "button_text": "b",
                "header": {"type": "text", "text": "h"}, "footer": "f",
                "sections": [{"title": "s", "rows": [{"id": "r", "title": "R", "description": "d"}]}]}),
            json!({"type": "interactive", "interactive_type": "cta_url", "text": "t", "display_text": "d",
                "url": "https://h.example", "header": {"type": "image", "media_id": id}}),
            json!({"type": "interactive", "interactive_type": "location_request", "text": "t"}),
            json!({"type": "reaction", "message_id": "msg_01h455vb4pex5vsknk084sn02q", "wamid": "wamid.x",
                "emoji": "👍"}),
            json!({"type": "sticker", "media_id": id, "animated": true}),
            json!({"type": "location", "latitude": 1.5, "longitude": -2.0, "url": "https://h.example"}),
            json!({"type": "reply", "reply_type": "list", "id": "r", "title": "R", "description": "d"}),
            json!({"type": "reply", "reply_type": "flow", "title": "Sent", "data": {"day": "2026-10-01"}}),
            json!({"type": "order", "catalog_id": "7", "text": "t", "items": [
                {"product_id": "sku", "quantity": 2.0, "price": 9.5, "currency": "EUR"}]}),
            json!({"type": "notice", "notice_type": "number_changed", "text": "Ana has a new number"}),
            json!({"type": "unsupported", "original_type": "poll", "payload": {"x": 1}}),
            json!({"type": "template", "template_name": "t", "language": "en", "parameters": {"1": "x"},
                "named": false, "text": "x"}),
            json!({"type": "template", "template_name": "t", "language": "en", "parameters": {},
                "named": true, "text": "x", "header": {"type": "document", "media_id": id, "filename": "f.pdf"},
                "buttons": [{"index": 0, "type": "url", "value": "abc"}]}),
            json!({"type": "template", "template_name": "t", "language": "en", "parameters": {},
                "named": true, "text": "x", "header": {"type": "location", "latitude": 1.0, "longitude": 2.0}}),
        ] {
            let content: Content = serde_json::from_value(stored.clone()).unwrap();
            assert_eq!(serde_json::to_value(&content).unwrap(), stored);
            assert_eq!(content.kind(), stored["type"]);
        }
    }

    #[test]
    fn an_edit_changes_words_and_keeps_the_file() {
        let of = |value| serde_json::from_value::<Content>(value).unwrap();
        let image = |id: &str, caption: &str| {
            of(
                json!({"type": "image", "media_id": format!("media_01h455vb4pex5vsknk084sn02{id}"), "caption": caption}),
            )
        };
        let text = of(json!({"type": "text", "text": "new"}));
        assert_eq!(image("q", "old").edited(image("r", "new")), image("q", "new"));
        assert_eq!(of(json!({"type": "text", "text": "old"})).edited(text.clone()), text);
        assert!(!text.edited(of(json!({"type": "order", "items": []}))).is_sendable());
    }

    #[test]
    fn a_file_is_found_wherever_it_is() {
        let of = |value| serde_json::from_value::<Content>(value).unwrap();
        let image = of(json!({"type": "image", "link": "https://h.example/a.jpg"}));
        assert!(matches!(image.file(), Some((MediaKind::Image, MediaRef::Link(_)))));
        let header = of(json!({"type": "interactive", "interactive_type": "buttons", "text": "t",
            "buttons": [], "header": {"type": "video", "link": "https://h.example/a.mp4"}}));
        assert!(matches!(header.file(), Some((MediaKind::Video, _))));
        assert!(of(json!({"type": "text", "text": "x"})).file().is_none());
    }
}
