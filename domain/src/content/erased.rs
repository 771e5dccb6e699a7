//! What is left of a content when its words are taken away: its kind, the template's name, and what was tapped,
//! because days are counted by these.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Action, Contacts, Content, Header, HeaderMedia, Interactive, Location, Media, Notice, Order, Reaction,
    Reply, Template, Text, Unsupported,
};
use crate::media::{Link, MediaRef};

impl Content {
    /// The same kind of content, and nothing of what it said.
    pub fn without_words(&self) -> Self {
        match self {
            Self::Text(_) => Self::Text(Text::new("")),
            Self::Template(template) => Self::Template(Template {
                template_name: template.template_name.clone(),
                language: template.language.clone(),
                parameters: BTreeMap::new(),
                named: template.named,
                text: String::new(),
                header: template.header.as_ref().and_then(bare_header),
                buttons: Vec::new(),
            }),
            Self::Image(media) => Self::Image(bare(media)),
            Self::Video(media) => Self::Video(bare(media)),
            Self::Audio(media) => Self::Audio(bare(media)),
            Self::Document(media) => Self::Document(bare(media)),
            Self::Sticker(media) => Self::Sticker(bare(media)),
            Self::Location(_) => {
                let (name, address, url) = (None, None, None);
                Self::Location(Location { latitude: 0.0, longitude: 0.0, name, address, url })
            }
            Self::Contacts(_) => Self::Contacts(Contacts { contacts: Vec::new() }),
            Self::Interactive(interactive) => Self::Interactive(Interactive {
                action: untitled(&interactive.action),
                text: String::new(),
                header: interactive.header.as_ref().and_then(bare_header),
                footer: None,
            }),
            Self::Reaction(_) => {
                Self::Reaction(Reaction { message_id: None, wamid: String::new(), emoji: None })
            }
            Self::Reply(reply) => Self::Reply(Reply {
                reply_type: reply.reply_type,
                id: None,
                title: String::new(),
                description: None,
                data: None,
            }),
            Self::Order(_) => Self::Order(Order { catalog_id: None, text: None, items: Vec::new() }),
            Self::Notice(notice) => {
                Self::Notice(Notice { notice_type: notice.notice_type, text: String::new() })
            }
            Self::Unsupported(item) => Self::Unsupported(Unsupported {
                original_type: item.original_type.clone(),
                payload: Value::Null,
            }),
        }
    }
}

fn bare(media: &Media) -> Media {
    Media { voice: media.voice, animated: media.animated, ..Media::of(bare_source(&media.source)) }
}

/// A file of ours is named still, by an id that says nothing; an address may say everything.
fn bare_source(source: &MediaRef) -> MediaRef {
    match source {
        MediaRef::MediaId(id) => MediaRef::MediaId(*id),
        MediaRef::Link(_) => MediaRef::Link(Link::none()),
    }
}

fn bare_header(header: &Header) -> Option<Header> {
    let file = |media: &HeaderMedia| HeaderMedia { source: bare_source(&media.source), filename: None };
    match header {
        Header::Image(media) => Some(Header::Image(file(media))),
        Header::Video(media) => Some(Header::Video(file(media))),
        Header::Document(media) => Some(Header::Document(file(media))),
        Header::Text { .. } | Header::Location(_) => None,
    }
}

fn untitled(action: &Action) -> Action {
    match action {
        Action::Buttons { .. } => Action::Buttons { buttons: Vec::new() },
        Action::List { .. } => Action::List { button_text: String::new(), sections: Vec::new() },
        Action::CtaUrl { .. } => Action::CtaUrl { display_text: String::new(), url: Link::none() },
        Action::LocationRequest => Action::LocationRequest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SECRET: &str = "Geheimnis";

    /// Of each kind: no word survives, and what days are counted by does.
    #[test]
    fn words_go_and_kinds_stay() {
        let id = "media_01h455vb4pex5vsknk084sn02q";
        let link = format!("https://h.example/{SECRET}");
        for stored in [
            json!({"type": "text", "text": SECRET, "preview_url": true}),
            json!({"type": "image", "media_id": id, "caption": SECRET}),
            json!({"type": "video", "link": link}),
            json!({"type": "audio", "link": link, "voice": true}),
            json!({"type": "document", "media_id": id, "filename": SECRET}),
            json!({"type": "sticker", "link": link}),
            json!({"type": "location", "latitude": 48.25, "longitude": 16.5, "name": SECRET, "address": SECRET}),
            json!({"type": "contacts", "contacts": [{"name": {"formatted_name": SECRET}}]}),
            json!({"type": "interactive", "interactive_type": "buttons", "text": SECRET, "footer": SECRET,
                "buttons": [{"id": SECRET, "title": SECRET}], "header": {"type": "text", "text": SECRET}}),
            json!({"type": "interactive", "interactive_type": "list", "text": SECRET, "button_text": SECRET,
                "sections": [{"title": SECRET, "rows": [{"id": SECRET, "title": SECRET}]}]}),
            json!({"type": "interactive", "interactive_type": "cta_url", "text": SECRET,
                "display_text": SECRET, "url": link}),
            json!({"type": "interactive", "interactive_type": "location_request", "text": SECRET}),
            json!({"type": "reaction", "wamid": SECRET, "emoji": "👍"}),
            json!({"type": "reply", "reply_type": "button", "id": SECRET, "title": SECRET, "data": {"x": SECRET}}),
            json!({"type": "order", "text": SECRET, "catalog_id": SECRET, "items": []}),
            json!({"type": "notice", "notice_type": "number_changed", "text": SECRET}),
            json!({"type": "unsupported", "original_type": "poll", "payload": {"x": SECRET}}),
            json!({"type": "template", "template_name": "welcome", "language": "en", "parameters": {"1": SECRET},
                "named": false, "text": SECRET, "header": {"type": "text", "text": SECRET},
                "buttons": [{"index": 0, "type": "url", "value": SECRET}]}),
        ] {
            let content: Content = serde_json::from_value(stored.clone()).unwrap();
            let bare = serde_json::to_value(content.without_words()).unwrap();
            assert!(!bare.to_string().contains(SECRET) && !bare.to_string().contains("48.25"), "{bare}");
            for kept in ["type", "template_name", "language", "reply_type", "media_id"] {
                assert_eq!(bare[kept], stored[kept], "{kept}");
            }
            // Rows are read for years.
            assert_eq!(serde_json::from_value::<Content>(bare).unwrap(), content.without_words());
        }
    }
}
