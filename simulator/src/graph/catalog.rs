//! What can be read of the account: the number, and the templates.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use poem::Response;
use serde_json::{Map, Value, json};

use super::{Call, GraphError, error::respond, selected};
use crate::{core::Core, templates::Template};

const PAGE: usize = 25;

fn number_fields(core: &Core) -> Map<String, Value> {
    let digits = &core.account.display_phone_number;
    let throughput = core.state().number.throughput;
    // Up to 80 a second is what Meta calls standard; unlimited counts as the upgrade.
    let level = if throughput.is_some_and(|limit| limit <= 80) { "STANDARD" } else { "HIGH" };
    let display = match (digits.get(0..1), digits.get(1..4), digits.get(4..7), digits.get(7..)) {
        (Some(country), Some(area), Some(middle), Some(rest)) => format!("+{country} {area}-{middle}-{rest}"),
        _ => format!("+{digits}"),
    };
    let fields = json!({
        "id": core.account.phone_number_id,
        "display_phone_number": display,
        "verified_name": "Grand Plaza Hotel",
        "quality_rating": "GREEN",
        "code_verification_status": "VERIFIED",
        "name_status": "APPROVED",
        "status": "CONNECTED",
        "platform_type": "CLOUD_API",
        "account_mode": "LIVE",
        "is_official_business_account": false,
        "throughput": {"level": level},
        // A number that is used in the Business app too has a fixed limit of its own.
        "is_on_biz_app": throughput == Some(20),
        "whatsapp_business_manager_messaging_limit": "TIER_UNLIMITED",
    });
    fields.as_object().cloned().unwrap_or_default()
}

const NUMBER_DEFAULT: [&str; 4] = ["id", "display_phone_number", "verified_name", "quality_rating"];

pub(super) fn number(core: &Core, call: &Call) -> Response {
    respond(200, &selected(call, &number_fields(core), &NUMBER_DEFAULT))
}

pub(super) fn numbers(core: &Core, call: &Call) -> Response {
    let number = selected(call, &number_fields(core), &NUMBER_DEFAULT);
    respond(200, &json!({"data": [number], "paging": {"cursors": {"before": cursor(0), "after": cursor(1)}}}))
}

pub(super) fn waba(core: &Core, call: &Call) -> Response {
    let fields = json!({
        "id": core.account.waba_id,
        "name": "Grand Plaza Hotel",
        "timezone_id": "1",
        "currency": "USD",
        "message_template_namespace": "simulator",
        "account_review_status": "APPROVED",
    });
    let fields = fields.as_object().cloned().unwrap_or_default();
    respond(200, &selected(call, &fields, &["id", "name", "timezone_id", "message_template_namespace"]))
}

/// A page of templates. Cursors are opaque to the client; here they are positions.
pub(super) fn templates(core: &Core, call: &Call) -> Result<Response, GraphError> {
    let matching: Vec<Template> =
        core.state().templates.iter().filter(|template| matches(template, call)).cloned().collect();
    let limit = match call.query("limit") {
        None => PAGE,
        Some(text) => match text.parse::<usize>() {
            Ok(limit) if limit > 0 => limit,
            Ok(_) | Err(_) => return Err(GraphError::new(100, "Param limit must be a positive integer")),
        },
    };
    let start = match (call.query("after"), call.query("before")) {
        (Some(after), _) => position(after)?,
        (None, Some(before)) => position(before)?.saturating_sub(limit),
        (None, None) => 0,
    }
    .min(matching.len());
    let end = start.saturating_add(limit).min(matching.len());
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
    if call.query("summary").is_some_and(|summary| summary.contains("total_count")) {
        page["summary"] = json!({"total_count": matching.len()});
    }
    Ok(respond(200, &page))
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
    ];
    selected(call, &all, &default)
}

fn cursor(position: usize) -> String {
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
