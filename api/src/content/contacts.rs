//! Cards of people.

use bellhop_domain::content as domain;
use bellhop_domain::content::Content;
use poem_openapi::Object;

/// One to 257 cards; WhatsApp advises no more than five.
#[derive(Debug, Object)]
pub struct ContactsContent {
    contacts: Vec<ContactCard>,
}

/// A card. `phone` and `email` stand for a list of one.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct ContactCard {
    name: ContactName,
    phone: Option<String>,
    email: Option<String>,
    phones: Option<Vec<ContactPhone>>,
    emails: Option<Vec<ContactEmail>>,
    addresses: Option<Vec<ContactAddress>>,
    org: Option<ContactOrg>,
    urls: Option<Vec<ContactUrl>>,
    /// As 1985-01-31.
    birthday: Option<String>,
}

/// Objects that mirror those of `domain`, field by field.
macro_rules! mirrored {
    ($($(#[$meta:meta])* $name:ident as $stored:ident { $($field:ident $(as $rename:literal)?),+ })+) => { $(
        $(#[$meta])*
        #[derive(Debug, Object)]
        #[oai(skip_serializing_if_is_none)]
        struct $name { $( $(#[oai(rename = $rename)])? $field: Option<String>, )+ }

        impl From<$name> for domain::$stored {
            fn from(given: $name) -> Self {
                Self { $($field: given.$field),+ }
            }
        }

        impl From<domain::$stored> for $name {
            fn from(stored: domain::$stored) -> Self {
                Self { $($field: stored.$field),+ }
            }
        }
    )+ };
}

mirrored! {
    /// A number to call or write to.
    ContactPhone as Phone { phone, kind as "type", wa_id }
    ContactEmail as Email { email, kind as "type" }
    ContactUrl as Website { url, kind as "type" }
    ContactOrg as Org { company, department, title }
    ContactAddress as Address { street, city, state, zip, country, country_code, kind as "type" }
}

/// WhatsApp wants one part beside the whole; where there is none the whole stands for it.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct ContactName {
    formatted_name: String,
    first_name: Option<String>,
    last_name: Option<String>,
    middle_name: Option<String>,
    prefix: Option<String>,
    suffix: Option<String>,
}

impl From<ContactName> for domain::Name {
    fn from(name: ContactName) -> Self {
        let ContactName { formatted_name, first_name, last_name, middle_name, prefix, suffix } = name;
        Self {
            formatted_name,
            parts: domain::NameParts { first_name, last_name, middle_name, prefix, suffix },
        }
    }
}

impl From<domain::Name> for ContactName {
    fn from(name: domain::Name) -> Self {
        let domain::NameParts { first_name, last_name, middle_name, prefix, suffix } = name.parts;
        Self { formatted_name: name.formatted_name, first_name, last_name, middle_name, prefix, suffix }
    }
}

fn list<T, U: From<T>>(items: Option<Vec<T>>) -> Vec<U> {
    items.unwrap_or_default().into_iter().map(U::from).collect()
}

impl From<ContactCard> for domain::Contact {
    fn from(card: ContactCard) -> Self {
        let (mut phones, mut emails): (Vec<domain::Phone>, Vec<domain::Email>) =
            (list(card.phones), list(card.emails));
        phones.extend(card.phone.map(|phone| domain::Phone { phone: Some(phone), ..Default::default() }));
        emails.extend(card.email.map(|email| domain::Email { email: Some(email), ..Default::default() }));
        Self {
            name: card.name.into(),
            phones,
            emails,
            addresses: list(card.addresses),
            org: card.org.map(Into::into),
            urls: list(card.urls),
            birthday: card.birthday,
        }
    }
}

impl From<domain::Contact> for ContactCard {
    fn from(contact: domain::Contact) -> Self {
        let some = |empty: bool| (!empty).then_some(());
        Self {
            name: contact.name.into(),
            phone: None,
            email: None,
            phones: some(contact.phones.is_empty()).map(|()| list(Some(contact.phones))),
            emails: some(contact.emails.is_empty()).map(|()| list(Some(contact.emails))),
            addresses: some(contact.addresses.is_empty()).map(|()| list(Some(contact.addresses))),
            org: contact.org.map(Into::into),
            urls: some(contact.urls.is_empty()).map(|()| list(Some(contact.urls))),
            birthday: contact.birthday,
        }
    }
}

impl From<ContactsContent> for Content {
    fn from(content: ContactsContent) -> Self {
        let contacts = content.contacts.into_iter().map(domain::Contact::from).collect();
        Self::Contacts(domain::Contacts { contacts })
    }
}

impl From<domain::Contacts> for ContactsContent {
    fn from(stored: domain::Contacts) -> Self {
        Self { contacts: stored.contacts.into_iter().map(ContactCard::from).collect() }
    }
}
