//! What WhatsApp would refuse, found before it is asked.

use std::collections::HashSet;

/// A field of a content that cannot be sent so, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Wrong {
    /// Its path within the content, such as `sections.0.rows.2.title`; empty for the content itself.
    pub field: String,
    pub reason: String,
}

impl Wrong {
    pub fn new(field: impl Into<String>, reason: impl ToString) -> Self {
        Self { field: field.into(), reason: reason.to_string() }
    }

    /// The same, within another field.
    pub fn within(self, field: impl std::fmt::Display) -> Self {
        let field = if self.field.is_empty() { field.to_string() } else { format!("{field}.{}", self.field) };
        Self { field, ..self }
    }
}

/// A text with something in it, of at most `max` characters. They are counted as Unicode code points:
/// whether Meta counts so is not documented, and no other unit is smaller for what people write.
pub(super) fn words(field: &str, text: &str, max: usize) -> Result<(), Wrong> {
    if text.trim().is_empty() {
        return Err(Wrong::new(field, "must not be empty"));
    }
    match text.chars().count() {
        length if length > max => {
            Err(Wrong::new(field, format_args!("has {length} characters; WhatsApp takes at most {max}")))
        }
        _ => Ok(()),
    }
}

/// The same for a text that may be left out.
pub(super) fn some_words(field: &str, text: Option<&String>, max: usize) -> Result<(), Wrong> {
    text.map_or(Ok(()), |text| words(field, text, max))
}

/// From `min` to `max` of something.
pub(super) fn count(field: &str, number: usize, range: std::ops::RangeInclusive<usize>) -> Result<(), Wrong> {
    if range.contains(&number) {
        return Ok(());
    }
    let (min, max) = range.into_inner();
    Err(Wrong::new(field, format_args!("has {number}; WhatsApp takes {min} to {max}")))
}

/// Each once; `field` names the place of a later one.
pub(super) fn distinct<'a>(
    texts: impl Iterator<Item = &'a str>,
    field: impl Fn(usize) -> String,
) -> Result<(), Wrong> {
    let mut seen = HashSet::new();
    for (at, text) in texts.enumerate() {
        if !seen.insert(text) {
            return Err(Wrong::new(field(at), "is there twice; each must be different"));
        }
    }
    Ok(())
}
