//! What is known about a guest beside addresses, and which of several sources is believed.

use serde::{Deserialize, Serialize};

use crate::content::Wrong;
use crate::stay::{Date, Stay, by_weight, current};
use crate::template::Language;
use crate::text_enum;

text_enum! {
    /// Something that is known about a guest.
    Fact {
        Name = "name",
        /// As templates write it: `en`, `en_US`, `zh_Hans`.
        Language = "language",
        /// The hotel's own word for how much of a regular the guest is, such as `gold`.
        Tier = "tier",
        /// For staff only.
        Notes = "notes",
    }
}

impl Fact {
    /// The most characters of it.
    pub const fn max(self) -> usize {
        match self {
            Self::Name => 200,
            Self::Language => 16,
            Self::Tier => 64,
            Self::Notes => 4000,
        }
    }

    /// Reads what somebody wrote; `None` for nothing but blanks.
    ///
    /// # Errors
    /// Names the fact as the field.
    pub fn read(self, text: &str) -> Result<Option<String>, Wrong> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if text.chars().count() > self.max() {
            return Err(Wrong::new(
                self.as_str(),
                format_args!("must have at most {} characters", self.max()),
            ));
        }
        match self {
            Self::Name | Self::Tier | Self::Notes => Ok(Some(text.to_owned())),
            Self::Language => {
                let language: Language = text.parse().map_err(|error| Wrong::new(self.as_str(), error))?;
                Ok(Some(as_templates_write(language.as_str())))
            }
        }
    }
}

/// BCP 47 with the underscore and the letter case of Meta's codes, so that one language has one text.
fn as_templates_write(tag: &str) -> String {
    let mut written = String::with_capacity(tag.len());
    for (place, part) in tag.split(['-', '_']).filter(|part| !part.is_empty()).enumerate() {
        match (place, part.len()) {
            (0, _) => written.push_str(&part.to_ascii_lowercase()),
            // A country.
            (_, 2) => written.push_str(&format!("_{}", part.to_ascii_uppercase())),
            // A script.
            (_, 4) => {
                let (first, rest) = part.split_at(1);
                written.push_str(&format!("_{}{}", first.to_ascii_uppercase(), rest.to_ascii_lowercase()));
            }
            (_, _) => written.push_str(&format!("_{part}")),
        }
    }
    written
}

/// What one source says about a guest; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "db", derive(sea_orm::FromJsonQueryResult))]
#[serde(default)]
pub struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

impl Profile {
    pub fn get(&self, fact: Fact) -> Option<&String> {
        match fact {
            Fact::Name => self.name.as_ref(),
            Fact::Language => self.language.as_ref(),
            Fact::Tier => self.tier.as_ref(),
            Fact::Notes => self.notes.as_ref(),
        }
    }

    pub fn set(&mut self, fact: Fact, value: Option<String>) {
        match fact {
            Fact::Name => self.name = value,
            Fact::Language => self.language = value,
            Fact::Tier => self.tier = value,
            Fact::Notes => self.notes = value,
        }
    }

    pub fn is_empty(&self) -> bool {
        Fact::ALL.iter().all(|fact| self.get(*fact).is_none())
    }

    /// This, and what it leaves open as `weaker` says.
    #[must_use]
    pub fn or(mut self, weaker: &Self) -> Self {
        for fact in Fact::ALL {
            if self.get(*fact).is_none() {
                self.set(*fact, weaker.get(*fact).cloned());
            }
        }
        self
    }

    /// This for two guests that turned out to be one: as [`Profile::or`], with both texts of notes.
    #[must_use]
    pub fn joined(mut self, other: &Self) -> Self {
        if let (Some(mine), Some(theirs)) = (&mut self.notes, &other.notes)
            && !mine.contains(theirs.as_str())
        {
            mine.push('\n');
            mine.push_str(theirs);
        }
        self.or(other)
    }
}

/// A stay, and what the PMS says in it about one of its guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    pub stay: Stay,
    pub said: Profile,
}

/// What is shown of a guest. A name that only WhatsApp knows is not among it: it is the weakest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    pub profile: Profile,
    pub stay: Option<Stay>,
}

/// What staff set goes before what was imported, that before what the PMS says. The result depends on
/// what is known, never on the order in which it came.
pub fn shown(staff: &Profile, import: &Profile, mut booked: Vec<Booked>, today: Date) -> Shown {
    by_weight(&mut booked, today, |booked| &booked.stay);
    let told = staff.clone().or(import);
    let profile = booked.iter().fold(told, |told, booked| told.or(&booked.said));
    Shown { profile, stay: current(booked.iter().map(|booked| &booked.stay), today).cloned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stay::StayStatus;

    fn says(name: Option<&str>, language: Option<&str>, tier: Option<&str>) -> Profile {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Profile { name: own(name), language: own(language), tier: own(tier), notes: None }
    }

    fn booked(id: &str, status: StayStatus, departure: &str, said: Profile) -> Booked {
        let stay = Stay {
            source: "pms".into(),
            reservation_id: id.into(),
            status,
            room: Some("205".into()),
            arrival: "2026-05-01".parse().unwrap(),
            departure: departure.parse().unwrap(),
            booking_reference: None,
        };
        Booked { stay, said }
    }

    #[test]
    fn staff_then_import_then_the_stay_that_matters() {
        let today = "2026-05-10".parse().unwrap();
        let here = booked("1", StayStatus::InHouse, "2026-05-02", says(Some("Here"), None, None));
        let past = booked("2", StayStatus::Departed, "2026-05-09", says(Some("Past"), Some("he"), None));
        let off = booked("3", StayStatus::Cancelled, "2026-09-09", says(None, Some("fr"), Some("gold")));
        let all = vec![off, past, here];
        let nobody = Profile::default();
        let pms = shown(&nobody, &nobody, all.clone(), today);
        assert_eq!(pms.profile, says(Some("Here"), Some("he"), Some("gold")));
        assert_eq!(pms.stay.unwrap().reservation_id, "1");
        let import = says(Some("Imported"), None, Some("silver"));
        let told = shown(&says(None, None, Some("black")), &import, all, today);
        assert_eq!(told.profile, says(Some("Imported"), Some("he"), Some("black")));
        assert_eq!(shown(&nobody, &nobody, Vec::new(), today), Shown::default());
    }

    #[test]
    fn one_language_has_one_text() {
        for (given, written) in [
            ("en", "en"),
            ("EN-us", "en_US"),
            ("pt_br", "pt_BR"),
            ("zh-hans-CN", "zh_Hans_CN"),
            ("es-419", "es_419"),
            ("en-", "en"),
        ] {
            assert_eq!(Fact::Language.read(given).unwrap().as_deref(), Some(written));
        }
        for bad in ["e", "en us", "english language", "עברית"] {
            assert_eq!(Fact::Language.read(bad).unwrap_err().field, "language", "{bad}");
        }
    }

    #[test]
    fn blanks_say_nothing_and_length_is_bounded() {
        assert_eq!(Fact::Name.read("  "), Ok(None));
        assert_eq!(Fact::Name.read(" Ana "), Ok(Some("Ana".into())));
        assert_eq!(Fact::Tier.read(&"x".repeat(65)).unwrap_err().field, "tier");
        assert!(Fact::Notes.read(&"é".repeat(4000)).is_ok());
    }

    #[test]
    fn both_notes_are_kept_once() {
        let notes = |text: &str| Profile { notes: Some(text.into()), ..Profile::default() };
        assert_eq!(notes("a").joined(&notes("b")).notes.as_deref(), Some("a\nb"));
        assert_eq!(notes("a b").joined(&notes("b")).notes.as_deref(), Some("a b"));
        assert_eq!(Profile::default().joined(&notes("b")).notes.as_deref(), Some("b"));
    }
}
