//! Templates, as we submit them and as the account lists them.

use bellhop_domain::template::ParameterFormat;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::json::{optional, text};

#[derive(Serialize)]
pub struct Create<'a> {
    pub name: &'a str,
    pub language: &'a str,
    pub category: &'a str,
    /// Ours has Meta's words. Positional when left out.
    pub parameter_format: ParameterFormat,
    pub components: &'a Value,
}

/// Name, language and parameter format cannot be changed.
#[derive(Serialize)]
pub struct Edit<'a> {
    pub category: &'a str,
    pub components: &'a Value,
}

/// The answer to a creation.
#[derive(Deserialize)]
pub struct Created {
    #[serde(default, deserialize_with = "text")]
    pub id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub category: Option<String>,
}

#[derive(Deserialize)]
pub struct TemplatePage {
    /// Read one by one: a template of a new kind must not hide the others.
    pub data: Vec<Value>,
    #[serde(default, deserialize_with = "optional")]
    pub paging: Option<Paging>,
}

#[derive(Deserialize)]
pub struct Paging {
    #[serde(default, deserialize_with = "optional")]
    pub cursors: Option<Cursors>,
    /// Only there when another page is.
    #[serde(default, deserialize_with = "text")]
    pub next: Option<String>,
}

#[derive(Deserialize)]
pub struct Cursors {
    #[serde(default, deserialize_with = "text")]
    pub after: Option<String>,
}

impl TemplatePage {
    /// Where the next page starts. The cursor alone is taken from `next`: following that address
    /// would send the token to whatever host the answer names.
    pub fn next_cursor(&self) -> Option<String> {
        let paging = self.paging.as_ref()?;
        let next = paging.next.as_ref()?;
        let of_next = || {
            let url = reqwest::Url::parse(next).ok()?;
            url.query_pairs().find(|(key, _)| key == "after").map(|(_, value)| value.into_owned())
        };
        paging.cursors.as_ref().and_then(|cursors| cursors.after.clone()).or_else(of_next)
    }
}

#[derive(Deserialize)]
pub struct Template {
    #[serde(default, deserialize_with = "text")]
    pub id: Option<String>,
    pub name: String,
    pub language: String,
    pub category: String,
    pub status: String,
    /// Absent means positional.
    #[serde(default, deserialize_with = "text")]
    pub parameter_format: Option<String>,
    pub components: Value,
    #[serde(default, deserialize_with = "optional")]
    pub quality_score: Option<QualityScore>,
    #[serde(default, deserialize_with = "text")]
    pub rejected_reason: Option<String>,
}

#[derive(Deserialize)]
pub struct QualityScore {
    pub score: String,
}
