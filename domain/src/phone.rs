//! Phone numbers as people type them, as E.164, and as keys that tell people apart.

use std::fmt;
use std::str::FromStr;

use phonenumber::{Mode, country};

/// A country by its ISO 3166-1 alpha-2 code, such as `IL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country(country::Id);

impl FromStr for Country {
    type Err = UnknownCountry;
    fn from_str(text: &str) -> Result<Self, UnknownCountry> {
        text.parse().map(Self).map_err(|_| UnknownCountry)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an ISO 3166-1 alpha-2 country code such as IL")]
pub struct UnknownCountry;

/// An international number: `+` and 7 to 15 digits (E.164).
///
/// It need not be one that the metadata of numbering plans calls possible: plans change faster
/// than metadata, and the guides' own +1234567890 is none of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhoneNumber(String);

/// The text cannot be made an international number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPhone {
    #[error("it is empty")]
    Empty,
    #[error("it holds characters that no phone number has")]
    Characters,
    #[error("an international number has 7 to 15 digits and no leading zero")]
    Length,
    #[error(
        "it is a local number; write it with + and the country code, or set the property's default country"
    )]
    NoCountry,
}

impl PhoneNumber {
    /// Reads what a person typed. National forms are read in `home`, the property's country.
    ///
    /// - `+…` and `00…` (and `011…` in the North American plan) are international.
    /// - A leading 0 is a trunk prefix, so the number is national, where the plan has such a prefix.
    /// - Bare digits are national if valid in `home`, else international.
    pub fn parse(text: &str, home: Option<Country>) -> Result<Self, BadPhone> {
        let typed = Typed::read(text)?;
        if typed.plus {
            return Self::international(&typed.digits);
        }
        if let Some(rest) = typed.digits.strip_prefix("00") {
            return Self::international(rest);
        }
        if let Some(rest) = typed.digits.strip_prefix("011").filter(|_| home.is_some_and(dials_011)) {
            return Self::international(rest);
        }
        let national = home.and_then(|home| phonenumber::parse(Some(home.0), &typed.digits).ok());
        match national {
            Some(number) if phonenumber::is_valid(&number) || lost_its_zero(&number, &typed.digits) => {
                Self::checked(number.format().mode(Mode::E164).to_string())
            }
            _ if typed.digits.starts_with('0') => Err(BadPhone::NoCountry),
            _ => Self::international(&typed.digits),
        }
    }

    /// Reads a `wa_id`: the digits of an international number.
    pub fn from_wa_id(wa_id: &str) -> Result<Self, BadPhone> {
        Self::checked(format!("+{}", wa_id.trim_start_matches('+')))
    }

    fn international(digits: &str) -> Result<Self, BadPhone> {
        let plain = Self::checked(format!("+{digits}"))?;
        // "+972 054…": the metadata knows the trunk zero that people leave in. Where it cannot
        // read the number, the number stands as typed.
        match phonenumber::parse(None, &plain.0) {
            Ok(number) => Self::checked(number.format().mode(Mode::E164).to_string()).or(Ok(plain)),
            Err(_) => Ok(plain),
        }
    }

    fn checked(text: String) -> Result<Self, BadPhone> {
        let digits = &text[1..];
        let plausible = (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if plausible { Ok(Self(text)) } else { Err(BadPhone::Length) }
    }

    /// `+` and digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone, as `wa_id` and the provider's `to` have them.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// One key for all the ways in which the provider writes the number of one person.
    ///
    /// Brazil's mobile numbers exist with and without their ninth digit, Mexico's with and
    /// without the 1 after the country code, Argentina's with and without the 9. Landlines, which
    /// have no such twin, keep their own key.
    pub fn match_key(&self) -> String {
        let digits = self.digits();
        let bytes = digits.as_bytes();
        match (digits.len(), &digits[..2]) {
            (13, "55") if bytes[4] == b'9' && bytes[5] >= b'6' => format!("{}{}", &digits[..4], &digits[5..]),
            (13, "52") if bytes[2] == b'1' => format!("52{}", &digits[3..]),
            (13, "54") if bytes[2] == b'9' => format!("54{}", &digits[3..]),
            _ => digits.to_owned(),
        }
    }
}

/// Whether a leading 0 was the trunk prefix of the country's plan. Israel's is, so a number is read
/// also where the metadata does not know its range yet; the United States have none.
fn lost_its_zero(number: &phonenumber::PhoneNumber, digits: &str) -> bool {
    digits.starts_with('0') && !number.national().to_string().starts_with('0')
}

fn dials_011(home: Country) -> bool {
    matches!(home.0, country::Id::US | country::Id::CA)
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The digits of a typed number and whether a plus stood before them.
struct Typed {
    plus: bool,
    digits: String,
}

impl Typed {
    fn read(text: &str) -> Result<Self, BadPhone> {
        let mut typed = Self { plus: false, digits: String::new() };
        for c in text.chars() {
            match c {
                '+' | '\u{ff0b}' if typed.digits.is_empty() && !typed.plus => typed.plus = true,
                ' ' | '\t' | '-' | '.' | '/' | '(' | ')' | '\u{a0}' | '\u{2010}'..='\u{2015}' => {}
                // Direction marks, which come along when a number is copied from Hebrew or Arabic text.
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {}
                _ => typed.digits.push(ascii_digit(c).ok_or(BadPhone::Characters)?),
            }
        }
        if typed.digits.is_empty() { Err(BadPhone::Empty) } else { Ok(typed) }
    }
}

/// The digit that `c` stands for, in ASCII, Arabic-Indic or Persian writing.
fn ascii_digit(c: char) -> Option<char> {
    let zero = match c {
        '0'..='9' => return Some(c),
        '\u{660}'..='\u{669}' => 0x660,
        '\u{6f0}'..='\u{6f9}' => 0x6f0,
        _ => return None,
    };
    char::from_digit(c as u32 - zero, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(home: &str, text: &str, want: &str) {
        let home = (!home.is_empty()).then(|| home.parse().unwrap());
        let got = PhoneNumber::parse(text, home).map(|n| n.to_string());
        assert_eq!(got.as_deref(), Ok(want), "{text:?} in {home:?}");
    }

    #[test]
    fn the_table_of_what_people_type() {
        // The guides' own.
        for home in ["", "IL", "US"] {
            reads(home, "+1234567890", "+1234567890");
            reads(home, "+972541234567", "+972541234567");
            reads(home, "+1-555-123-4567", "+15551234567");
            reads(home, "+14155238886", "+14155238886");
        }
        reads("", "1234567890", "+1234567890");
        // Israel, with numbers that the metadata calls invalid among them.
        reads("IL", "050-123-4567", "+972501234567");
        reads("IL", "0541234567", "+972541234567");
        reads("IL", "+972 050 123 4567", "+972501234567");
        reads("IL", "972501234567", "+972501234567");
        reads("IL", "00972501234567", "+972501234567");
        reads("IL", "03-6123456", "+97236123456");
        reads("IL", "502345678", "+972502345678");
        // Italy's numbers keep their zero.
        reads("IT", "06 6982 1234", "+390669821234");
        // The United States.
        reads("US", "(415) 555-2671", "+14155552671");
        reads("US", "4155552671", "+14155552671");
        reads("US", "14155552671", "+14155552671");
        reads("US", "011 972 50 123 4567", "+972501234567");
        // Brazil with and without the ninth digit, Mexico and Argentina as old wa_ids have them.
        reads("BR", "+55 11 91234-5678", "+5511912345678");
        reads("BR", "(11) 91234-5678", "+5511912345678");
        reads("", "+558587654321", "+558587654321");
        reads("", "+52 1 55 1234 5678", "+5215512345678");
        reads("AR", "11 15 2345 6789", "+5491123456789");
        reads("", "+54 9 11 2345-6789", "+5491123456789");
        // Ambiguous: valid at home, so national; else international.
        reads("US", "9725552671", "+19725552671");
        reads("IL", "9725552671", "+9725552671");
        reads("IL", "4155552671", "+4155552671");
        // Copied along: direction marks, no-break spaces, full-width plus, other digits.
        reads("", "\u{202a}+972\u{a0}54-123-4567\u{202c}", "+972541234567");
        reads("", "\u{ff0b}972541234567", "+972541234567");
        reads("", "+\u{669}\u{667}\u{662}541234567", "+972541234567");
    }

    #[test]
    fn what_cannot_be_e164_is_refused_with_its_reason() {
        for (home, text, want) in [
            ("", "", BadPhone::Empty),
            ("", " + ", BadPhone::Empty),
            ("IL", "*6050", BadPhone::Characters),
            ("", "+1234567890 ext 5", BadPhone::Characters),
            ("", "++1234567890", BadPhone::Characters),
            ("", "1+234567890", BadPhone::Characters),
            ("", "room 205", BadPhone::Characters),
            ("", "+123456", BadPhone::Length),
            ("", "+1234567890123456", BadPhone::Length),
            ("", "+0541234567", BadPhone::Length),
            ("", "0541234567", BadPhone::NoCountry),
            ("US", "0541234567", BadPhone::NoCountry),
            ("US", "04155552671", BadPhone::NoCountry),
        ] {
            let home = (!home.is_empty()).then(|| home.parse().unwrap());
            assert_eq!(PhoneNumber::parse(text, home), Err(want), "{text:?}");
        }
    }

    #[test]
    fn one_person_one_key() {
        let key = |text: &str| PhoneNumber::parse(text, None).unwrap().match_key();
        for (a, b) in [
            ("+5585987654321", "+558587654321"),
            ("+5215512345678", "+525512345678"),
            ("+5491123456789", "+541123456789"),
        ] {
            assert_eq!(key(a), key(b), "{a} and {b}");
        }
        // A nine that does not stand before a mobile number makes no twin.
        assert_ne!(key("+5511932345678"), key("+551132345678"));
        assert_ne!(key("+972541234567"), key("+972541234568"));
    }

    #[test]
    fn wa_ids_are_digits() {
        assert_eq!(PhoneNumber::from_wa_id("16505551234").unwrap().as_str(), "+16505551234");
        assert_eq!(PhoneNumber::from_wa_id("US.123"), Err(BadPhone::Length));
        assert_eq!(PhoneNumber::from_wa_id(""), Err(BadPhone::Length));
    }
}
