//! What a send says: every type with the rules that WhatsApp has for it.

mod at;
mod emoji;
mod interactive;
mod media;
mod plain;

use serde_json::{Map, Value, value::RawValue};

use super::GraphError;
use crate::{
    media::{Kind, Media},
    state::{GuestId, Line, Pricing, State},
};

pub(crate) use at::At;
pub(crate) use media::check as check_media;
pub(crate) use plain::check_location;

/// What a send is checked against.
pub(crate) struct Scene<'a> {
    pub state: &'a State,
    /// None: the simulator has not heard of the recipient yet.
    pub guest: Option<GuestId>,
    /// Simulated Unix milliseconds.
    pub now: i64,
}

impl Scene<'_> {
    pub(crate) fn media(&self, id: &str) -> Option<&Media> {
        self.state.media.get(id).filter(|media| media.lives(self.now))
    }

    /// The message with this id in the chat with the recipient.
    fn message(&self, id: &str) -> Option<Line> {
        self.state.guests.get(self.guest?)?.chat.iter().rev().copied().find(|line| match *line {
            Line::Sent(place) => self.state.sent.get(place).is_some_and(|sent| sent.id == id),
            Line::Inbound(place) => self.state.inbound.get(place).is_some_and(|message| message.id == id),
        })
    }
}

/// What a message says.
pub(super) struct Content {
    pub kind: &'static str,
    /// What the guest reads, in one piece.
    pub text: String,
    /// None: free-form.
    pub template_category: Option<String>,
    /// The parts of a template as the phone shows them, where there is more than a body.
    pub shown: Option<Box<RawValue>>,
}

impl Content {
    fn free(kind: &'static str, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), template_category: None, shown: None }
    }

    /// Free-form messages and, inside the window, utility templates cost nothing.
    pub(super) fn pricing(&self, in_window: bool) -> Pricing {
        let category = self.template_category.as_deref().unwrap_or("service").to_ascii_lowercase();
        let free = category == "service" || (category == "utility" && in_window);
        let kind = if free { "free_customer_service" } else { "regular" };
        Pricing { billable: !free, kind: kind.to_owned(), category }
    }

    pub(super) fn is_marketing(&self) -> bool {
        self.template_category.as_deref().is_some_and(|category| category.eq_ignore_ascii_case("MARKETING"))
    }

    pub(super) fn is_reaction(&self) -> bool {
        self.kind == "reaction"
    }

    pub(super) fn parse(scene: &Scene<'_>, body: &Map<String, Value>) -> Result<Self, GraphError> {
        let kind = match body.get("type") {
            None | Some(Value::Null) => "text",
            Some(kind) => kind.as_str().unwrap_or_default(),
        };
        check_context(scene, body)?;
        let content = body.get(kind).filter(|value| !value.is_null());
        let Some(parse) = parser(kind) else {
            return Err(GraphError::new(
                100,
                "Param type must be one of {audio, contacts, document, image, interactive, location, \
                 reaction, sticker, template, text, video}",
            ));
        };
        let Some(content) = content else { return Err(GraphError::missing(kind)) };
        // Graph reads a text of JSON as what is in it, and one client writes contacts so.
        let written: Option<Value> = content.as_str().and_then(|text| serde_json::from_str(text).ok());
        parse(scene, &At::new(kind, written.as_ref().unwrap_or(content)))
    }
}

type Parser = fn(&Scene<'_>, &At<'_>) -> Result<Content, GraphError>;

fn parser(kind: &str) -> Option<Parser> {
    Some(match kind {
        "text" => plain::text,
        "template" => template,
        "image" => |scene, at| media::parse(scene, at, Kind::Image),
        "video" => |scene, at| media::parse(scene, at, Kind::Video),
        "audio" => |scene, at| media::parse(scene, at, Kind::Audio),
        "document" => |scene, at| media::parse(scene, at, Kind::Document),
        "sticker" => |scene, at| media::parse(scene, at, Kind::Sticker),
        "location" => plain::location,
        "contacts" => plain::contacts,
        "reaction" => plain::reaction,
        "interactive" => interactive::parse,
        _ => return None,
    })
}

fn template(scene: &Scene<'_>, at: &At<'_>) -> Result<Content, GraphError> {
    let text = |pointer: &str| at.value.pointer(pointer).and_then(Value::as_str);
    let Some(name) = text("/name") else { return Err(GraphError::missing("template['name']")) };
    let Some(language) = text("/language/code") else {
        return Err(GraphError::missing("template['language']['code']"));
    };
    let sent = at.value.get("components").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let found = scene.state.approved_template(name, language)?;
    let rendered = found.render(scene, sent)?;
    Ok(Content {
        kind: "template",
        text: rendered.text,
        template_category: Some(found.category.clone()),
        shown: rendered.shown,
    })
}

/// A reply must be one to a message of this chat.
fn check_context(scene: &Scene<'_>, body: &Map<String, Value>) -> Result<(), GraphError> {
    let Some(context) = body.get("context").filter(|context| !context.is_null()) else { return Ok(()) };
    let Some(at) = At::new("context", context).get("message_id") else {
        return Err(GraphError::missing("context['message_id']"));
    };
    match scene.message(at.string()?) {
        Some(_) => Ok(()),
        None => Err(at.refuse("is not a message of this chat")),
    }
}
