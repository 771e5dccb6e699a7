//! poem-openapi implementations for types that are texts.

/// Implements poem-openapi's traits for a type with `FromStr` and `Display`. `$pattern` goes into
/// the document only: the constructor is the check.
macro_rules! text_type {
    ($name:ty, $format:expr, $pattern:expr) => {
        impl poem_openapi::types::Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                $format.into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                let mut schema = poem_openapi::registry::MetaSchema::new("string");
                schema.pattern = Some($pattern.into());
                poem_openapi::registry::MetaSchemaRef::Inline(Box::new(schema))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl poem_openapi::types::ParseFromJSON for $name {
            fn parse_from_json(value: Option<serde_json::Value>) -> poem_openapi::types::ParseResult<Self> {
                match value {
                    Some(serde_json::Value::String(text)) => {
                        text.parse().map_err(poem_openapi::types::ParseError::custom)
                    }
                    other => Err(poem_openapi::types::ParseError::expected_type(other.unwrap_or_default())),
                }
            }
        }

        impl poem_openapi::types::ParseFromParameter for $name {
            fn parse_from_parameter(text: &str) -> poem_openapi::types::ParseResult<Self> {
                text.parse().map_err(poem_openapi::types::ParseError::custom)
            }
        }

        impl poem_openapi::types::ToJSON for $name {
            fn to_json(&self) -> Option<serde_json::Value> {
                Some(serde_json::Value::String(self.to_string()))
            }
        }
    };
}
pub(crate) use text_type;

/// Implements poem-openapi's traits for a `text_enum!`, with its values in the document.
macro_rules! enum_types {
    ($($name:ident),+ $(,)?) => { $(
        impl poem_openapi::types::Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                let mut schema = poem_openapi::registry::MetaSchema::new("string");
                schema.enum_items = <$name>::ALL.iter().map(|value| value.as_str().into()).collect();
                poem_openapi::registry::MetaSchemaRef::Inline(Box::new(schema))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl poem_openapi::types::ParseFromJSON for $name {
            fn parse_from_json(value: Option<serde_json::Value>) -> poem_openapi::types::ParseResult<Self> {
                match value.unwrap_or_default() {
                    serde_json::Value::String(text) => Self::parse_from_parameter(&text),
                    other => Err(poem_openapi::types::ParseError::expected_type(other)),
                }
            }
        }

        impl poem_openapi::types::ParseFromParameter for $name {
            fn parse_from_parameter(text: &str) -> poem_openapi::types::ParseResult<Self> {
                text.parse().map_err(|_| {
                    let known: Vec<_> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    poem_openapi::types::ParseError::custom(format!("must be one of {}", known.join(", ")))
                })
            }
        }

        impl poem_openapi::types::ToJSON for $name {
            fn to_json(&self) -> Option<serde_json::Value> {
                Some(self.as_str().into())
            }
        }
    )+ };
}

use poem_openapi::types::ParseFromParameter as _;

use crate::MessageStatus;
use crate::analytics::GroupBy;
use crate::audit::{ActorKind, AuditAction};
use crate::batch::{BatchStatus, RefusalKind};
use crate::connection::{CallbackState, ConnectionStatus};
use crate::consent::{ConsentKind, ConsentSource, ConsentState};
use crate::content::{ButtonKind, NoticeKind, ReplyKind};
use crate::conversation::{ConversationStatus, Direction};
use crate::delivery::DeliveryStatus as WebhookDeliveryStatus;
use crate::event::EventType;
use crate::media::{ArrivalStatus, MediaKind};
use crate::privacy::ErasureStatus;
use crate::rights::{Right, Role, Scope, StaffRole};
use crate::settings::InDoubtPolicy;
use crate::stay::{StayOutcome, StayStatus};
use crate::subscription::{SubscriptionStatus, Verification};
use crate::template::ChangeCause;
use crate::webhook::ChangeOutcome;
use crate::window::WindowState;

enum_types!(
    ActorKind,
    AuditAction,
    EventType,
    ErasureStatus,
    GroupBy,
    ButtonKind,
    WindowState,
    ChangeCause,
    ArrivalStatus,
    ChangeOutcome,
    CallbackState,
    ConnectionStatus,
    MediaKind,
    ReplyKind,
    NoticeKind,
    BatchStatus,
    ConsentKind,
    ConsentSource,
    ConsentState,
    RefusalKind,
    Right,
    Role,
    Scope,
    StaffRole,
    MessageStatus,
    ConversationStatus,
    Direction,
    InDoubtPolicy,
    StayStatus,
    StayOutcome,
    SubscriptionStatus,
    Verification,
    WebhookDeliveryStatus
);
