//! Reading templates: one, or a page of them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use poem::Response;
use serde_json::{Map, Value, json};

use super::{Call, GraphError, error::respond, selected, unknown};
use crate::{
    core::Core,
    templates::{NAMES_LIMIT, Template},
};

const PAGE: usize = 25;

pub(super) fn show(core: &Core, id: &str, call: &Call) -> Result<Response, GraphError> {
    let template = core.state().templates.iter().find(|template| template.id == id).cloned();
    let template = template.ok_or_else(|| unknown(call, id))?;
    Ok(respond(200, &shown(&template, call)))
}

/// A page of templates. Cursors are opaque to the client; here they are positions.
pub(super) fn list(core: &Core, call: &Call) -> Result<Response, GraphError> {
    let all = core.state().templates.clone();
    let matching: Vec<&Template> = all.iter().filter(|template| matches(template, call)).collect();
    let limit = match call.query("limit") {
        None => PAGE,
        Some(text) => match text.parse::<usize>() {
            Ok(limit) if limit > 0 => limit,
            Ok(_) | Err(_) => return Err(GraphError::new(100, "Param limit must be a positive integer")),
        },
    };
    let (start, end) = match (call.query("after"), call.query("before")) {
        (Some(after), _) => (position(after)?, matching.len()),
        (None, Some(before)) => {
            let before = position(before)?;
            (before.saturating_sub(limit), before.min(matching.len()))
        }
        (None, None) => (0, matching.len()),
    };
    let start = start.min(matching.len());
    let end = end.min(start.saturating_add(limit));
    let mut page = json!({"data": [], "paging": {}});
    page["data"] = matching[start..end].iter().map(|template| shown(template, call)).collect();
    if start < end {
        page["paging"]["cursors"] = json!({"before": cursor(start), "after": cursor(end)});
    }
    if end < matching.len() {
        page["paging"]["next"] = json!(link(call, "after", end));
    }
    if start > 0 {
        page["paging"]["previous"] = json!(link(call, "before", start));
    }
    if let Some(asked) = call.query("summary") {
        page["summary"] = summary(asked, &all, matching.len());
    }
    Ok(respond(200, &page))
}

/// What `summary=` asks for.
fn summary(asked: &str, all: &[Template], matching: usize) -> Value {
    let names = crate::templates::count_names(all);
    let known = [
        ("total_count", json!(matching)),
        ("message_template_count", json!(names)),
        ("message_template_limit", json!(NAMES_LIMIT)),
        ("are_translations_complete", json!(true)),
    ];
    let asked: Vec<&str> = asked.split(',').map(str::trim).collect();
    let entries = known.into_iter().filter(|(key, _)| asked.contains(key));
    entries.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>().into()
}

fn matches(template: &Template, call: &Call) -> bool {
    let equals = |key: &str, value: &str| {
        call.query(key)
            .is_none_or(|wanted| wanted.split(',').any(|one| one.trim().eq_ignore_ascii_case(value)))
    };
    // Graph matches a part of the name.
    call.query("name").is_none_or(|part| template.name.contains(part))
        && call.query("name_or_content").is_none_or(|part| {
            template.name.contains(part)
                || template.components.iter().any(|one| one.to_string().contains(part))
        })
        && equals("status", &template.status)
        && equals("language", &template.language)
        && equals("category", &template.category)
        && equals("quality_score", template.quality())
}

fn shown(template: &Template, call: &Call) -> Value {
    let all = serde_json::to_value(template).unwrap_or_default();
    let all = all.as_object().cloned().unwrap_or_default();
    let default = [
        "name",
        "language",
        "status",
        "category",
        "parameter_format",
        "components",
        "quality_score",
        "rejected_reason",
        "previous_category",
    ];
    selected(call, &all, &default)
}

pub(super) fn cursor(position: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("template:{position}"))
}

fn position(cursor: &str) -> Result<usize, GraphError> {
    let bad = || GraphError::new(100, "The cursor is not valid");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
    let text = String::from_utf8(bytes).map_err(|_| bad())?;
    text.strip_prefix("template:").and_then(|n| n.parse().ok()).ok_or_else(bad)
}

/// The same call again with another cursor. The token stays out of it: a link may end up in a log.
fn link(call: &Call, direction: &str, position: usize) -> String {
    let mut url = reqwest::Url::parse("http://localhost/").ok();
    if let Some(url) = &mut url {
        let kept = |key: &str| !matches!(key, "after" | "before" | "access_token");
        let mut query = url.query_pairs_mut();
        query.extend_pairs(call.query.iter().filter(|(key, _)| kept(key)));
        query.append_pair(direction, &cursor(position));
    }
    let query = url.as_ref().and_then(reqwest::Url::query).unwrap_or_default();
    format!("http://{}/{}/{}/message_templates?{query}", call.host, call.version, call.object)
}
