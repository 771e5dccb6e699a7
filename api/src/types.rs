//! Scalar types of the API's document that poem-openapi does not have.

use std::borrow::Cow;

use bellhop_domain::stay::Date;
use chrono::{DateTime, SecondsFormat, Utc};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use serde_json::{Map, Value};

/// The part of `Type` that is the same for every type here.
macro_rules! plain_type {
    ($name:ty, $text:literal, $schema:expr) => {
        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                $text.into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new($schema))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
    };
}

/// RFC 3339 in UTC with milliseconds and `Z`, always of the same length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(pub DateTime<Utc>);

plain_type!(
    Timestamp,
    "timestamp",
    MetaSchema {
        example: Some("2024-01-15T10:00:00.000Z".into()),
        ..MetaSchema::new_with_format("string", "date-time")
    }
);

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self(at)
    }
}

impl ToJSON for Timestamp {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.to_rfc3339_opts(SecondsFormat::Millis, true).into())
    }
}

impl ParseFromJSON for Timestamp {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value.unwrap_or_default() {
            Value::String(text) => Ok(Self(text.parse()?)),
            other => Err(ParseError::expected_type(other)),
        }
    }
}

impl ParseFromParameter for Timestamp {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        // An unescaped `+` of an offset arrives as a space.
        let at = text.replace(' ', "+").parse();
        at.map(Self).map_err(|_| ParseError::custom("must be a time, such as 2024-01-15T10:00:00.000Z"))
    }
}

/// A day in the property's own calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalDate(pub Date);

plain_type!(
    LocalDate,
    "local_date",
    MetaSchema { example: Some("2026-03-31".into()), ..MetaSchema::new_with_format("string", "date") }
);

impl ToJSON for LocalDate {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.to_string().into())
    }
}

impl ParseFromJSON for LocalDate {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value.unwrap_or_default() {
            Value::String(text) => Self::parse_from_parameter(&text),
            other => Err(ParseError::expected_type(other)),
        }
    }
}

impl ParseFromParameter for LocalDate {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map(Self).map_err(ParseError::custom)
    }
}

/// A JSON object with any keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JsonObject(pub Map<String, Value>);

plain_type!(
    JsonObject,
    "json_object",
    MetaSchema {
        additional_properties: Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY)))),
        ..MetaSchema::new("object")
    }
);

impl JsonObject {
    /// Anything but an object becomes an empty one.
    pub fn of(value: Value) -> Self {
        match value {
            Value::Object(map) => Self(map),
            _ => Self::default(),
        }
    }
}

impl ToJSON for JsonObject {
    fn to_json(&self) -> Option<Value> {
        Some(Value::Object(self.0.clone()))
    }
}

impl ParseFromJSON for JsonObject {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value.unwrap_or_default() {
            Value::Object(map) => Ok(Self(map)),
            other => Err(ParseError::expected_type(other)),
        }
    }
}

/// How many rows a page may have. Its range stands in the document only: the service checks it, so
/// that the refusal is a sentence.
#[derive(Debug, Clone, Copy)]
pub struct Limit(pub i64);

plain_type!(
    Limit,
    "limit",
    MetaSchema {
        minimum: Some(1.0),
        maximum: Some(100.0),
        default: Some(50.into()),
        ..MetaSchema::new("integer")
    }
);

impl ParseFromParameter for Limit {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map(Self).map_err(|_| ParseError::custom("must be a whole number from 1 to 100"))
    }
}

/// A phone number in a query. An unescaped `+` arrives as a space and is read as the plus it was.
#[derive(Debug, Clone)]
pub struct PhoneQuery(pub String);

plain_type!(
    PhoneQuery,
    "phone_query",
    MetaSchema { example: Some("+1234567890".into()), ..MetaSchema::new("string") }
);

impl ParseFromParameter for PhoneQuery {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Ok(Self(text.strip_prefix(' ').map_or_else(|| text.to_owned(), |rest| format!("+{}", rest.trim()))))
    }
}

/// A key that is always there, `null` when its value is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nullable<T>(pub Option<T>);

impl<T> Nullable<T> {
    pub fn from<U: Into<T>>(value: Option<U>) -> Self {
        Self(value.map(Into::into))
    }
}

impl<T: Type> Type for Nullable<T> {
    // Required in the document: the key is there even when the value is not.
    const IS_REQUIRED: bool = true;
    type RawValueType = T::RawValueType;
    type RawElementValueType = T::RawElementValueType;

    fn name() -> Cow<'static, str> {
        format!("nullable_{}", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        match T::schema_ref() {
            MetaSchemaRef::Inline(mut schema) => {
                schema.nullable = true;
                MetaSchemaRef::Inline(schema)
            }
            reference @ MetaSchemaRef::Reference(_) => MetaSchemaRef::Inline(Box::new(MetaSchema {
                any_of: vec![reference, MetaSchemaRef::Inline(Box::new(MetaSchema::new("null")))],
                ..MetaSchema::ANY
            })),
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        self.0.as_ref().and_then(Type::as_raw_value)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        match &self.0 {
            Some(value) => value.raw_element_iter(),
            None => Box::new(std::iter::empty()),
        }
    }
}

impl<T: ToJSON> ToJSON for Nullable<T> {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.as_ref().and_then(ToJSON::to_json).unwrap_or(Value::Null))
    }
}

impl<T: ParseFromJSON> ParseFromJSON for Nullable<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value.unwrap_or_default() {
            Value::Null => Ok(Self(None)),
            value => T::parse_from_json(Some(value)).map(|v| Self(Some(v))).map_err(ParseError::propagate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_z() {
        for (given, shown) in [
            ("2024-01-15T10:00:00Z", "2024-01-15T10:00:00.000Z"),
            ("2024-01-15T12:00:00.123456+02:00", "2024-01-15T10:00:00.123Z"),
        ] {
            assert_eq!(Timestamp(given.parse().unwrap()).to_json(), Some(shown.into()));
        }
    }

    #[test]
    fn a_plus_that_became_a_space_is_read_back() {
        for (given, read) in
            [(" 1234567890", "+1234567890"), ("+1234567890", "+1234567890"), ("054-1234567", "054-1234567")]
        {
            assert_eq!(PhoneQuery::parse_from_parameter(given).unwrap().0, read);
        }
    }
}
