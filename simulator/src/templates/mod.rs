//! Message templates: what is known of them, and which one a send means.

mod buttons;
mod news;
mod render;
mod review;
mod rules;
mod seed;
mod seed_rich;
mod variables;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{graph::GraphError, state::State};

pub(crate) use news::{changes, status_news};
pub(crate) use review::{Reviews, start_reviews, submit};
pub(crate) use rules::{
    Draft, EDIT_STATUSES, being_deleted, edited_too_often, exists_already, in_upper_case, not_found, not_now,
    too_many,
};
pub(crate) use seed::seeded;

/// How many names one account may have; a name counts once over its languages.
pub(crate) const NAMES_LIMIT: usize = 250;
/// How long the name of a deleted template cannot be used again.
pub(crate) const GONE_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// A template as `GET /{waba_id}/message_templates` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Template {
    pub id: String,
    pub name: String,
    pub language: String,
    pub status: String,
    pub category: String,
    pub parameter_format: String,
    pub components: Vec<Value>,
    #[serde(default = "unknown_quality")]
    pub quality_score: Value,
    #[serde(default = "no_reason")]
    pub rejected_reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_category: Option<String>,
    /// When its review ends, in milliseconds of the machine's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_at: Option<i64>,
    /// When it was edited while it was approved, in simulated Unix milliseconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edited_at: Vec<i64>,
}

/// A template that was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gone {
    pub name: String,
    pub language: String,
    /// Until when its name is taken, in simulated Unix milliseconds.
    pub until: i64,
}

fn unknown_quality() -> Value {
    json!({"score": "UNKNOWN", "date": 0})
}

fn no_reason() -> String {
    "NONE".to_owned()
}

impl Template {
    pub(crate) fn named(&self) -> bool {
        self.parameter_format.eq_ignore_ascii_case("NAMED")
    }

    pub(crate) fn quality(&self) -> &str {
        self.quality_score.get("score").and_then(Value::as_str).unwrap_or("UNKNOWN")
    }
}

pub(crate) fn text_of<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn count_names(templates: &[Template]) -> usize {
    templates.iter().map(|template| template.name.as_str()).collect::<HashSet<_>>().len()
}

impl State {
    /// Adds a template, or replaces the one with its name and language.
    pub(crate) fn put_template(&mut self, template: Template) {
        self.gone_templates.retain(|gone| gone.name != template.name || gone.language != template.language);
        let same = |known: &&mut Template| known.name == template.name && known.language == template.language;
        match self.templates.iter_mut().find(same) {
            Some(known) => *known = template,
            None => self.templates.push(template),
        }
    }

    pub(crate) fn remove_template(&mut self, gone: Gone) {
        let same = |name: &str, language: &str| gone.name == name && gone.language == language;
        self.templates.retain(|known| !same(&known.name, &known.language));
        self.gone_templates.retain(|known| !same(&known.name, &known.language));
        self.gone_templates.push(gone);
    }

    /// An id that no template has, nor had before it was deleted, as far as chance can tell.
    pub(crate) fn fresh_template_id(&self) -> String {
        loop {
            // Clients read it as a number too: it must stay below 2^53.
            let id = 1_000_000_000_000_000 + rand::random::<u64>() % 8_000_000_000_000_000;
            let id = id.to_string();
            if !self.templates.iter().any(|template| template.id == id) {
                return id;
            }
        }
    }

    /// The approved template for a send.
    pub(crate) fn approved_template(&self, name: &str, language: &str) -> Result<&Template, GraphError> {
        let found = self.templates.iter().find(|known| known.name == name && known.language == language);
        let missing =
            || GraphError::new(132_001, format!("template name ({name}) does not exist in {language}"));
        let template = found.ok_or_else(missing)?;
        match template.status.as_str() {
            "APPROVED" => Ok(template),
            "PAUSED" => {
                Err(GraphError::new(132_015, format!("template ({name}) is paused due to low quality")))
            }
            "DISABLED" => Err(GraphError::new(132_016, format!("template ({name}) is disabled"))),
            _ => Err(missing()),
        }
    }
}
