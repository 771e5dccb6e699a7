//! How the text of a variable becomes a value.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use bellhop_domain::Secret;
use bellhop_domain::consent::StopWords;
use bellhop_domain::ports::RequestRate;
use reqwest::Url;

use super::BadSetting;
use crate::media::{MediaPlace, S3};
use crate::webhook_client::Rule;

/// The beginnings that a URL may have, and the same in words.
pub(super) struct Schemes {
    pub of: &'static [&'static str],
    pub allowed: &'static str,
}

pub(super) const DATABASE: Schemes = Schemes {
    of: &["sqlite:", "postgres://", "postgresql://"],
    allowed: "a URL that starts with sqlite:, postgres:// or postgresql://",
};
pub(super) const AMQP: &str = "a URL such as amqp://user:password@host:5672/%2f";
pub(super) const REDIS: Schemes =
    Schemes { of: &["redis://", "rediss://"], allowed: "a URL that starts with redis:// or rediss://" };

/// Our own news; what libraries say of each step would bury them.
pub const LOG: &str = "info,poem::server=warn,sea_orm_migration=warn,sqlx::postgres::notice=warn";

/// The variables, each by the way it is parsed.
pub(super) struct Vars<'a>(pub &'a dyn Fn(&str) -> Option<String>);

impl Vars<'_> {
    pub fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub fn parsed<T: FromStr>(
        &self,
        name: &'static str,
        allowed: &'static str,
        default: &str,
    ) -> Result<T, BadSetting> {
        let value = self.text(name).unwrap_or_else(|| default.to_owned());
        value.parse().map_err(|_| BadSetting { name, given: Some(value), allowed })
    }

    pub fn number(
        &self,
        name: &'static str,
        allowed: &'static str,
        default: u32,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<u32, BadSetting> {
        let number = self.parsed(name, allowed, &default.to_string())?;
        if range.contains(&number) {
            Ok(number)
        } else {
            Err(BadSetting { name, given: self.text(name), allowed })
        }
    }

    pub fn seconds(
        &self,
        name: &'static str,
        allowed: &'static str,
        default: f64,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<Duration, BadSetting> {
        let seconds: f64 = self.parsed(name, allowed, &default.to_string())?;
        if range.contains(&seconds) {
            Ok(Duration::from_secs_f64(seconds))
        } else {
            Err(BadSetting { name, given: self.text(name), allowed })
        }
    }

    pub fn secret_url(&self, name: &'static str, schemes: Schemes) -> Result<Option<Secret>, BadSetting> {
        self.secret(name, schemes.allowed, |url| schemes.of.iter().any(|scheme| url.starts_with(scheme)))
    }

    pub fn secret(
        &self,
        name: &'static str,
        allowed: &'static str,
        good: impl Fn(&str) -> bool,
    ) -> Result<Option<Secret>, BadSetting> {
        match self.text(name) {
            Some(value) if !good(&value) => Err(BadSetting { name, given: None, allowed }),
            value => Ok(value.map(Secret::new)),
        }
    }

    pub fn url(&self, name: &'static str) -> Result<Option<String>, BadSetting> {
        let Some(given) = self.text(name) else { return Ok(None) };
        let good = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        };
        match Url::parse(&given) {
            Ok(url) if good(&url) => Ok(Some(given.trim_end_matches('/').to_owned())),
            Ok(_) | Err(_) => Err(BadSetting {
                name,
                given: Some(given),
                allowed: "a URL such as https://hotel.example, without credentials and without a question mark",
            }),
        }
    }

    pub fn origins(&self, name: &'static str) -> Result<Vec<String>, BadSetting> {
        let Some(given) = self.text(name) else { return Ok(Vec::new()) };
        let origin = |text: &str| {
            let text = text.trim();
            let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
            let origin = url.origin().ascii_serialization();
            origin.eq_ignore_ascii_case(text.trim_end_matches('/')).then_some(origin)
        };
        given.split(',').filter(|part| !part.trim().is_empty()).map(origin).collect::<Option<_>>().ok_or(
            BadSetting {
                name,
                given: Some(given),
                allowed: "origins separated by commas, such as https://desk.example,http://localhost:5173",
            },
        )
    }

    pub fn prefix(&self, name: &'static str) -> Result<String, BadSetting> {
        let prefix = self.text(name).unwrap_or_else(|| "bellhop".into());
        let good =
            prefix.len() <= 64 && prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
        if good {
            Ok(prefix)
        } else {
            Err(BadSetting {
                name,
                given: Some(prefix),
                allowed: "at most 64 letters, digits, and any of - _ . :",
            })
        }
    }

    pub fn media(&self, name: &'static str, data_dir: &Path) -> Result<MediaPlace, BadSetting> {
        match self.text(name) {
            Some(given) => given.parse().map_err(|()| BadSetting {
                name,
                given: Some(given),
                allowed: "a URL such as file:///var/lib/bellhop/media or s3://bucket/prefix",
            }),
            None => Ok(MediaPlace::Folder(data_dir.join("media"))),
        }
    }

    pub fn s3(&self) -> Result<S3, BadSetting> {
        let both = "set if and only if the other half of the key is";
        let id = self.secret("BELLHOP_S3_ACCESS_KEY_ID", both, |_| true)?;
        let secret = self.secret("BELLHOP_S3_SECRET_ACCESS_KEY", both, |_| true)?;
        let lonely = |name| BadSetting { name, given: None, allowed: both };
        Ok(S3 {
            endpoint: self.url("BELLHOP_S3_ENDPOINT")?,
            region: self.text("BELLHOP_S3_REGION").unwrap_or_else(|| "us-east-1".into()),
            key: match (id, secret) {
                (Some(id), Some(secret)) => Some((id, secret)),
                (None, None) => None,
                (Some(_), None) => return Err(lonely("BELLHOP_S3_SECRET_ACCESS_KEY")),
                (None, Some(_)) => return Err(lonely("BELLHOP_S3_ACCESS_KEY_ID")),
            },
        })
    }

    pub fn request_rate(&self, name: &'static str, default: u32) -> Result<Option<RequestRate>, BadSetting> {
        let allowed = "a whole number of requests a minute from 60 to 6000000, or 0 for no limit";
        let a_minute = self.parsed(name, allowed, &default.to_string())?;
        match RequestRate::a_minute(a_minute) {
            None if a_minute != 0 => Err(BadSetting { name, given: self.text(name), allowed }),
            rate => Ok(rate),
        }
    }

    pub fn webhook_rule(&self, name: &'static str) -> Result<Rule, BadSetting> {
        let insecure: bool = self.parsed(name, "true or false", "false")?;
        Ok(if insecure { Rule::Insecure } else { Rule::Public })
    }

    pub fn stop_words(&self, name: &'static str) -> Result<StopWords, BadSetting> {
        let allowed = "words separated by commas, such as stop,baja; with a + before the first, in addition to \
                       the built-in ones";
        let Some(given) = self.text(name) else { return Ok(StopWords::default()) };
        StopWords::parse(&given).ok_or(BadSetting { name, given: Some(given), allowed })
    }

    pub fn log(&self, name: &'static str) -> Result<String, BadSetting> {
        let log = self.text(name).unwrap_or_else(|| LOG.into());
        if crate::telemetry::filter(&log).is_ok() {
            Ok(log)
        } else {
            Err(BadSetting {
                name,
                given: Some(log),
                allowed: "a filter such as info or warn,bellhop_worker=debug",
            })
        }
    }
}
