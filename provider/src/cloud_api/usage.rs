//! How long an answer asks us to wait.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

/// Longer waits than a day are no pacing any more, but somebody's mistake.
const LONGEST: Duration = Duration::from_secs(86_400);

/// `Retry-After` in seconds, or the largest `estimated_time_to_regain_access` (minutes) of
/// `X-Business-Use-Case-Usage`. Source: Meta, "Rate Limits", 2026.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let stated =
        text(RETRY_AFTER.as_str()).and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let regained = text("x-business-use-case-usage").and_then(regained_after);
    stated.max(regained).filter(|wait| !wait.is_zero()).map(|wait| wait.min(LONGEST))
}

/// `{"<account>": [{"type": "whatsapp", …, "estimated_time_to_regain_access": <minutes>}]}`
fn regained_after(text: &str) -> Option<Duration> {
    let usage: Value = serde_json::from_str(text).ok()?;
    let entries = usage.as_object()?.values().filter_map(Value::as_array).flatten();
    let minutes = entries.filter_map(|entry| entry["estimated_time_to_regain_access"].as_u64()).max()?;
    Some(Duration::from_secs(minutes.saturating_mul(60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&'static str, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        retry_after(&headers)
    }

    #[test]
    fn waits_that_are_asked_for() {
        let usage = r#"{"123":[{"type":"whatsapp","call_count":100,"estimated_time_to_regain_access":3}]}"#;
        let free = r#"{"123":[{"type":"whatsapp","call_count":10,"estimated_time_to_regain_access":0}]}"#;
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(of(&[("retry-after", "0")]), None);
        assert_eq!(of(&[("retry-after", "99999999999")]), Some(LONGEST));
        assert_eq!(of(&[("x-business-use-case-usage", usage)]), Some(Duration::from_secs(180)));
        assert_eq!(
            of(&[("retry-after", "200"), ("x-business-use-case-usage", usage)]),
            Some(Duration::from_secs(200))
        );
        assert_eq!(of(&[("x-business-use-case-usage", free)]), None);
        for other in ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "soon"] {
            assert_eq!(of(&[("retry-after", other)]), None, "{other}");
            assert_eq!(of(&[("x-business-use-case-usage", other)]), None);
        }
    }
}
