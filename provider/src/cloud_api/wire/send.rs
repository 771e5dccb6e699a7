//! What we post to `/messages`. Source of all shapes: the examples of Meta's OpenAPI file v23.0;
//! where it has none (`cta_url`, `location_request_message`, `copy_code`), Meta's pages on them.

use bellhop_domain::content;
use serde::Serialize;

#[derive(Serialize)]
pub struct Request<'a> {
    pub messaging_product: &'static str,
    pub recipient_type: &'static str,
    /// A phone number; absent when there is a `recipient`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<&'a str>,
    /// A business-scoped user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Context<'a>>,
    /// At most 512 characters; comes back in every status of the message.
    pub biz_opaque_callback_data: String,
    #[serde(flatten)]
    pub body: Body<'a>,
}

/// The message that this one answers.
#[derive(Serialize)]
pub struct Context<'a> {
    pub message_id: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body<'a> {
    Text {
        text: Text<'a>,
    },
    Image {
        image: File<'a>,
    },
    Video {
        video: File<'a>,
    },
    Audio {
        audio: File<'a>,
    },
    Document {
        document: File<'a>,
    },
    Sticker {
        sticker: File<'a>,
    },
    Location {
        location: Location<'a>,
    },
    /// Cards are stored in Meta's own shape; a test holds them to Meta's example.
    Contacts {
        contacts: &'a [content::Contact],
    },
    Interactive {
        interactive: Interactive<'a>,
    },
    Reaction {
        reaction: Reaction<'a>,
    },
    Template {
        template: Template<'a>,
    },
}

#[derive(Serialize)]
pub struct Text<'a> {
    pub body: &'a str,
    pub preview_url: bool,
}

#[derive(Serialize)]
pub struct File<'a> {
    #[serde(flatten)]
    pub source: Source<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<&'a str>,
    /// Of documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<&'a str>,
    /// Of audio.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub voice: bool,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source<'a> {
    Id(&'a str),
    Link(&'a str),
}

/// `D` is a number in a message and a text in a template's header.
#[derive(Serialize)]
pub struct Location<'a, D = f64> {
    pub latitude: D,
    pub longitude: D,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<&'a str>,
}

#[derive(Serialize)]
pub struct Reaction<'a> {
    pub message_id: &'a str,
    /// Empty to take the reaction back.
    pub emoji: &'a str,
}

#[derive(Serialize)]
pub struct Interactive<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Header<'a>>,
    pub body: Words<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<Words<'a>>,
    pub action: Action<'a>,
}

#[derive(Serialize)]
pub struct Words<'a> {
    pub text: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Header<'a> {
    Text { text: &'a str },
    Image { image: File<'a> },
    Video { video: File<'a> },
    Document { document: File<'a> },
}

/// Which fields there are depends on the `type` of the whole.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Action<'a> {
    Buttons {
        buttons: Vec<Button<'a>>,
    },
    List {
        button: &'a str,
        sections: Vec<Section<'a>>,
    },
    Named {
        name: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        parameters: Option<CtaUrl<'a>>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Button<'a> {
    Reply { reply: Reply<'a> },
}

#[derive(Serialize)]
pub struct Reply<'a> {
    pub id: &'a str,
    pub title: &'a str,
}

#[derive(Serialize)]
pub struct Section<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    pub rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
pub struct Row<'a> {
    pub id: &'a str,
    pub title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
}

#[derive(Serialize)]
pub struct CtaUrl<'a> {
    pub display_text: &'a str,
    pub url: &'a str,
}

#[derive(Serialize)]
pub struct Template<'a> {
    pub name: &'a str,
    pub language: Language<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component<'a>>,
}

#[derive(Serialize)]
pub struct Language<'a> {
    pub code: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Component<'a> {
    Header {
        parameters: [Parameter<'a>; 1],
    },
    Body {
        parameters: Vec<Parameter<'a>>,
    },
    Button {
        sub_type: &'static str,
        /// A number written as a text, as in most of Meta's examples.
        index: String,
        parameters: [Parameter<'a>; 1],
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Parameter<'a> {
    Text {
        #[serde(skip_serializing_if = "Option::is_none")]
        parameter_name: Option<&'a str>,
        text: &'a str,
    },
    Image {
        image: File<'a>,
    },
    Video {
        video: File<'a>,
    },
    Document {
        document: File<'a>,
    },
    Location {
        location: Location<'a, String>,
    },
    Payload {
        payload: &'a str,
    },
    CouponCode {
        coupon_code: &'a str,
    },
}

/// That a message of the guest was read; posted to the same address.
#[derive(Serialize)]
pub struct Read<'a> {
    pub messaging_product: &'static str,
    pub status: &'static str,
    pub message_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typing_indicator: Option<Typing>,
}

#[derive(Serialize)]
pub struct Typing {
    #[serde(rename = "type")]
    pub kind: &'static str,
}
