//! What Bellhop knows about hotels, guests and WhatsApp, without a database, a network or a clock.
//!
//! Everything here is a value or a rule over values; the traits that reach the outside stand in
//! [`ports`]. The features `db` and `openapi` add trait implementations only.

pub mod address;
pub mod analytics;
pub mod answer;
pub mod attempt;
pub mod audit;
pub mod batch;
pub mod connection;
pub mod consent;
pub mod content;
pub mod conversation;
pub mod delivery;
pub mod error_table;
pub mod event;
pub mod guest;
pub mod histogram;
pub mod id;
pub mod inbound;
pub mod media;
#[cfg(feature = "openapi")]
mod openapi;
pub mod phone;
pub mod ports;
pub mod pricing;
pub mod privacy;
pub mod profile;
pub mod provider_error;
pub mod retry;
pub mod rights;
pub mod secret;
pub mod settings;
pub mod signing;
pub mod staff;
pub mod status;
pub mod stay;
pub mod subscription;
pub mod template;
pub mod webhook;
pub mod window;

pub use attempt::AttemptRef;
pub use content::Content;
pub use error_table::api as problem;
pub use id::*;
pub use phone::{Country, PhoneNumber};
pub use secret::Secret;
pub use status::MessageStatus;

/// Builds an enum whose text form is used in the database, in JSON and in the API alike.
macro_rules! text_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "db", derive(sea_orm::EnumIter, sea_orm::DeriveActiveEnum))]
        #[cfg_attr(feature = "db", sea_orm(rs_type = "String", db_type = "String(sea_orm::sea_query::StringLen::N(32))"))]
        pub enum $name { $(
            $(#[$vmeta])*
            #[serde(rename = $text)]
            #[cfg_attr(feature = "db", sea_orm(string_value = $text))]
            $variant,
        )+ }

        impl $name {
            /// Every value, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name used in the database, in JSON and in the API.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text).ok_or($crate::UnknownName)
            }
        }
    };
}
pub(crate) use text_enum;

/// A text that names none of the values of the type it was parsed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown name")]
pub struct UnknownName;
