//! Places in a request's body, under the names that Meta's refusals give them.

use serde_json::Value;

use crate::graph::GraphError;

/// A value and its name, like `interactive['body']['text']`.
#[derive(Clone)]
pub(crate) struct At<'a> {
    path: String,
    pub value: &'a Value,
}

impl<'a> At<'a> {
    pub(crate) fn new(path: impl Into<String>, value: &'a Value) -> Self {
        Self { path: path.into(), value }
    }

    /// What stands under this key; `null` counts as nothing.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Self { path: format!("{}['{key}']", self.path), value })
    }

    /// As [`At::get`], for keys that must be there.
    pub(crate) fn need(&self, key: &str) -> Result<Self, GraphError> {
        self.get(key)
            .ok_or_else(|| GraphError::new(100, format!("The parameter {}['{key}'] is required.", self.path)))
    }

    pub(crate) fn refuse(&self, why: &str) -> GraphError {
        self.refuse_with(131_009, why)
    }

    pub(crate) fn refuse_with(&self, code: i64, why: &str) -> GraphError {
        GraphError::new(code, format!("Param {} {why}", self.path))
    }

    pub(crate) fn string(&self) -> Result<&'a str, GraphError> {
        self.value.as_str().ok_or_else(|| self.refuse("must be a string"))
    }

    /// A string with something in it, of at most this many code points.
    pub(crate) fn text(&self, most: usize) -> Result<&'a str, GraphError> {
        let text = self.string()?;
        match text.chars().count() {
            0 => Err(self.refuse("must not be empty")),
            length if length > most => {
                Err(self.refuse(&format!("must be at most {most} characters long; it has {length}")))
            }
            _ if text.trim().is_empty() => Err(self.refuse("must not be blank")),
            _ => Ok(text),
        }
    }

    pub(crate) fn flag(&self) -> Result<bool, GraphError> {
        self.value.as_bool().ok_or_else(|| self.refuse_with(100, "must be a boolean"))
    }

    pub(crate) fn one_of(&self, allowed: &[&str]) -> Result<&'a str, GraphError> {
        match self.value.as_str() {
            Some(text) if allowed.contains(&text) => Ok(text),
            Some(_) | None => Err(self.refuse(&format!("must be one of {{{}}}", allowed.join(", ")))),
        }
    }

    /// The entries of an array of `least` to `most`.
    pub(crate) fn items(&self, least: usize, most: usize) -> Result<Vec<Self>, GraphError> {
        let Some(items) = self.value.as_array() else { return Err(self.refuse("must be an array")) };
        if !(least..=most).contains(&items.len()) {
            let why = format!("must have {least} to {most} entries; it has {}", items.len());
            return Err(self.refuse(&why));
        }
        let at = |(place, value)| Self { path: format!("{}[{place}]", self.path), value };
        Ok(items.iter().enumerate().map(at).collect())
    }

    /// A web address that a phone could open.
    pub(crate) fn url(&self) -> Result<&'a str, GraphError> {
        let text = self.string()?;
        let parsed = reqwest::Url::parse(text).ok();
        let fits = parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if fits { Ok(text) } else { Err(self.refuse("must be an http or https URL")) }
    }
}
