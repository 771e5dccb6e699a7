//! Guests: who they are and how they are found.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::state::{Guest, GuestId, Line, State};

/// What WhatsApp knows of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    /// Digits without `+`.
    pub phone: Option<String>,
    /// Where WhatsApp's own id differs from the dialled number (Brazil, Mexico, Argentina).
    pub wa_id: Option<String>,
    /// Business-scoped user id; None: a guest of the time before there were any.
    pub bsuid: Option<String>,
    pub name: Option<String>,
    pub username: Option<String>,
    pub hidden_number: bool,
    pub on_whatsapp: bool,
    /// Whether the guest has blocked the business: what it sends gets as far as WhatsApp.
    #[serde(default)]
    pub blocks_business: bool,
    /// Whether the guest wants no marketing of the business.
    #[serde(default)]
    pub stopped_marketing: bool,
    /// Digits of the numbers and the BSUIDs that this guest had before: nobody is there, unless somebody
    /// takes one of the numbers up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_names: Vec<String>,
    /// Set when this turned out to be somebody who is known already: all that is theirs is now there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<GuestId>,
}

/// The ids that webhooks name a guest by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ids {
    pub wa_id: Option<String>,
    pub user_id: Option<String>,
}

impl Profile {
    /// The ids that the business gets to see as things stand.
    pub(crate) fn ids(&self) -> Ids {
        Ids { wa_id: self.shown_wa_id().map(str::to_owned), user_id: self.bsuid.clone() }
    }

    /// The id that webhooks may show: None for a guest who hides the number, or has none.
    pub(crate) fn shown_wa_id(&self) -> Option<&str> {
        if self.hidden_number { None } else { self.any_wa_id() }
    }

    pub(crate) fn any_wa_id(&self) -> Option<&str> {
        self.wa_id.as_deref().or(self.phone.as_deref())
    }

    /// What a wamid and a log line call the guest by.
    pub(crate) fn peer(&self) -> &str {
        self.shown_wa_id().or(self.bsuid.as_deref()).unwrap_or("0")
    }

    pub(crate) fn shown_name(&self) -> String {
        // A name must not tell the number that is hidden.
        let phone = self.phone.as_ref().filter(|_| !self.hidden_number).map(|phone| format!("+{phone}"));
        let parts = [self.name.clone(), self.username.clone(), phone];
        parts.into_iter().flatten().next().unwrap_or_else(|| "Guest".to_owned())
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.phone.iter().chain(&self.wa_id).chain(&self.bsuid)
    }
}

/// The digits of a number as people and clients write it; None when it holds anything that is no part
/// of a number, or is no possible length.
pub(crate) fn digits(text: &str) -> Option<String> {
    if text.chars().any(|c| !c.is_ascii_digit() && !" +-().\u{a0}\u{200e}/".contains(c)) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    ((5..=15).contains(&digits.len()) && !digits.starts_with('0')).then_some(digits)
}

/// Whether this looks like `US.13491208655302741918`.
pub(crate) fn is_bsuid(text: &str) -> bool {
    let Some((country, rest)) = text.split_once('.') else { return false };
    country.len() == 2
        && country.bytes().all(|b| b.is_ascii_uppercase())
        && (1..=128).contains(&rest.len())
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
}

/// The id a guest gets when none is given: the same for the same number, another for each account.
fn bsuid_for(waba_id: &str, seed: &str) -> String {
    let hash = Sha256::digest(format!("{waba_id}:{seed}"));
    let mut number = [0_u8; 16];
    number.copy_from_slice(&hash[..16]);
    let digits = u128::from_be_bytes(number) % 10_u128.pow(19);
    format!("{}.1{digits:019}", country(seed))
}

/// Enough of the world for the guests of a demo; anybody else is from the US.
fn country(phone: &str) -> &'static str {
    const PREFIXES: [(&str, &str); 18] = [
        ("972", "IL"),
        ("351", "PT"),
        ("353", "IE"),
        ("971", "AE"),
        ("44", "GB"),
        ("49", "DE"),
        ("33", "FR"),
        ("39", "IT"),
        ("34", "ES"),
        ("31", "NL"),
        ("55", "BR"),
        ("52", "MX"),
        ("54", "AR"),
        ("61", "AU"),
        ("81", "JP"),
        ("91", "IN"),
        ("48", "PL"),
        ("1", "US"),
    ];
    PREFIXES.iter().find(|(prefix, _)| phone.starts_with(prefix)).map_or("US", |(_, country)| country)
}

impl State {
    /// The guest behind a number in any writing, or a BSUID.
    pub(crate) fn find_guest(&self, name: &str) -> Option<GuestId> {
        let known = |key: &str| self.names.get(key).copied();
        known(name.trim()).or_else(|| digits(name).and_then(|digits| known(&digits)))
    }

    /// The id for a guest with this seed. Whoever takes up a number that another guest has left is not that
    /// guest, and gets another id.
    pub(crate) fn fresh_bsuid(&self, waba_id: &str, seed: &str) -> String {
        let mut id = bsuid_for(waba_id, seed);
        let mut tries = 0;
        while self.names.contains_key(&id) || self.left_names.contains(&id) {
            tries += 1;
            id = bsuid_for(&format!("{waba_id}:{tries}"), seed);
        }
        id
    }

    /// Puts a profile at a place, and its names into the index.
    pub(crate) fn put_guest(&mut self, id: GuestId, profile: Profile) {
        while self.guests.len() <= id {
            self.guests.push(Guest::default());
        }
        let Some(guest) = self.guests.get_mut(id) else { return };
        for name in guest.profile.names() {
            if self.names.get(name) == Some(&id) {
                self.names.remove(name);
            }
        }
        for name in profile.names() {
            self.names.insert(name.clone(), id);
        }
        self.left_names.extend(profile.former_names.iter().cloned());
        let merged_into = profile.merged_into;
        guest.profile = profile;
        if let Some(target) = merged_into {
            self.move_chat(id, target);
        }
    }

    fn move_chat(&mut self, from: GuestId, to: GuestId) {
        let Some(last_inbound) = self.guests.get_mut(from).map(|guest| {
            guest.chat.clear();
            guest.last_inbound.take()
        }) else {
            return;
        };
        let chat = self.log.iter().copied().filter(|line| self.owner(*line) == Some(to)).collect();
        if let Some(target) = self.guests.get_mut(to) {
            target.last_inbound = target.last_inbound.max(last_inbound);
            target.chat = chat;
        }
    }

    fn owner(&self, line: Line) -> Option<GuestId> {
        let guest = match line {
            Line::Sent(place) => self.sent.get(place)?.guest,
            Line::Inbound(place) => self.inbound.get(place)?.guest,
        };
        Some(self.resolve(guest))
    }

    /// The guest that stands for this one: itself, unless it was merged.
    pub(crate) fn resolve(&self, id: GuestId) -> GuestId {
        let mut id = id;
        // A guest merges into one that is not merged, so this chain is short and ends.
        while let Some(target) = self.guests.get(id).and_then(|guest| guest.profile.merged_into) {
            id = target;
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_many_writings() {
        for (text, expected) in [
            ("+1 (650) 555-1234", Some("16505551234")),
            ("972541234567", Some("972541234567")),
            ("0541234567", None),
            ("US.1349", None),
            ("12", None),
            ("1234567890123456", None),
        ] {
            assert_eq!(digits(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn user_ids() {
        let id = bsuid_for("1", "972541234567");
        assert!(id.starts_with("IL.1") && id.len() == 23 && is_bsuid(&id), "{id}");
        assert_eq!(id, bsuid_for("1", "972541234567"));
        assert_ne!(id, bsuid_for("2", "972541234567"));
        assert!(is_bsuid("US.ENT.11815799212886844830"));
        assert!(!is_bsuid("us.1") && !is_bsuid("US.") && !is_bsuid("16505551234"));
    }
}
