//! What a line of a batch says.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bellhop_service::batch::{LineContent, Unusable};
use bellhop_service::error::Error;
use bellhop_service::send::TemplateSend;
use bellhop_service::template::text_parameters;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::{Map, Value};

/// A text; or `{"type": "text", "text"}`, or `{"type": "template", "template_name", "language",
/// "parameters"}`.
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
    let mut object = match content {
        Value::String(text) => return Ok(LineContent::Text(text)),
        Value::Object(object) => object,
        _ => return Err(Unusable::new("content", "must be a text or an object")),
    };
    let mut text = |name: &str| match object.remove(name) {
        Some(Value::String(text)) => Ok(Some(text)),
        None | Some(Value::Null) => Ok(None),
        Some(_) => Err(Unusable::new(&format!("content.{name}"), "must be a text")),
    };
    let required = |name: &str, given: Option<String>| {
        given.ok_or_else(|| Unusable::new(&format!("content.{name}"), "is required"))
    };
    match text("type")?.as_deref() {
        Some("text") => Ok(LineContent::Text(required("text", text("text")?)?)),
        Some("template") => {
            let name = required("template_name", text("template_name")?)?;
            let language = text("language")?;
            let parameters = match object.remove("parameters") {
                None | Some(Value::Null) => None,
                Some(Value::Object(map)) => Some(map),
                Some(_) => return Err(Unusable::new("content.parameters", "must be an object")),
            };
            let parameters = read_line_parameters(parameters)?;
            Ok(LineContent::Template(TemplateSend { name, language, parameters }))
        }
        Some(_) | None => Err(Unusable::new("content.type", "must be text or template")),
    }
}

/// Parameters of one line: what is wrong with them refuses the line.
pub fn read_line_parameters(
    parameters: Option<Map<String, Value>>,
) -> Result<BTreeMap<String, String>, Unusable> {
    text_parameters(&parameters.unwrap_or_default()).map_err(|error| match error {
        Error::Refused(refusal) => {
            let told = |key: &str| refusal.details[key].as_str().unwrap_or_default();
            Unusable::new(told("field"), told("reason"))
        }
        other => Unusable::new("parameters", other),
    })
}
