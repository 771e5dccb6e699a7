//! A guest is a set of dated identifiers, not a phone number.
//!
//! Since 2026 WhatsApp users may hide their number; webhooks then carry a business-scoped user id
//! (BSUID) only, and sends go to that.

use crate::phone::PhoneNumber;
use crate::text_enum;

text_enum! {
    /// What an identifier is.
    IdentifierKind {
        /// E.164 with `+`.
        Phone = "phone",
        /// The digits that the provider uses for the account; may differ from the number dialled.
        WaId = "wa_id",
        /// Business-scoped user id, such as `US.13491208655302741918`.
        Bsuid = "bsuid",
        /// Shown only: usernames change hands, so they identify nobody.
        Username = "username",
    }
}

/// One identifier of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identifier {
    Phone(PhoneNumber),
    WaId(String),
    Bsuid(String),
    Username(String),
}

impl Identifier {
    pub const fn kind(&self) -> IdentifierKind {
        match self {
            Self::Phone(_) => IdentifierKind::Phone,
            Self::WaId(_) => IdentifierKind::WaId,
            Self::Bsuid(_) => IdentifierKind::Bsuid,
            Self::Username(_) => IdentifierKind::Username,
        }
    }

    pub fn value(&self) -> &str {
        match self {
            Self::Phone(phone) => phone.as_str(),
            Self::WaId(text) | Self::Bsuid(text) | Self::Username(text) => text,
        }
    }

    /// The key under which one person is found; unique per property and kind.
    pub fn match_key(&self) -> String {
        match self {
            Self::Phone(phone) => phone.match_key(),
            Self::WaId(wa_id) => {
                PhoneNumber::from_wa_id(wa_id).map_or_else(|_| wa_id.clone(), |phone| phone.match_key())
            }
            Self::Bsuid(text) | Self::Username(text) => text.clone(),
        }
    }
}

/// How the provider addresses a guest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// Goes into `to`, digits only.
    Number(String),
    /// Goes into `recipient`.
    Bsuid(String),
}

impl Recipient {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(text) | Self::Bsuid(text) => text,
        }
    }

    /// The best address among a guest's identifiers: the `wa_id` that the provider itself named,
    /// else the phone, else the BSUID.
    pub fn choose<'a>(identifiers: impl IntoIterator<Item = &'a Identifier>) -> Option<Self> {
        let mut best: Option<(u8, Self)> = None;
        for identifier in identifiers {
            let offer = match identifier {
                Identifier::WaId(wa_id) => (3, Self::Number(wa_id.clone())),
                Identifier::Phone(phone) => (2, Self::Number(phone.digits().to_owned())),
                Identifier::Bsuid(bsuid) => (1, Self::Bsuid(bsuid.clone())),
                Identifier::Username(_) => continue,
            };
            if best.as_ref().is_none_or(|(rank, _)| offer.0 > *rank) {
                best = Some(offer);
            }
        }
        best.map(|(_, recipient)| recipient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_guest_is_reached_by_bsuid_and_a_known_one_by_wa_id() {
        let bsuid = Identifier::Bsuid("US.1".into());
        let phone = Identifier::Phone(PhoneNumber::parse("+5511912345678", None).unwrap());
        let wa_id = Identifier::WaId("551112345678".into());
        let name = Identifier::Username("ana".into());
        assert_eq!(Recipient::choose([&name]), None);
        assert_eq!(Recipient::choose([&name, &bsuid]), Some(Recipient::Bsuid("US.1".into())));
        assert_eq!(Recipient::choose([&bsuid, &phone]), Some(Recipient::Number("5511912345678".into())));
        assert_eq!(Recipient::choose([&phone, &wa_id]), Some(Recipient::Number("551112345678".into())));
    }

    #[test]
    fn phone_and_wa_id_of_one_person_share_their_key() {
        let phone = Identifier::Phone(PhoneNumber::parse("+5585987654321", None).unwrap());
        assert_eq!(phone.match_key(), Identifier::WaId("558587654321".into()).match_key());
    }
}
