//! What Meta tells of templates by itself.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod common;

use bellhop_domain::inbound::{Item, TemplateChange, TemplateNews};
use common::{items, json_file, read_json, shared, stem};
use serde_json::{Value, json};

const STATUS: &str = "message_template_status_update";
const CATEGORY: &str = "template_category_update";
const QUALITY: &str = "message_template_quality_update";
const COMPONENTS: &str = "message_template_components_update";

fn webhook(field: &str, value: &Value) -> Value {
    json!({"object": "whatsapp_business_account",
        "entry": [{"id": "700", "time": 1_790_000_000, "changes": [{"field": field, "value": value}]}]})
}

fn news(body: &Value) -> TemplateNews {
    let mut items = items(read_json(body));
    match (items.remove(0), items.len()) {
        (Item::Template(news), 0) => news,
        other => panic!("{other:?}"),
    }
}

/// A change of the field, of a template that has everything that any field asks for.
fn change(field: &str, more: &Value) -> TemplateChange {
    let mut value = json!({"message_template_id": 168, "message_template_name": "welcome",
        "message_template_language": "en_US"});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    news(&webhook(field, &value)).change
}

fn status(status: &str, reason: Option<&str>) -> TemplateChange {
    TemplateChange::Status { status: status.into(), reason: reason.map(str::to_owned) }
}

#[test]
fn a_review_ends() {
    for (more, expected) in [
        (json!({"event": "APPROVED", "reason": "NONE"}), status("APPROVED", None)),
        (json!({"event": "PENDING_DELETION", "reason": null}), status("PENDING_DELETION", None)),
        (json!({"event": "DELETED"}), status("DELETED", None)),
        (json!({"event": "REJECTED", "reason": "SCAM"}), status("REJECTED", Some("SCAM"))),
        (
            json!({"event": "REJECTED", "reason": "INVALID_FORMAT", "rejection_info":
                {"reason": "Adjacent parameters.", "recommendation": "Put text between parameters."}}),
            status("REJECTED", Some("Adjacent parameters. Put text between parameters.")),
        ),
        (
            json!({"event": "REJECTED", "reason": "SCAM", "rejection_info": {"recommendation": "Write less."}}),
            status("REJECTED", Some("Write less.")),
        ),
        (
            json!({"event": "REJECTED", "reason": "SCAM", "rejection_info": {}}),
            status("REJECTED", Some("SCAM")),
        ),
        (
            json!({"event": "PAUSED", "reason": "NONE", "other_info":
                {"title": "FIRST_PAUSE", "description": "Paused for 3 hours."}}),
            status("PAUSED", Some("Paused for 3 hours.")),
        ),
        (
            json!({"event": "PAUSED", "reason": "NONE", "other_info": {"title": "FIRST_PAUSE"}}),
            status("PAUSED", Some("FIRST_PAUSE")),
        ),
        (
            json!({"event": "DISABLED", "reason": null, "other_info": "broken", "rejection_info": 7}),
            status("DISABLED", None),
        ),
        (json!({"event": "SOMETHING_NEW"}), status("SOMETHING_NEW", None)),
    ] {
        assert_eq!(change(STATUS, &more), expected, "{more}");
    }
}

#[test]
fn other_news() {
    let category = |previous: Option<&str>| TemplateChange::Category {
        new: "MARKETING".into(),
        previous: previous.map(str::to_owned),
    };
    let both = json!({"new_category": "MARKETING", "previous_category": "UTILITY"});
    assert_eq!(change(CATEGORY, &both), category(Some("UTILITY")));
    let due = json!({"new_category": "MARKETING", "correct_category": "UTILITY"});
    assert_eq!(change(CATEGORY, &due), category(None), "what is to come is not there yet");
    let quality = json!({"previous_quality_score": "GREEN", "new_quality_score": "YELLOW"});
    assert_eq!(change(QUALITY, &quality), TemplateChange::Quality { score: "YELLOW".into() });
    assert_eq!(change(COMPONENTS, &json!({"message_template_element": "Hi"})), TemplateChange::Components);
}

#[test]
fn ids_are_numbers_or_texts_or_missing() {
    for (id, expected) in [
        (json!(1_689_556_908_129_835_u64), Some("1689556908129835")),
        (json!("168"), Some("168")),
        (json!(null), None),
    ] {
        let value = json!({"message_template_id": id, "message_template_name": "welcome",
            "message_template_language": "he", "event": "APPROVED"});
        let news = news(&webhook(STATUS, &value));
        assert_eq!(news.provider_id.as_deref(), expected);
        assert_eq!((&*news.name, &*news.language), ("welcome", "he"));
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let name = json!({"message_template_id": 168, "message_template_name": "welcome"});
    let mut language = name.clone();
    language["message_template_language"] = json!("en");
    for (field, value, expected) in [
        (STATUS, &json!({}), "the news of a template without id and name cannot be read: it has no event"),
        (STATUS, &language, "the news of the template 168 cannot be read: it has no event"),
        (CATEGORY, &language, "the news of the template 168 cannot be read: it has no new category"),
        (QUALITY, &language, "the news of the template 168 cannot be read: it has no new quality score"),
        (COMPONENTS, &name, "the news of the template 168 cannot be read: it has no language"),
        (
            COMPONENTS,
            &json!({"message_template_name": "welcome"}),
            "the news of the template welcome cannot be read: it has no language",
        ),
        (
            COMPONENTS,
            &json!({"message_template_id": 168}),
            "the news of the template 168 cannot be read: it has no name",
        ),
        (COMPONENTS, &json!("broken"), "the change cannot be read: its value is not an object"),
    ] {
        let change = read_json(&webhook(field, value)).remove(0);
        assert_eq!((change.waba_id.as_str(), change.field.as_str()), ("700", field));
        let errors: Vec<String> =
            change.items.into_iter().map(|item| item.unwrap_err().to_string()).collect();
        assert_eq!(errors, [expected]);
    }
}

#[test]
fn every_synthetic_file_about_a_template() {
    let mut seen = 0;
    for path in shared("synthetic/account") {
        let (name, body) = (stem(&path), json_file(&path));
        let Some(kind) = name.strip_prefix("template-") else { continue };
        seen += 1;
        let raw = &body["entry"][0]["changes"][0]["value"];
        let news = news(&body);
        assert_eq!(news.provider_id, raw["message_template_id"].as_u64().map(|id| id.to_string()), "{name}");
        assert_eq!((&*news.name, &*news.language), ("appointment_reminder", "en_US"), "{name}");
        let expected = match kind {
            "category" => {
                TemplateChange::Category { new: "MARKETING".into(), previous: Some("UTILITY".into()) }
            }
            "quality" => TemplateChange::Quality { score: "YELLOW".into() },
            "components" => TemplateChange::Components,
            "status-disabled" => status("DISABLED", Some("Disabled.")),
            "status-paused" => status("PAUSED", Some("Paused for 3 hours.")),
            "status-rejected" => {
                status("REJECTED", Some("Adjacent parameters. Put text between parameters."))
            }
            kind => status(&kind.strip_prefix("status-").unwrap().to_ascii_uppercase(), None),
        };
        assert_eq!(news.change, expected, "{name}");
    }
    assert!(seen == 0 || seen == 11, "{seen}");
}
