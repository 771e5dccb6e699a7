//! Creating, editing and deleting templates.

use std::sync::Arc;

use poem::Response;
use serde_json::{Map, Value, json};

use super::{Call, GraphError, error::respond, unknown};
use crate::{
    core::Core,
    restore::tag,
    state::State,
    templates::{
        Draft, EDIT_STATUSES, GONE_MS, Gone, NAMES_LIMIT, Template, being_deleted, count_names,
        edited_too_often, exists_already, not_found, not_now, submit, too_many,
    },
};

const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const CREATIONS_PER_HOUR: usize = 100;
const EDITS_PER_MONTH: usize = 10;

fn saved(core: &Core) -> Result<(), GraphError> {
    core.flush().map_err(|_| GraphError::new(131_000, ""))
}

pub(super) fn create(core: &Arc<Core>, call: &Call) -> Result<Response, GraphError> {
    let draft = Draft::parse(&object(call)?)?;
    let now = core.clock.now_ms();
    let answer = {
        let mut state = core.state();
        check_room(&mut state, &draft, now)?;
        state.creations.push_back(now);
        let template = Template {
            id: state.fresh_template_id(),
            name: draft.name,
            language: draft.language,
            status: String::new(),
            category: draft.category,
            parameter_format: draft.parameter_format,
            components: draft.components,
            quality_score: json!({"score": "UNKNOWN", "date": now.div_euclid(1_000)}),
            rejected_reason: String::new(),
            previous_category: None,
            review_at: None,
            edited_at: Vec::new(),
        };
        let answer = json!({"id": template.id, "status": "PENDING", "category": template.category});
        submit(core, &mut state, template);
        answer
    };
    saved(core)?;
    Ok(respond(200, &answer))
}

/// Clients that send forms write `components` as a string of JSON.
fn object(call: &Call) -> Result<Map<String, Value>, GraphError> {
    let mut body = call.object()?;
    if let Some(Value::String(text)) = body.get("components")
        && let Ok(components) = serde_json::from_str(text)
    {
        body.insert("components".to_owned(), components);
    }
    Ok(body)
}

fn check_room(state: &mut State, draft: &Draft, now: i64) -> Result<(), GraphError> {
    let same = |name: &str, language: &str| name == draft.name && language == draft.language;
    if state.templates.iter().any(|known| same(&known.name, &known.language)) {
        return Err(exists_already(&draft.name, &draft.language));
    }
    if state.gone_templates.iter().any(|gone| same(&gone.name, &gone.language) && now < gone.until) {
        return Err(being_deleted(&draft.name, &draft.language));
    }
    let new_name = !state.templates.iter().any(|known| known.name == draft.name);
    if new_name && count_names(&state.templates) >= NAMES_LIMIT {
        return Err(too_many(NAMES_LIMIT));
    }
    state.creations.retain(|at| now.saturating_sub(*at) < HOUR_MS);
    if state.creations.len() >= CREATIONS_PER_HOUR {
        return Err(GraphError::new(80_008, "Too many templates were created within an hour"));
    }
    Ok(())
}

pub(super) fn edit(core: &Arc<Core>, id: &str, call: &Call) -> Result<Response, GraphError> {
    let body = object(call)?;
    let now = core.clock.now_ms();
    let answer = {
        let mut state = core.state();
        let found = state.templates.iter().find(|template| template.id == id).cloned();
        let mut template = found.ok_or_else(|| unknown(call, id))?;
        if !EDIT_STATUSES.contains(&template.status.as_str()) {
            return Err(not_now(&template.status));
        }
        if !body.contains_key("components") && !body.contains_key("category") {
            return Err(GraphError::new(100, "One of components and category is required"));
        }
        let draft = Draft::edit(&template, &body)?;
        if template.status == "APPROVED" {
            count_edit(&mut template, now)?;
        }
        template.category = draft.category;
        template.parameter_format = draft.parameter_format;
        template.components = draft.components;
        // Older clients look at the success only, newer ones at all of it.
        let answer = json!({"success": true, "id": id, "name": template.name, "category": template.category});
        submit(core, &mut state, template);
        answer
    };
    saved(core)?;
    Ok(respond(200, &answer))
}

/// What is approved may be edited once a day, and ten times in a month.
fn count_edit(template: &mut Template, now: i64) -> Result<(), GraphError> {
    template.edited_at.retain(|at| now.saturating_sub(*at) < 30 * DAY_MS);
    let today = template.edited_at.iter().any(|at| now.saturating_sub(*at) < DAY_MS);
    if today || template.edited_at.len() >= EDITS_PER_MONTH {
        return Err(edited_too_often());
    }
    template.edited_at.push(now);
    Ok(())
}

/// All languages of a name, or the one with this id.
pub(super) fn delete(core: &Arc<Core>, call: &Call) -> Result<Response, GraphError> {
    let body = call.object()?;
    let text = |key: &str| {
        call.query(key).or_else(|| body.get(key).and_then(Value::as_str)).filter(|text| !text.is_empty())
    };
    let Some(name) = text("name") else {
        return Err(GraphError::new(100, "The parameter name is required."));
    };
    let now = core.clock.now_ms();
    {
        let mut state = core.state();
        let id = text("hsm_id");
        let meant = |one: &&Template| one.name == name && id.is_none_or(|id| one.id == id);
        let found: Vec<Template> = state.templates.iter().filter(meant).cloned().collect();
        if found.is_empty() {
            return Err(not_found(name));
        }
        for template in found {
            // Only a name that guests have seen is kept from a second use.
            let until = if template.status == "APPROVED" { now.saturating_add(GONE_MS) } else { now };
            let gone = Gone { name: template.name, language: template.language, until };
            core.record(tag::TEMPLATE_GONE, &gone);
            state.remove_template(gone);
        }
    }
    saved(core)?;
    Ok(respond(200, &json!({"success": true})))
}
