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

/// The text is no BSUID: two letters of a country, a dot, letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a BSUID, such as US.13491208655302741918")]
pub struct BadBsuid;

impl Identifier {
    /// Reads a BSUID that a person or another system wrote.
    pub fn read_bsuid(text: &str) -> Result<Self, BadBsuid> {
        let text = text.trim();
        let (country, id) = text.split_once('.').ok_or(BadBsuid)?;
        let is_country = country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
        // An organisation's own form has a second dot.
        let is_id =
            (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
        if is_country && is_id { Ok(Self::Bsuid(text.to_owned())) } else { Err(BadBsuid) }
    }

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
    fn a_bsuid_is_a_country_and_an_id() {
        for good in ["US.13491208655302741918", " MX.1 ", "US.ENT.11815799212886844830"] {
            assert_eq!(Identifier::read_bsuid(good), Ok(Identifier::Bsuid(good.trim().into())));
        }
        for bad in ["", "US.", "us.1", "USA.1", "+1234567890", "US.1 2", &format!("US.{}", "1".repeat(129))] {
            assert_eq!(Identifier::read_bsuid(bad), Err(BadBsuid), "{bad}");
        }
    }

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
