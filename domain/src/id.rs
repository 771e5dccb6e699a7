//! Typed ids: a UUIDv7 in the database, `<prefix>_<26 base32 characters>` everywhere else.
//!
//! The text is the TypeID form (Crockford's base32, lower case), so ids of one kind sort by the
//! time they were made, as bytes and as text.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The text is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct BadId;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LEN: usize = 26;

fn encode(id: Uuid) -> String {
    let bits = id.as_u128();
    (0..TEXT_LEN).map(|i| char::from(ALPHABET[((bits >> (5 * (TEXT_LEN - 1 - i))) & 31) as usize])).collect()
}

fn decode(text: &str) -> Result<Uuid, BadId> {
    // 26 characters hold 130 bits: the first one may only use three of its five.
    if text.len() != TEXT_LEN || text.as_bytes()[0] > b'7' {
        return Err(BadId);
    }
    text.bytes()
        .try_fold(0u128, |bits, byte| {
            let digit = ALPHABET.iter().position(|&c| c == byte).ok_or(BadId)?;
            Ok(bits << 5 | digit as u128)
        })
        .map(Uuid::from_u128)
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident = $prefix:literal;)+) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "db", derive(sea_orm::DeriveValueType))]
        pub struct $name(Uuid);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// A new id, later in order than every id this process made before.
            #[expect(clippy::new_without_default, reason = "a new id is an event, not a default value")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// Not after any that is made at this Unix time in milliseconds, or later.
            pub fn first_of(unix_ms: i64) -> Self {
                Self(Uuid::from_u128(u128::from(unix_ms.max(0).unsigned_abs()) << 80))
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                decode(text.strip_prefix(concat!($prefix, "_")).ok_or(BadId)?).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        // Demanded of primary keys; only auto-incremented ones are ever made from a number.
        #[cfg(feature = "db")]
        impl sea_orm::TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, sea_orm::DbErr> {
                Err(sea_orm::DbErr::ConvertFromU64(stringify!($name)))
            }
        }

        #[cfg(feature = "openapi")]
        $crate::openapi::text_type!($name, concat!($prefix, "_id"), concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$"));
    )+ };
}

ids! {
    /// One hotel: the tenant.
    PropertyId = "prop";
    /// One business number at one provider.
    ConnectionId = "conn";
    GuestId = "guest";
    ConversationId = "conv";
    MessageId = "msg";
    /// A reservation of a property management system.
    StayId = "stay";
    /// Many messages that were handed in together.
    BatchId = "batch";
    /// An API token's row, not the token.
    TokenId = "tok";
    /// A person who works at the hotel.
    StaffId = "staff";
    /// A sign-in of a person, until it ends.
    SessionId = "ses";
    TemplateId = "tpl";
    /// A file that was uploaded.
    MediaId = "media";
    EventId = "evt";
    /// A partner's webhook: where events are delivered to.
    SubscriptionId = "sub";
    /// One event on its way to one subscription.
    DeliveryId = "dlv";
    /// One change of a webhook of the provider, as it was received.
    WebhookChangeId = "whc";
    /// One line of the audit trail.
    AuditEntryId = "aud";
    /// The join of two guests into one.
    MergeId = "merge";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_the_type_ids() {
        let id = MessageId::from(Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").unwrap());
        // The example of the TypeID specification, with our prefix.
        assert_eq!(id.to_string(), "msg_01h455vb4pex5vsknk084sn02q");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn new_ids_sort_by_their_making() {
        let ids: Vec<_> = (0..1000).map(|_| MessageId::new()).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().map(ToString::to_string).is_sorted());
    }

    #[test]
    fn the_first_of_a_time_comes_before_all_that_follow() {
        let (seconds, nanos) = MessageId::new().uuid().get_timestamp().unwrap().to_unix();
        let now = i64::try_from(seconds).unwrap() * 1_000 + i64::from(nanos / 1_000_000);
        let before = MessageId::new();
        assert!(MessageId::first_of(now) <= before && before < MessageId::first_of(now + 60_000));
        assert_eq!(MessageId::first_of(-1).uuid(), Uuid::nil());
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "msg_",
            "conv_01h455vb4pex5vsknk084sn02q",
            "msg_81h455vb4pex5vsknk084sn02q",
            "msg_01H455VB4PEX5VSKNK084SN02Q",
            "msg_01h455vb4pex5vsknk084sn02",
            "msg_01h455vb4pex5vsknk084sn0é",
        ] {
            assert_eq!(text.parse::<MessageId>(), Err(BadId), "{text}");
        }
    }
}
