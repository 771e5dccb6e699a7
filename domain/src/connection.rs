//! Business numbers: where each stands, and what an admin may say of one.

use std::net::IpAddr;
use std::str::FromStr;

use crate::text_enum;

text_enum! {
    /// Where a connection is.
    ConnectionStatus {
        /// Being proven against the provider; nobody sees it, nothing goes over it.
        Connecting = "connecting",
        Active = "active",
        /// The provider no longer accepts its access token; what is to be sent waits for another.
        NeedsCredentials = "needs_credentials",
        /// An admin took it away. Its history stays, and it may be connected again.
        Removed = "removed",
    }
}

impl ConnectionStatus {
    /// Whether it is the property's: seen, sent from, received for.
    pub const fn is_connected(self) -> bool {
        match self {
            Self::Active | Self::NeedsCredentials => true,
            Self::Connecting | Self::Removed => false,
        }
    }

    /// Whether the provider is asked for anything over it.
    pub const fn is_usable(self) -> bool {
        match self {
            Self::Active => true,
            Self::NeedsCredentials | Self::Connecting | Self::Removed => false,
        }
    }
}

text_enum! {
    /// Where the provider sends a number's webhooks.
    CallbackState {
        /// To this Bellhop.
        Registered = "registered",
        /// To another address.
        Elsewhere = "elsewhere",
        /// The provider names no address.
        None = "none",
        /// It did not say.
        Unknown = "unknown",
    }
}

/// An id of Meta's: digits, at most 32.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaId(String);

/// A version of the Graph API, such as `v23.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersion(String);

/// Where a provider's API is, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

/// The rule that a text breaks, to be read after the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadLine(&'static str);

const ID_MAX: usize = 32;
const URL_MAX: usize = 500;

impl FromStr for MetaId {
    type Err = BadLine;
    fn from_str(text: &str) -> Result<Self, BadLine> {
        let good = (1..=ID_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        good.then(|| Self(text.to_owned()))
            .ok_or(BadLine("must be the number that WhatsApp Manager shows: digits only"))
    }
}

impl FromStr for ApiVersion {
    type Err = BadLine;
    fn from_str(text: &str) -> Result<Self, BadLine> {
        let number = |n: &str| (1..=3).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit());
        let good = text
            .strip_prefix('v')
            .and_then(|rest| rest.split_once('.'))
            .is_some_and(|(major, minor)| number(major) && number(minor));
        good.then(|| Self(text.to_owned()))
            .ok_or(BadLine("must be a version of the Graph API, such as v23.0"))
    }
}

impl Default for ApiVersion {
    fn default() -> Self {
        Self("v23.0".to_owned())
    }
}

impl BaseUrl {
    /// `https`, or `http` on this machine, where a simulator may be; elsewhere `http` only with `any_http`.
    ///
    /// # Errors
    /// For what is no such address, and for credentials, a query or a fragment in one.
    pub fn parse(text: &str, any_http: bool) -> Result<Self, BadLine> {
        const SHAPE: BadLine = BadLine(
            "must be an address such as https://graph.facebook.com, without a question mark and without credentials",
        );
        let (scheme, rest) = text.split_once("://").ok_or(SHAPE)?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '@' | '\\');
        if rest.chars().any(odd) || text.len() > URL_MAX {
            return Err(SHAPE);
        }
        let authority = rest.split('/').next().unwrap_or_default();
        let host = host_of(authority).filter(|host| !host.is_empty()).ok_or(SHAPE)?;
        match scheme {
            "https" => {}
            "http" if any_http || is_this_machine(host) => {}
            "http" => {
                return Err(BadLine(
                    "must begin with https://: over http anybody on the way reads the token",
                ));
            }
            _ => return Err(SHAPE),
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// Meta's own.
    pub fn meta() -> Self {
        Self("https://graph.facebook.com".to_owned())
    }
}

/// The host without its port; `None` when the port is none.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, after.strip_prefix(':').or_else(|| after.is_empty().then_some("0"))?)
        }
        None => authority.split_once(':').unwrap_or((authority, "0")),
    };
    port.parse::<u16>().ok().map(|_| host)
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

macro_rules! text {
    ($($name:ident),+) => { $(
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    )+ };
}

text!(MetaId, ApiVersion, BaseUrl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_active_number_is_used_and_a_removed_one_is_nobodys() {
        let of = |f: fn(ConnectionStatus) -> bool| -> Vec<&str> {
            ConnectionStatus::ALL.iter().filter(|status| f(**status)).map(|status| status.as_str()).collect()
        };
        assert_eq!(of(ConnectionStatus::is_usable), ["active"]);
        assert_eq!(of(ConnectionStatus::is_connected), ["active", "needs_credentials"]);
    }

    #[test]
    fn a_token_goes_over_https_or_stays_on_this_machine() {
        for (given, kept) in [
            ("https://graph.facebook.com", "https://graph.facebook.com"),
            ("https://graph.facebook.com/", "https://graph.facebook.com"),
            ("https://proxy.example:8443/graph", "https://proxy.example:8443/graph"),
            ("http://127.0.0.1:8091", "http://127.0.0.1:8091"),
            ("http://localhost:8091/", "http://localhost:8091"),
            ("http://[::1]:8091", "http://[::1]:8091"),
        ] {
            assert_eq!(BaseUrl::parse(given, false).unwrap().as_str(), kept);
        }
        for bad in [
            "",
            "graph.facebook.com",
            "ftp://graph.facebook.com",
            "https://",
            "https://:443",
            "https://u:p@graph.facebook.com",
            "https://graph.facebook.com/?x=1",
            "https://graph.facebook.com#x",
            "https://graph.facebook.com:port",
            "https://a b",
            "https://good.example\\@evil.example",
            "http://graph.facebook.com",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://10.0.0.1:8091",
        ] {
            assert!(BaseUrl::parse(bad, false).is_err(), "{bad}");
        }
        assert!(BaseUrl::parse("http://simulator:8090", true).is_ok());
        assert!(BaseUrl::parse("http://u:p@simulator:8090", true).is_err());
    }

    #[test]
    fn ids_and_versions_are_metas() {
        assert!("200000000000001".parse::<MetaId>().is_ok());
        for bad in ["", "12a", "+1", "1/2", &"1".repeat(33)] {
            assert!(bad.parse::<MetaId>().is_err(), "{bad}");
        }
        assert!("v23.0".parse::<ApiVersion>().is_ok() && ApiVersion::default().as_str() == "v23.0");
        for bad in ["", "23.0", "v23", "v23.", "v.0", "v23.0/x", "vx.0"] {
            assert!(bad.parse::<ApiVersion>().is_err(), "{bad}");
        }
    }
}
