//! What the audit trail tells of a connection: never a secret, only that there is another one.

use bellhop_domain::audit::AuditAction;
use bellhop_entity::connection;
use serde_json::{Value, json};

use crate::audit::Entry;

pub(super) fn told(row: &connection::Model) -> Value {
    json!({
        "phone_number_id": row.phone_number_id, "waba_id": row.waba_id, "base_url": row.base_url,
        "api_version": row.api_version, "status": row.status, "default": row.is_default,
        "register_callback": !row.callback_elsewhere,
    })
}

/// `replaced`: the secrets that were given.
pub(super) fn changed(
    before: &connection::Model,
    after: &connection::Model,
    replaced: &[&str],
) -> Option<Entry> {
    let (was, mut is) = (told(before), told(after));
    if !replaced.is_empty() {
        is["replaced"] = json!(replaced);
    }
    Entry::of(AuditAction::ConnectionChanged, after.id).changed(was, is)
}
