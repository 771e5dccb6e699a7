//! People who work at a hotel: by what they sign in.

use std::fmt;
use std::str::FromStr;

use crate::Secret;

/// RFC 5321, 4.5.3.1.3, without the angle brackets.
const EMAIL_MAX: usize = 254;

/// Short passwords are guessed; what makes long ones good is their length (NIST SP 800-63B-4, 3.1.1).
const PASSWORD_MIN: usize = 12;
/// In bytes. Longer texts cost work and add nothing.
const PASSWORD_MAX: usize = 512;

/// An e-mail address. Whether somebody reads it, only a letter could tell.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address such as dana@hotel.example")]
pub struct BadEmail;

impl EmailAddress {
    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is compared. No provider of note tells `Dana@` from `dana@`, and people do not either.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl FromStr for EmailAddress {
    type Err = BadEmail;

    fn from_str(text: &str) -> Result<Self, BadEmail> {
        let text = text.trim();
        let (name, host) = text.rsplit_once('@').ok_or(BadEmail)?;
        let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        let good = plain && !name.is_empty() && !name.contains('@') && !host.is_empty();
        if good && text.len() <= EMAIL_MAX { Ok(Self(text.to_owned())) } else { Err(BadEmail) }
    }
}

/// Personal: not for logs.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[e-mail address]")
    }
}

/// A password that may be set.
#[derive(Debug, Clone)]
pub struct NewPassword(Secret);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    #[error("must have at least {PASSWORD_MIN} characters")]
    Short,
    #[error("must have at most {PASSWORD_MAX} bytes")]
    Long,
    #[error("must not be one character again and again")]
    Monotonous,
}

impl NewPassword {
    /// Taken as it is, blanks too: no kind of character is asked for, because such rules make passwords worse.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(given: &Secret) -> Result<Self, BadPassword> {
        let text = given.expose();
        let first = text.chars().next();
        if text.chars().count() < PASSWORD_MIN {
            Err(BadPassword::Short)
        } else if text.len() > PASSWORD_MAX {
            Err(BadPassword::Long)
        } else if text.chars().all(|c| Some(c) == first) {
            Err(BadPassword::Monotonous)
        } else {
            Ok(Self(given.clone()))
        }
    }

    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_in_small_letters() {
        let email: EmailAddress = " Dana.Levi@Hotel.Example ".parse().unwrap();
        assert_eq!((email.as_str(), &*email.key()), ("Dana.Levi@Hotel.Example", "dana.levi@hotel.example"));
        assert!("דנה@hotel.example".parse::<EmailAddress>().is_ok());
        assert!(!format!("{email:?}").contains("Dana"));
        let long = format!("{}@a.example", "x".repeat(EMAIL_MAX));
        for bad in ["", "dana", "@hotel.example", "dana@", "a@b@c", "da na@hotel.example", "a\0@b", &long] {
            assert_eq!(bad.parse::<EmailAddress>(), Err(BadEmail), "{bad}");
        }
    }

    #[test]
    fn length_is_what_counts() {
        let read = |text: &str| NewPassword::read(&Secret::new(text)).map(|_| ());
        assert_eq!(read("eleven char"), Err(BadPassword::Short));
        assert_eq!(read("twelve chars"), Ok(()));
        assert_eq!(read("סיסמה ארוכה!"), Ok(()));
        assert_eq!(read(&"x".repeat(12)), Err(BadPassword::Monotonous));
        assert_eq!(read(&"xy".repeat(257)), Err(BadPassword::Long));
    }
}
