//! What may be submitted: all rules of the provider that can be known before it is asked.
//!
//! Source: Meta, "Templates" and "Template components". What is not certain is left to the provider,
//! which has the last word.

mod buttons;
mod components;
mod examples;
mod words;

use std::fmt::Display;

use serde_json::Value;

use super::{Category, Language, ParameterFormat, TemplateName};
use crate::content::Wrong;
use crate::media::MediaKind;

/// A template as somebody wants it.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    pub name: String,
    pub language: String,
    /// `UTILITY` or `MARKETING`, in any case.
    pub category: String,
    /// `NAMED` or `POSITIONAL`, in any case; without it, the variables say.
    pub parameter_format: Option<String>,
    /// As Meta takes them, with types in any case and examples where wanted.
    pub components: Value,
}

/// A template as the provider is given it.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedTemplate {
    pub name: TemplateName,
    pub language: Language,
    pub category: Category,
    pub parameter_format: ParameterFormat,
    /// With types in upper case and an example for every variable.
    pub components: Value,
    /// The header's `example` has a `media_id` of ours, of this kind: the provider wants a
    /// `header_handle` in its place.
    pub needs_example: Option<MediaKind>,
}

impl Submission {
    /// The template as the provider takes it, or all that it would refuse.
    pub fn check(self) -> Result<CheckedTemplate, Vec<Wrong>> {
        let mut found = Found::default();
        let name = found.keep("name", self.name.parse::<TemplateName>());
        let language = found.keep("language", language(&self.language));
        let category = found.keep("category", category(&self.category));
        if category == Some(Category::Authentication) {
            // Their words are the provider's own: none of the rules on components is about them.
            found.add("category", "AUTHENTICATION templates cannot be submitted through Bellhop yet");
            return Err(found.0);
        }
        let checked = components::check(self.components, self.parameter_format.as_deref(), &mut found);
        let (Some(name), Some(language), Some(category), Some(checked)) = (name, language, category, checked)
        else {
            return Err(found.0);
        };
        if !found.0.is_empty() {
            return Err(found.0);
        }
        Ok(CheckedTemplate {
            name,
            language,
            category,
            parameter_format: checked.parameter_format,
            components: checked.components,
            needs_example: checked.needs_example,
        })
    }
}

/// Stricter than what is stored: two or three lowercase letters, and a country where wanted.
fn language(text: &str) -> Result<Language, &'static str> {
    const RULE: &str = "must be a code of Meta's such as en, en_US or he";
    let (base, country) = match text.split_once('_') {
        Some((base, country)) => (base, Some(country)),
        None => (text, None),
    };
    let is_base = (2..=3).contains(&base.len()) && base.bytes().all(|b| b.is_ascii_lowercase());
    let is_country = |c: &str| {
        (2..=4).contains(&c.len()) && c.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    if is_base && country.is_none_or(is_country) { text.parse().map_err(|_| RULE) } else { Err(RULE) }
}

fn category(text: &str) -> Result<Category, &'static str> {
    text.to_ascii_uppercase().parse().map_err(|_| "must be UTILITY or MARKETING")
}

/// All that is wrong so far.
#[derive(Debug, Default)]
struct Found(Vec<Wrong>);

impl Found {
    fn add(&mut self, field: impl Into<String>, reason: impl ToString) {
        self.0.push(Wrong::new(field, reason));
    }

    fn keep<T>(&mut self, field: &str, result: Result<T, impl Display>) -> Option<T> {
        result.map_err(|reason| self.add(field, reason)).ok()
    }

    /// A text with something in it, of at most `max` characters. Whether Meta counts code points is not
    /// documented; no other unit is smaller for what people write.
    fn length(&mut self, field: &str, text: &str, max: usize) {
        let length = text.chars().count();
        if text.trim().is_empty() {
            self.add(field, "must not be empty");
        } else if length > max {
            self.add(field, format_args!("has {length} characters; WhatsApp takes at most {max}"));
        }
    }
}
