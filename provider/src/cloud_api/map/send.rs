//! A message into what Meta takes.

use bellhop_domain::Content;
use bellhop_domain::content::{self, Action, Header, HeaderMedia, Interactive, Location, Media};
use bellhop_domain::guest::Recipient;
use bellhop_domain::ports::{Outbound, ProviderMedia, ReadMark};
use bellhop_domain::provider_error::ProviderError;

use super::super::wire::send as wire;
use super::components;

const PRODUCT: &str = "whatsapp";

/// Why a content has no form on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsendable {
    Kind,
    Header,
    File,
}

impl From<Unsendable> for ProviderError {
    fn from(why: Unsendable) -> Self {
        let title = match why {
            Unsendable::Kind => "Content of this kind cannot be sent",
            Unsendable::Header => "An interactive message cannot have such a header",
            Unsendable::File => "The file of the message is not there",
        };
        // Never tried again.
        Self::ours(title)
    }
}

pub fn request(message: &Outbound) -> Result<wire::Request<'_>, Unsendable> {
    let (to, recipient) = match &message.recipient {
        Recipient::Number(digits) => (Some(digits.as_str()), None),
        Recipient::Bsuid(bsuid) => (None, Some(bsuid.as_str())),
    };
    // A reaction names its message itself; Meta takes no context with one.
    let answers = message.reply_to.as_deref().filter(|_| !matches!(message.content, Content::Reaction(_)));
    Ok(wire::Request {
        messaging_product: PRODUCT,
        recipient_type: "individual",
        to,
        recipient,
        context: answers.map(|message_id| wire::Context { message_id }),
        biz_opaque_callback_data: message.attempt.to_string(),
        body: body(message)?,
    })
}

pub fn read(mark: &ReadMark) -> wire::Read<'_> {
    wire::Read {
        messaging_product: PRODUCT,
        status: "read",
        message_id: &mark.wamid,
        typing_indicator: mark.typing.then_some(wire::Typing { kind: "text" }),
    }
}

fn body(message: &Outbound) -> Result<wire::Body<'_>, Unsendable> {
    let source = message.media.as_ref().map(source);
    let file = |media| source.map(|source| file(media, source)).ok_or(Unsendable::File);
    Ok(match &message.content {
        Content::Text(text) => {
            wire::Body::Text { text: wire::Text { body: &text.text, preview_url: text.preview_url } }
        }
        Content::Image(media) => wire::Body::Image { image: file(media)? },
        Content::Video(media) => wire::Body::Video { video: file(media)? },
        Content::Audio(media) => wire::Body::Audio { audio: file(media)? },
        Content::Document(media) => wire::Body::Document { document: file(media)? },
        Content::Sticker(media) => wire::Body::Sticker { sticker: file(media)? },
        Content::Location(place) => wire::Body::Location { location: location(place) },
        Content::Contacts(cards) => wire::Body::Contacts { contacts: &cards.contacts },
        Content::Interactive(content) => {
            wire::Body::Interactive { interactive: interactive(content, source)? }
        }
        Content::Reaction(reaction) => wire::Body::Reaction {
            reaction: wire::Reaction {
                message_id: &reaction.wamid,
                emoji: reaction.emoji.as_deref().unwrap_or_default(),
            },
        },
        Content::Template(template) => wire::Body::Template { template: components::of(template, source)? },
        Content::Reply(_) | Content::Order(_) | Content::Notice(_) | Content::Unsupported(_) => {
            return Err(Unsendable::Kind);
        }
    })
}

fn source(media: &ProviderMedia) -> wire::Source<'_> {
    match media {
        ProviderMedia::Id(id) => wire::Source::Id(id),
        ProviderMedia::Link(link) => wire::Source::Link(link.as_str()),
    }
}

fn file<'a>(media: &'a Media, source: wire::Source<'a>) -> wire::File<'a> {
    wire::File {
        source,
        caption: media.caption.as_deref(),
        filename: media.filename.as_deref(),
        voice: media.voice,
    }
}

/// The file of a header. It is the message's one file.
pub fn header_file<'a>(
    media: &'a HeaderMedia,
    source: Option<wire::Source<'a>>,
) -> Result<wire::File<'a>, Unsendable> {
    Ok(wire::File {
        source: source.ok_or(Unsendable::File)?,
        caption: None,
        filename: media.filename.as_deref(),
        voice: false,
    })
}

/// Numbers, as in Meta's example; its schema says text.
fn location(place: &Location) -> wire::Location<'_> {
    wire::Location {
        latitude: place.latitude,
        longitude: place.longitude,
        name: place.name.as_deref(),
        address: place.address.as_deref(),
    }
}

fn interactive<'a>(
    content: &'a Interactive,
    source: Option<wire::Source<'a>>,
) -> Result<wire::Interactive<'a>, Unsendable> {
    let header = content.header.as_ref().map(|header| interactive_header(header, source)).transpose()?;
    let (kind, action) = action(&content.action);
    Ok(wire::Interactive {
        kind,
        header,
        body: wire::Words { text: &content.text },
        footer: content.footer.as_deref().map(|text| wire::Words { text }),
        action,
    })
}

fn interactive_header<'a>(
    header: &'a Header,
    source: Option<wire::Source<'a>>,
) -> Result<wire::Header<'a>, Unsendable> {
    Ok(match header {
        Header::Text { text, name: _ } => wire::Header::Text { text },
        Header::Image(media) => wire::Header::Image { image: header_file(media, source)? },
        Header::Video(media) => wire::Header::Video { video: header_file(media, source)? },
        Header::Document(media) => wire::Header::Document { document: header_file(media, source)? },
        Header::Location(_) => return Err(Unsendable::Header),
    })
}

/// Meta's word for the kind, and its parts.
fn action(action: &Action) -> (&'static str, wire::Action<'_>) {
    match action {
        Action::Buttons { buttons } => {
            ("button", wire::Action::Buttons { buttons: buttons.iter().map(button).collect() })
        }
        Action::List { button_text, sections } => (
            "list",
            wire::Action::List { button: button_text, sections: sections.iter().map(section).collect() },
        ),
        Action::CtaUrl { display_text, url } => {
            let parameters = Some(wire::CtaUrl { display_text, url: url.as_str() });
            ("cta_url", wire::Action::Named { name: "cta_url", parameters })
        }
        Action::LocationRequest => {
            ("location_request_message", wire::Action::Named { name: "send_location", parameters: None })
        }
    }
}

fn button(button: &content::Button) -> wire::Button<'_> {
    wire::Button::Reply { reply: wire::Reply { id: &button.id, title: &button.title } }
}

fn section(section: &content::Section) -> wire::Section<'_> {
    wire::Section { title: section.title.as_deref(), rows: section.rows.iter().map(row).collect() }
}

fn row(row: &content::Row) -> wire::Row<'_> {
    wire::Row { id: &row.id, title: &row.title, description: row.description.as_deref() }
}
