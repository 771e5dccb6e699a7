//! People to write to or call, as cards.

use serde::{Deserialize, Serialize};

use super::wrong::{Wrong, count, words};

/// Source: Meta's OpenAPI says 1 to 5; other clients were seen to send up to 257.
const CONTACTS_MAX: usize = 257;
/// Ours, for everything in a card: Meta documents no limits.
const FIELD_MAX: usize = 500;
const LIST_MAX: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contacts {
    pub contacts: Vec<Contact>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub name: Name,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<Phone>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Email>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<Org>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<Website>,
    /// `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birthday: Option<String>,
}

macro_rules! fields {
    ($(#[$meta:meta])* $name:ident { $($(#[$fmeta:meta])* $field:ident $(as $rename:literal)?),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name { $(
            $(#[$fmeta])*
            #[serde(default, skip_serializing_if = "Option::is_none" $(, rename = $rename)?)]
            pub $field: Option<String>,
        )+ }

        impl $name {
            fn texts(&self) -> impl Iterator<Item = (&'static str, &String)> {
                [$((stringify!($field), self.$field.as_ref())),+]
                    .into_iter()
                    .filter_map(|(field, text)| Some((field, text?)))
            }
        }
    };
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    pub formatted_name: String,
    #[serde(flatten)]
    pub parts: NameParts,
}

fields! { NameParts { first_name, last_name, middle_name, prefix, suffix } }
fields! { Phone { phone, kind as "type", wa_id } }
fields! { Email { email, kind as "type" } }
fields! { Website { url, kind as "type" } }
fields! { Org { company, department, title } }
fields! { Address { street, city, state, zip, country, country_code, kind as "type" } }

impl Contacts {
    pub(super) fn summary(&self) -> String {
        let names: Vec<&str> = self.contacts.iter().map(|contact| &*contact.name.formatted_name).collect();
        names.join(", ")
    }

    pub(super) fn check(mut self) -> Result<Self, Wrong> {
        count("contacts", self.contacts.len(), 1..=CONTACTS_MAX)?;
        for (at, contact) in self.contacts.iter_mut().enumerate() {
            contact.check().map_err(|wrong| wrong.within(format_args!("contacts.{at}")))?;
        }
        Ok(self)
    }
}

impl Contact {
    fn check(&mut self) -> Result<(), Wrong> {
        words("name.formatted_name", &self.name.formatted_name, FIELD_MAX)?;
        if self.name.parts.texts().next().is_none() {
            // WhatsApp asks for one part beside the whole.
            self.name.parts.first_name = Some(self.name.formatted_name.clone());
        }
        texts("name", self.name.parts.texts())?;
        if let Some(org) = &self.org {
            texts("org", org.texts())?;
        }
        each("phones", self.phones.iter().map(Phone::texts))?;
        each("emails", self.emails.iter().map(Email::texts))?;
        each("urls", self.urls.iter().map(Website::texts))?;
        each("addresses", self.addresses.iter().map(Address::texts))?;
        match &self.birthday {
            Some(day) if day.parse::<chrono::NaiveDate>().is_err() || day.len() != 10 => {
                Err(Wrong::new("birthday", "must be a date such as 1985-01-31"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn texts<'a>(
    within: impl std::fmt::Display,
    texts: impl Iterator<Item = (&'static str, &'a String)>,
) -> Result<(), Wrong> {
    for (field, text) in texts {
        let field = if field == "kind" { "type" } else { field };
        words(field, text, FIELD_MAX).map_err(|wrong| wrong.within(&within))?;
    }
    Ok(())
}

fn each<'a, T>(field: &str, items: impl ExactSizeIterator<Item = T>) -> Result<(), Wrong>
where
    T: Iterator<Item = (&'static str, &'a String)>,
{
    count(field, items.len(), 0..=LIST_MAX)?;
    for (at, item) in items.enumerate() {
        let mut item = item.peekable();
        if item.peek().is_none() {
            return Err(Wrong::new(format!("{field}.{at}"), "must not be empty"));
        }
        texts(format_args!("{field}.{at}"), item)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(name: &str) -> Contact {
        Contact {
            name: Name { formatted_name: name.into(), ..Name::default() },
            phones: vec![Phone { phone: Some("+1 650".into()), kind: Some("WORK".into()), wa_id: None }],
            ..Contact::default()
        }
    }

    #[test]
    fn a_name_in_one_piece_is_enough() {
        let checked = Contacts { contacts: vec![contact("Ana Lima")] }.check().unwrap();
        assert_eq!(checked.contacts[0].name.parts.first_name.as_deref(), Some("Ana Lima"));
        assert_eq!(checked.summary(), "Ana Lima");
    }

    #[test]
    fn limits_name_their_field() {
        let wrong = |contacts: Vec<Contact>| Contacts { contacts }.check().map_err(|wrong| wrong.field);
        assert!(wrong(vec![contact("x"); 257]).is_ok());
        assert_eq!(wrong(vec![contact("x"); 258]), Err("contacts".into()));
        assert_eq!(wrong(vec![]), Err("contacts".into()));
        assert_eq!(wrong(vec![contact("x"), contact(" ")]), Err("contacts.1.name.formatted_name".into()));
        let phones = vec![Phone::default()];
        assert_eq!(wrong(vec![Contact { phones, ..contact("x") }]), Err("contacts.0.phones.0".into()));
        let emails = vec![Email { email: Some(String::new()), kind: None }];
        assert_eq!(wrong(vec![Contact { emails, ..contact("x") }]), Err("contacts.0.emails.0.email".into()));
        for (day, good) in [("1985-01-31", true), ("1985-1-31", false), ("31.1.1985", false)] {
            let birthday = Some(day.to_owned());
            assert_eq!(wrong(vec![Contact { birthday, ..contact("x") }]).is_ok(), good, "{day}");
        }
    }
}
