//! JSON values as YAML to read and to compare: one value, one text, whatever order maps have.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Keys that come first, in this order; the others follow by name.
const FIRST: [&str; 22] = [
    "openapi",
    "info",
    "servers",
    "tags",
    "paths",
    "components",
    "title",
    "summary",
    "operationId",
    "name",
    "in",
    "$ref",
    "type",
    "format",
    "description",
    "required",
    "properties",
    "parameters",
    "requestBody",
    "responses",
    "security",
    "schema",
];

/// A document in block style.
pub fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    write_block(&mut out, value, 0);
    out
}

fn write_block(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in sorted(map) {
                let nested = match value {
                    Value::Object(map) => !map.is_empty(),
                    Value::Array(list) => !list.is_empty(),
                    Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
                };
                let _ = write!(out, "{:indent$}{}:{}", "", scalar(key), if nested { '\n' } else { ' ' });
                write_block(out, value, indent + 2);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for value in list {
                // The first line of what an item holds stands beside its dash.
                let mut item = String::new();
                write_block(&mut item, value, indent + 2);
                let _ = write!(out, "{:indent$}- {}", "", item.trim_start_matches(' '));
            }
        }
        leaf => {
            out.push_str(&flow(leaf));
            out.push('\n');
        }
    }
}

fn flow(leaf: &Value) -> String {
    match leaf {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// Plain where no reader can take it for something else, else in JSON's quotes, which YAML shares.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '$'))
        && !text.ends_with(' ')
        && text.chars().all(|c| c.is_alphanumeric() || " /_-.$(){},;'`<>=+|*".contains(c))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}

fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|(a, _), (b, _)| (rank(a), a).cmp(&(rank(b), b)));
    entries
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_value_one_text() {
        let value = json!({
            "paths": {"/a": {"get": {"tags": ["x"], "empty": {}, "none": []}}},
            "openapi": "3.1.0",
            "components": {"m": 1.5, "yes": "no", "text": "a: b\n#", "null": null, "list": [{"a": 1, "b": 2}]},
        });
        let text = "openapi: \"3.1.0\"\npaths:\n  /a:\n    get:\n      tags:\n        - x\n      empty: {}\n      none: []\n\
                    components:\n  list:\n    - a: 1\n      b: 2\n  m: 1.5\n  \"null\": null\n  text: \"a: b\\n#\"\n  \"yes\": \"no\"\n";
        assert_eq!(to_yaml(&value), text);
    }
}
