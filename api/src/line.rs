//! What a line of a batch says.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bellhop_domain::Content;
use bellhop_domain::content::Text;
use bellhop_service::batch::{LineContent, Unusable};
use bellhop_service::send::Draft;
use bellhop_service::template::text_parameters;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::{Map, Value};

use crate::content::{self, MessageType};

/// A text; or an object with a `type` and the fields of such a content: `{"type": "text", "text"}`,
/// `{"type": "template", "template_name", "language", "parameters"}`, `{"type": "image", "media_id"}` …
#[derive(Debug)]
pub struct BatchContent(pub Value);

impl Type for BatchContent {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "batch_content".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let of = |kind| MetaSchemaRef::Inline(Box::new(MetaSchema::new(kind)));
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            any_of: vec![of("string"), of("object")],
            ..MetaSchema::ANY
        }))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for BatchContent {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Ok(Self(value.unwrap_or_default()))
    }
}

impl ToJSON for BatchContent {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone())
    }
}

/// A content as it stands in a line of a batch.
pub fn read_content(content: Value) -> Result<LineContent, Unusable> {
    let object = match content {
        Value::String(text) => return Ok(text_of(text)),
        Value::Object(object) => object,
        _ => return Err(Unusable::new("content", "must be a text or an object")),
    };
    let kind = MessageType::parse_from_json(object.get("type").cloned());
    let kind = kind.ok().filter(|kind| *kind != MessageType::Reaction).ok_or_else(|| {
        let known =
            "text, template, image, video, audio, document, sticker, location, contacts or interactive";
        Unusable::new("content.type", format_args!("must be {known}"))
    })?;
    match content::read(kind, Value::Object(object)) {
        Ok(Draft::Content { content, .. }) => Ok(LineContent::Content(content)),
        Ok(Draft::Template(send)) => Ok(LineContent::Template(send)),
        // A reaction is on one guest's message.
        Ok(Draft::Reaction { .. }) => Err(Unusable::new("content.type", "cannot go to many")),
        Err(wrong) => Err(match wrong.into_iter().next() {
            Some(wrong) => Unusable::new(&format!("content.{}", wrong.field), wrong.reason),
            None => Unusable::new("content", "cannot be read"),
        }),
    }
}

/// Plain words.
pub fn text_of(text: String) -> LineContent {
    LineContent::Content(Content::Text(Text::new(text)))
}

/// Parameters of one line: what is wrong with them refuses the line.
pub fn read_line_parameters(
    parameters: Option<Map<String, Value>>,
) -> Result<BTreeMap<String, String>, Unusable> {
    text_parameters(&parameters.unwrap_or_default())
        .map_err(|wrong| Unusable::new(&wrong.field, wrong.reason))
}
