//! Places.

use std::borrow::Cow;

use bellhop_domain::content::{Content, Location};
use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;

/// A place on the map.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct LocationContent {
    pub latitude: Degrees,
    pub longitude: Degrees,
    pub name: Option<String>,
    /// Shown under the name, so it needs one.
    pub address: Option<String>,
    /// Of a place that a guest sent: where there is more about it. Without effect when sending.
    #[oai(read_only)]
    pub url: Option<String>,
}

/// Degrees as a number; guides also write them as a text.
#[derive(Debug, Clone, Copy)]
pub struct Degrees(pub f64);

impl Type for Degrees {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "degrees".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let text = MetaSchema { pattern: Some(r"^-?\d{1,3}(\.\d+)?$".into()), ..MetaSchema::new("string") };
        let all = [MetaSchema::new("number"), text];
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            any_of: all.into_iter().map(|schema| MetaSchemaRef::Inline(Box::new(schema))).collect(),
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

impl ParseFromJSON for Degrees {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        number.map(Self).ok_or_else(|| ParseError::expected_type(value))
    }
}

impl ToJSON for Degrees {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.into())
    }
}

impl From<LocationContent> for Location {
    fn from(content: LocationContent) -> Self {
        let LocationContent { latitude, longitude, name, address, url: _ } = content;
        Self { latitude: latitude.0, longitude: longitude.0, name, address, url: None }
    }
}

impl From<LocationContent> for Content {
    fn from(content: LocationContent) -> Self {
        Self::Location(content.into())
    }
}

impl From<Location> for LocationContent {
    fn from(location: Location) -> Self {
        let Location { latitude, longitude, name, address, url } = location;
        Self { latitude: Degrees(latitude), longitude: Degrees(longitude), name, address, url }
    }
}
