//! What the audit trail tells of a partner's webhook: never a secret, and no path of its URL, which may hold a key of
//! the partner's; only that there is another one.

use bellhop_domain::audit::AuditAction;
use bellhop_entity::subscription;
use serde_json::{Value, json};

use crate::audit::Entry;

pub(super) fn told(row: &subscription::Model) -> Value {
    json!({
        "webhook_host": origin(&row.url), "events": row.events, "verification": row.verification,
        "status": row.status, "ordered": row.ordered, "max_retries": row.max_retries,
        "retry_delay_ms": row.retry_delay_ms,
    })
}

pub(super) fn changed(
    before: &subscription::Model,
    after: &subscription::Model,
    another_token: bool,
) -> Option<Entry> {
    let replaced = [("webhook_url", before.url != after.url), ("verify_token", another_token)];
    let replaced: Vec<_> = replaced.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
    let (was, mut is) = (told(before), told(after));
    if !replaced.is_empty() {
        is["replaced"] = json!(replaced);
    }
    Entry::of(AuditAction::SubscriptionChanged, after.id).changed(was, is)
}

/// `https://partner.example:8443`.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn a_key_in_a_url_is_left_out() {
        for url in [
            "https://p.example:8443/hook/s3cret",
            "https://p.example:8443?key=s3cret",
            "https://p.example:8443",
        ] {
            assert_eq!(origin(url), "https://p.example:8443");
        }
    }
}
