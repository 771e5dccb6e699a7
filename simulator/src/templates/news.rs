//! What webhooks tell of templates.

use serde_json::{Map, Value, json};

use super::{Template, text_of};

/// Field and value of a change.
type News = (&'static str, Value);

fn named(template: &Template) -> Map<String, Value> {
    let fields = json!({
        // A number here, and a string everywhere else.
        "message_template_id": template.id.parse::<u64>().unwrap_or_default(),
        "message_template_name": template.name,
        "message_template_language": template.language,
    });
    fields.as_object().cloned().unwrap_or_default()
}

/// The news that a template has its status now.
pub(crate) fn status_news(template: &Template, now_ms: i64) -> News {
    let mut value = named(template);
    let mut put = |key: &str, what: Value| value.insert(key.to_owned(), what);
    put("event", json!(template.status));
    put("message_template_category", json!(template.category));
    // Nobody gave a reason for what is deleted on request.
    let deleted = template.status == "PENDING_DELETION";
    put("reason", if deleted { Value::Null } else { json!(template.rejected_reason) });
    match template.status.as_str() {
        "REJECTED" => {
            let reason = "The template's content is not in the right format.";
            let advice = "Look at the samples and the variables, then submit it again.";
            put("rejection_info", json!({"reason": reason, "recommendation": advice}));
        }
        "PAUSED" => {
            let description = "Paused for 3 hours, because guests did not like what they got.";
            put("other_info", json!({"title": "FIRST_PAUSE", "description": description}));
        }
        "DISABLED" => {
            put("disable_info", json!({"disable_date": now_ms.div_euclid(1_000).to_string()}));
            put("other_info", json!({"title": "DISABLED", "description": "Paused too often."}));
        }
        _ => {}
    }
    ("message_template_status_update", value.into())
}

/// What somebody changed of a template, one piece of news for each.
pub(crate) fn changes(before: &Template, after: &Template, now_ms: i64) -> Vec<News> {
    let mut news = Vec::new();
    if before.status != after.status {
        let (field, mut value) = status_news(after, now_ms);
        if before.status == "PAUSED" && after.status == "APPROVED" {
            value["other_info"] =
                json!({"title": "UNPAUSE", "description": "The template can be sent again."});
        }
        news.push((field, value));
    }
    let mut tell = |field, pairs: Value| {
        let mut value = named(after);
        value.extend(pairs.as_object().cloned().unwrap_or_default());
        news.push((field, value.into()));
    };
    if before.category != after.category {
        let pairs = json!({"previous_category": before.category, "new_category": after.category});
        tell("template_category_update", pairs);
    }
    if before.quality() != after.quality() {
        let pairs = json!({"previous_quality_score": before.quality(), "new_quality_score": after.quality()});
        tell("message_template_quality_update", pairs);
    }
    if before.components != after.components {
        tell("message_template_components_update", elements(&after.components));
    }
    news
}

fn elements(components: &[Value]) -> Value {
    let part = |kind: &str| components.iter().find(|one| text_of(one, "type").eq_ignore_ascii_case(kind));
    let text = |kind: &str| part(kind).and_then(|one| one.get("text")).cloned();
    let mut value = json!({"message_template_element": text("BODY")});
    for (key, text) in [("title", text("HEADER")), ("footer", text("FOOTER"))] {
        if let Some(text) = text {
            value[format!("message_template_{key}")] = text;
        }
    }
    if let Some(buttons) = part("BUTTONS").and_then(|one| one.get("buttons")).and_then(Value::as_array) {
        value["message_template_buttons"] = buttons.iter().map(button).collect();
    }
    value
}

fn button(button: &Value) -> Value {
    let mut told = json!({
        "message_template_button_type": button.get("type"),
        "message_template_button_text": button.get("text"),
    });
    for (own, key) in [("url", "url"), ("phone_number", "phone_number")] {
        if let Some(value) = button.get(own) {
            told[format!("message_template_button_{key}")] = value.clone();
        }
    }
    told
}
