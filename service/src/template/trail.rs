//! What the audit trail tells of a template: what somebody chose, not what WhatsApp made of it.

use bellhop_entity::template;
use serde_json::{Value, json};

pub(super) fn told(row: &template::Model) -> Value {
    json!({
        "name": row.name, "language": row.language, "category": row.category, "components": row.components,
        "label": row.label, "parameter_names": row.parameter_names,
    })
}
