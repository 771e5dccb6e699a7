//! Templates as the world outside changes them, and how long their review takes.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Answer, Input, Problem};
use crate::{
    core::Core,
    restore::tag,
    templates::{Reviews, Template, changes, in_upper_case},
};

/// Adds or replaces a template, or changes what the body names of one that is known. The business is told
/// of what changed of a known one.
pub(super) fn put(core: &Arc<Core>, input: &Input) -> Answer {
    let body: Map<String, Value> = input.parse()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (name, language) = (text("name"), text("language"));
    let simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || language.is_empty() || !name.chars().all(simple) {
        return Err(Problem::bad("name (lower case, digits and _) and language are needed"));
    }
    let template = {
        let mut state = core.state();
        let same = |one: &&Template| one.name == name && one.language == language;
        let known = state.templates.iter().find(same).cloned();
        let mut merged = match &known {
            Some(known) => json!(known),
            None => json!({
                "id": state.fresh_template_id(),
                "status": "APPROVED",
                "category": "UTILITY",
                "parameter_format": "POSITIONAL",
            }),
        };
        let decided = body.contains_key("status");
        for (key, value) in body {
            merged[key] = value;
        }
        let mut template: Template = serde_json::from_value(merged)
            .map_err(|error| Problem::bad(format!("the template is not right: {error}")))?;
        template.components = template.components.iter().map(in_upper_case).collect();
        if decided {
            // Whoever sets a status has decided in the review's place.
            template.review_at = None;
        }
        if let Some(known) = known.as_ref().filter(|known| known.category != template.category) {
            template.previous_category = Some(known.category.clone());
        }
        state.put_template(template.clone());
        core.record(tag::TEMPLATE, &template);
        if let Some(known) = known {
            for (field, value) in changes(&known, &template, core.clock.now_ms()) {
                core.notify(&mut state, field, value);
            }
        }
        template
    };
    core.flush()?;
    Ok(json!(template))
}

/// How long the review of a template takes from now on.
pub(super) fn set_reviews(core: &Core, input: &Input) -> Answer {
    let reviews: Reviews = input.parse()?;
    {
        let mut state = core.state();
        state.reviews = reviews;
        core.record(tag::REVIEWS, &reviews);
    }
    core.flush()?;
    Ok(json!(reviews))
}
