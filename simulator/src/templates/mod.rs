//! Message templates: what is approved, what a send must bring along, and what the guest reads.

mod seed;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{graph::GraphError, state::State};

pub(crate) use seed::seeded;

/// A template as `GET /{waba_id}/message_templates` shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Template {
    pub id: String,
    pub name: String,
    pub language: String,
    pub status: String,
    pub category: String,
    pub parameter_format: String,
    pub components: Vec<Value>,
    #[serde(default = "unknown_quality")]
    pub quality_score: Value,
    #[serde(default = "no_reason")]
    pub rejected_reason: String,
}

fn unknown_quality() -> Value {
    json!({"score": "UNKNOWN", "date": 0})
}

fn no_reason() -> String {
    "NONE".to_owned()
}

/// The longest body a guest can be shown.
const BODY_LIMIT: usize = 1_024;

impl Template {
    /// The text a guest reads, or why WhatsApp would refuse the send. `sent` is `template.components`.
    pub(crate) fn render(&self, sent: &[Value]) -> Result<String, GraphError> {
        let mut parts = Vec::new();
        for component in &self.components {
            let kind = text_of(component, "type").to_ascii_uppercase();
            match kind.as_str() {
                "HEADER" | "BODY" | "FOOTER" => {
                    let text = self.fill(&kind, text_of(component, "text"), sent)?;
                    if kind == "BODY" && text.chars().count() > BODY_LIMIT {
                        return Err(GraphError::new(132_005, "body: the translated text is too long"));
                    }
                    parts.push(text);
                }
                // Buttons and what later versions bring carry nothing the chat shows as text.
                _ => {}
            }
        }
        Ok(parts.join("\n\n"))
    }

    fn named(&self) -> bool {
        self.parameter_format.eq_ignore_ascii_case("NAMED")
    }

    fn fill(&self, kind: &str, text: &str, sent: &[Value]) -> Result<String, GraphError> {
        let wanted = variables(text);
        let place = kind.to_ascii_lowercase();
        let given = parameters(kind, sent);
        if given.len() != wanted.len() {
            return Err(GraphError::new(
                132_000,
                format!(
                    "{place}: number of localizable_params ({}) does not match the expected number of params ({})",
                    given.len(),
                    wanted.len()
                ),
            ));
        }
        let mut text = text.to_owned();
        for (at, name) in wanted.iter().enumerate() {
            let parameter = if self.named() {
                given.iter().find(|parameter| text_of(parameter, "parameter_name") == name)
            } else {
                given.get(at)
            };
            let Some(parameter) = parameter else {
                return Err(GraphError::new(100, format!("{place}: Parameter '{name}' is missing")));
            };
            text = text.replace(&format!("{{{{{name}}}}}"), parameter_text(&place, parameter)?);
        }
        Ok(text)
    }
}

fn text_of<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The parameters that the send brings for this kind of component, in any case of its name.
fn parameters<'a>(kind: &str, sent: &'a [Value]) -> &'a [Value] {
    sent.iter()
        .find(|component| text_of(component, "type").eq_ignore_ascii_case(kind))
        .and_then(|component| component.get("parameters"))
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn parameter_text<'a>(place: &str, parameter: &'a Value) -> Result<&'a str, GraphError> {
    let kind = text_of(parameter, "type");
    let text = match kind {
        "text" => parameter.get("text").and_then(Value::as_str),
        "currency" | "date_time" => {
            parameter.pointer(&format!("/{kind}/fallback_value")).and_then(Value::as_str)
        }
        _ => {
            let details =
                format!("{place}: Format mismatch, expected TEXT, received {}", kind.to_ascii_uppercase());
            return Err(GraphError::new(132_012, details));
        }
    };
    match text {
        None => {
            let details = format!("Parameter '{kind}' is mandatory for component parameter type '{kind}'");
            Err(GraphError::new(100, details))
        }
        Some("") => {
            Err(GraphError::new(131_008, format!("{place}: Parameter of type text is missing text value")))
        }
        Some(text) if text.contains(['\n', '\t', '\r']) || text.contains("     ") => Err(GraphError::new(
            132_018,
            "Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
        )),
        Some(text) => Ok(text),
    }
}

/// The names between double braces, each once, in the order they appear.
pub(crate) fn variables(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for piece in text.split("{{").skip(1) {
        if let Some((name, _)) = piece.split_once("}}")
            && !found.iter().any(|known| known == name)
        {
            found.push(name.to_owned());
        }
    }
    found
}

impl State {
    /// Adds a template, or replaces the one with its name and language.
    pub(crate) fn put_template(&mut self, template: Template) {
        let same = |known: &&mut Template| known.name == template.name && known.language == template.language;
        match self.templates.iter_mut().find(same) {
            Some(known) => *known = template,
            None => self.templates.push(template),
        }
    }

    /// The approved template for a send.
    pub(crate) fn approved_template(&self, name: &str, language: &str) -> Result<&Template, GraphError> {
        let found = self.templates.iter().find(|known| known.name == name && known.language == language);
        let missing =
            || GraphError::new(132_001, format!("template name ({name}) does not exist in {language}"));
        let template = found.ok_or_else(missing)?;
        match template.status.as_str() {
            "APPROVED" => Ok(template),
            "PAUSED" => {
                Err(GraphError::new(132_015, format!("template ({name}) is paused due to low quality")))
            }
            "DISABLED" => Err(GraphError::new(132_016, format!("template ({name}) is disabled"))),
            _ => Err(missing()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeded_named(name: &str) -> Template {
        seeded().into_iter().find(|template| template.name == name).unwrap()
    }

    fn body(parameters: Value) -> Vec<Value> {
        vec![json!({"type": "body", "parameters": parameters})]
    }

    #[test]
    fn positional_parameters_count() {
        let template = seeded_named("appointment_reminder");
        let text = |t: &str| json!({"type": "text", "text": t});
        let given = body(json!([text("John Doe"), text("3:00 PM"), text("March 15")]));
        let rendered = template.render(&given).unwrap();
        assert!(rendered.contains("John Doe") && rendered.contains("March 15"), "{rendered}");
        let error = template.render(&body(json!([text("John Doe")]))).unwrap_err();
        assert_eq!(error.code, 132_000);
        assert_eq!(
            error.details,
            "body: number of localizable_params (1) does not match the expected number of params (3)"
        );
        assert_eq!(template.render(&[]).unwrap_err().code, 132_000);
    }

    #[test]
    fn named_parameters_in_any_order() {
        let template = seeded_named("general_inquiry");
        let text = |n: &str, t: &str| json!({"type": "text", "parameter_name": n, "text": t});
        let given = body(json!([text("hotel_name", "Grand Plaza"), text("guest_name", "Ada")]));
        assert!(template.render(&given).unwrap().contains("Ada"));
        let wrong = body(json!([text("hotel", "Grand Plaza"), text("guest_name", "Ada")]));
        let error = template.render(&wrong).unwrap_err();
        assert_eq!((error.code, error.details.as_str()), (100, "body: Parameter 'hotel_name' is missing"));
    }

    #[test]
    fn parameter_values_are_checked() {
        let template = seeded_named("general_inquiry");
        for (value, code) in [("a\nb", 132_018), ("a     b", 132_018), ("", 131_008)] {
            let given = body(json!([
                {"type": "text", "parameter_name": "hotel_name", "text": value},
                {"type": "text", "parameter_name": "guest_name", "text": "x"}
            ]));
            assert_eq!(template.render(&given).unwrap_err().code, code, "{value:?}");
        }
        let image = body(json!([{"type": "image", "parameter_name": "hotel_name"},
            {"type": "text", "parameter_name": "guest_name", "text": "x"}]));
        assert_eq!(template.render(&image).unwrap_err().code, 132_012);
    }

    #[test]
    fn variables_appear_once() {
        assert_eq!(variables("{{a}} {{b}} {{a}} {x} {{c"), ["a", "b"]);
    }
}
