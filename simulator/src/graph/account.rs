//! What can be read of the account, its number and its app.

use poem::Response;
use serde_json::{Map, Value, json};

use super::{Call, error::respond, selected, template_list::cursor};
use crate::core::Core;

fn number_fields(core: &Core) -> Map<String, Value> {
    let digits = &core.account.display_phone_number;
    let (throughput, profile, callback) = {
        let state = core.state();
        (state.number.throughput, state.profile.clone(), state.callback.clone())
    };
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
        "code_verification_status": if profile.verified { "VERIFIED" } else { "NOT_VERIFIED" },
        "name_status": "APPROVED",
        "status": if profile.registered { "CONNECTED" } else { "DISCONNECTED" },
        "platform_type": "CLOUD_API",
        "account_mode": "LIVE",
        "is_official_business_account": false,
        "is_pin_enabled": profile.pin.is_some(),
        "country_code": "US",
        "search_visibility": "VISIBLE",
        "quality_score": {"score": "GREEN"},
        "webhook_configuration": webhook_configuration(profile.callback, callback),
        "throughput": {"level": level},
        // A number that is used in the Business app too has a fixed limit of its own.
        "is_on_biz_app": throughput == Some(20),
        "whatsapp_business_manager_messaging_limit": "TIER_UNLIMITED",
    });
    fields.as_object().cloned().unwrap_or_default()
}

/// Where webhooks go: the number's own callback stands before the account's.
fn webhook_configuration(number: Option<String>, account: Option<String>) -> Value {
    let both = [("phone_number", number), ("whatsapp_business_account", account)];
    both.into_iter().filter_map(|(key, uri)| Some((key.to_owned(), json!(uri?)))).collect()
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

pub(super) fn app(core: &Core, call: &Call) -> Response {
    let id = &core.account.app_id;
    let fields = json!({
        "id": id,
        "name": "Bellhop",
        "link": format!("https://www.facebook.com/games/?app_id={id}"),
    });
    let fields = fields.as_object().cloned().unwrap_or_default();
    respond(200, &selected(call, &fields, &["id", "name", "link"]))
}
