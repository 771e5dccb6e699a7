//! What the audit trail tells of a person: never by what they sign in.

use bellhop_domain::audit::AuditAction;
use bellhop_entity::staff;
use serde_json::{Value, json};

use crate::audit::Entry;

fn told(row: &staff::Model) -> Value {
    json!({
        "name": row.name, "email": row.email, "role": row.role, "departments": row.departments,
        "languages": row.languages, "disabled": row.disabled_at.is_some(),
    })
}

pub(super) fn made(row: &staff::Model) -> Entry {
    Entry::of(AuditAction::StaffCreated, row.id).made(told(row))
}

pub(super) fn changed(before: &staff::Model, after: &staff::Model) -> Option<Entry> {
    Entry::of(AuditAction::StaffChanged, after.id).changed(told(before), told(after))
}
