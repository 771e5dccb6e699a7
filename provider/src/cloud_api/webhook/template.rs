//! What Meta tells of templates: reviews, pauses, new categories.

use bellhop_domain::inbound::{Item, TemplateChange, TemplateNews, Unreadable};
use serde::Deserialize;
use serde_json::Value;

use super::super::wire::webhook as wire;
use super::unreadable;

/// `None` for a `field` that does not speak of a template.
pub(super) fn read(field: &str, value: &Value) -> Option<Result<Item, Unreadable>> {
    let change = match field {
        "message_template_status_update" => status,
        "template_category_update" => category,
        "message_template_quality_update" => quality,
        "message_template_components_update" => components,
        // Phone numbers, the account, and what is yet to come.
        _ => return None,
    };
    Some(news(value, change))
}

type Read = fn(&wire::TemplateUpdate) -> Result<TemplateChange, &'static str>;

fn news(value: &Value, change: Read) -> Result<Item, Unreadable> {
    let update = wire::TemplateUpdate::deserialize(value)
        .map_err(|_| unreadable("the news of a template", "its value is not an object"))?;
    let what = match (&update.message_template_id, &update.message_template_name) {
        (Some(id), _) => format!("the news of the template {id}"),
        (None, Some(name)) => format!("the news of the template {name}"),
        (None, None) => "the news of a template without id and name".to_owned(),
    };
    let bad = |why: &str| unreadable(&what, why);
    let change = change(&update).map_err(bad)?;
    Ok(Item::Template(TemplateNews {
        provider_id: update.message_template_id,
        name: update.message_template_name.ok_or_else(|| bad("it has no name"))?,
        language: update.message_template_language.ok_or_else(|| bad("it has no language"))?,
        change,
    }))
}

fn status(update: &wire::TemplateUpdate) -> Result<TemplateChange, &'static str> {
    let status = update.event.clone().ok_or("it has no event")?;
    Ok(TemplateChange::Status { status, reason: reason(update) })
}

/// Whole sentences where there are some, else Meta's word.
fn reason(update: &wire::TemplateUpdate) -> Option<String> {
    let rejected = update.rejection_info.as_ref().and_then(|info| {
        let said: Vec<&str> =
            [&info.reason, &info.recommendation].into_iter().flatten().map(|s| &**s).collect();
        (!said.is_empty()).then(|| said.join(" "))
    });
    let other =
        || update.other_info.as_ref().and_then(|info| info.description.clone().or(info.title.clone()));
    let word = || update.reason.clone().filter(|word| word != "NONE");
    rejected.or_else(other).or_else(word)
}

/// `new_category` is the one that counts now; what the template is due to become stands elsewhere.
fn category(update: &wire::TemplateUpdate) -> Result<TemplateChange, &'static str> {
    let new = update.new_category.clone().ok_or("it has no new category")?;
    Ok(TemplateChange::Category { new, previous: update.previous_category.clone() })
}

fn quality(update: &wire::TemplateUpdate) -> Result<TemplateChange, &'static str> {
    let score = update.new_quality_score.clone().ok_or("it has no new quality score")?;
    Ok(TemplateChange::Quality { score })
}

fn components(_: &wire::TemplateUpdate) -> Result<TemplateChange, &'static str> {
    Ok(TemplateChange::Components)
}
