//! What an entry tells.

use bellhop_domain::GuestId;
use bellhop_domain::audit::AuditAction;
use serde_json::{Map, Value};

/// A line of the trail, but for who and when.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub action: AuditAction,
    pub subject: Option<String>,
    pub guest: Option<GuestId>,
    /// Objects, both.
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl Entry {
    /// Something was done to a thing.
    pub fn of(action: AuditAction, subject: impl ToString) -> Self {
        let subject = Some(subject.to_string());
        Self { action, subject, guest: None, before: None, after: None }
    }

    /// It is about this guest, and goes with them when they are erased.
    pub fn about(self, guest: GuestId) -> Self {
        Self { guest: Some(guest), ..self }
    }

    /// What has come to be by it; fields that hold nothing are left out.
    pub fn made(self, after: Value) -> Self {
        Self { after: Some(without_nulls(after)), ..self }
    }

    /// What is no more since; the same.
    pub fn gone(self, before: Value) -> Self {
        Self { before: Some(without_nulls(before)), ..self }
    }

    /// The fields that differ, as they were and as they are; `None` when nothing does.
    pub fn changed(self, before: Value, after: Value) -> Option<Self> {
        let (before, after) = difference(before, after)?;
        Some(Self { before: Some(before), after: Some(after), ..self })
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

fn difference(before: Value, after: Value) -> Option<(Value, Value)> {
    let (Value::Object(before), Value::Object(mut after)) = (before, after) else { return None };
    let mut was = Map::new();
    for (name, value) in before {
        if after.get(&name) == Some(&value) {
            after.remove(&name);
        } else {
            was.insert(name, value);
        }
    }
    (!was.is_empty() || !after.is_empty()).then(|| (was.into(), after.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_changed_is_told() {
        let entry = || Entry::of(AuditAction::PropertyChanged, "prop_1");
        let before = json!({"name": "Harbour", "time_zone": "UTC", "default_country": null});
        let told = entry()
            .changed(before.clone(), json!({"name": "Seaside", "time_zone": "UTC", "default_country": "IL"}));
        let told = told.unwrap();
        assert_eq!(told.before, Some(json!({"name": "Harbour", "default_country": null})));
        assert_eq!(told.after, Some(json!({"name": "Seaside", "default_country": "IL"})));
        assert_eq!(entry().changed(before.clone(), before), None);
        let made = entry().made(json!({"name": "Harbour", "default_country": null}));
        assert_eq!(made.after, Some(json!({"name": "Harbour"})));
    }
}
