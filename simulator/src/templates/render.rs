//! What a send by a template must bring along, and what the guest gets to see.

use serde_json::{Map, Value, json, value::RawValue, value::to_raw_value};

use super::{
    Template, buttons, text_of,
    variables::{fill, variables},
};
use crate::{
    graph::{At, GraphError, Scene, check_location, check_media},
    media::Kind,
};

/// The longest body a guest can be shown.
const BODY_LIMIT: usize = 1_024;
const HEADER_LIMIT: usize = 60;
/// One-time passwords are no longer than this.
const CODE_LIMIT: usize = 15;

/// A template with everything filled in.
#[derive(Debug)]
pub(crate) struct Rendered {
    /// All of its texts.
    pub text: String,
    /// Its parts, where there is more than a body.
    pub shown: Option<Box<RawValue>>,
}

impl Template {
    /// What the guest gets, or why WhatsApp would refuse the send. `sent` is `template.components`.
    pub(crate) fn render(&self, scene: &Scene<'_>, sent: &[Value]) -> Result<Rendered, GraphError> {
        let (mut texts, mut shown) = (Vec::new(), Map::new());
        self.refuse_strangers(sent)?;
        for component in &self.components {
            let kind = text_of(component, "type").to_ascii_uppercase();
            match kind.as_str() {
                "HEADER" => {
                    let header = self.header(scene, component, sent)?;
                    texts.extend(header.get("text").and_then(Value::as_str).map(str::to_owned));
                    shown.insert("header".to_owned(), header);
                }
                "BODY" => {
                    let text = self.fill("body", text_of(component, "text"), sent)?;
                    if text.chars().count() > BODY_LIMIT {
                        return Err(GraphError::new(132_005, "body: the translated text is too long"));
                    }
                    shown.insert("body".to_owned(), json!(text));
                    texts.push(text);
                }
                "FOOTER" => {
                    let text = text_of(component, "text").to_owned();
                    shown.insert("footer".to_owned(), json!(text));
                    texts.push(text);
                }
                "BUTTONS" => {
                    shown.insert("buttons".to_owned(), buttons::fill_all(component, sent)?.into());
                }
                // What later versions bring shows nothing in a chat.
                _ => {}
            }
        }
        let more = shown.len() > 1;
        let shown = if more { to_raw_value(&shown).ok() } else { None };
        Ok(Rendered { text: texts.join("\n\n"), shown })
    }

    /// Parameters for a part that the template has not.
    fn refuse_strangers(&self, sent: &[Value]) -> Result<(), GraphError> {
        let has = |kind: &str| {
            self.components.iter().any(|component| text_of(component, "type").eq_ignore_ascii_case(kind))
        };
        if !has("HEADER") {
            expect_count("header", parameters("HEADER", sent).len(), 0)?;
        }
        let buttons = sent.iter().any(|component| text_of(component, "type").eq_ignore_ascii_case("button"));
        if buttons && !has("BUTTONS") {
            return Err(GraphError::new(132_018, "buttons: the template has no buttons"));
        }
        Ok(())
    }

    fn header(&self, scene: &Scene<'_>, component: &Value, sent: &[Value]) -> Result<Value, GraphError> {
        let format = text_of(component, "format").to_ascii_uppercase();
        let kind = match format.as_str() {
            "IMAGE" => Some(Kind::Image),
            "VIDEO" => Some(Kind::Video),
            "DOCUMENT" => Some(Kind::Document),
            "LOCATION" => None,
            _ => {
                let text = self.fill("header", text_of(component, "text"), sent)?;
                if text.chars().count() > HEADER_LIMIT {
                    return Err(GraphError::new(132_005, "header: the translated text is too long"));
                }
                return Ok(json!({"type": "text", "text": text}));
            }
        };
        let given = parameters("HEADER", sent);
        let received = given.first().map_or("", |parameter| text_of(parameter, "type")).to_ascii_uppercase();
        let expected = format.to_ascii_lowercase();
        let content = given.first().and_then(|parameter| parameter.get(&expected));
        let Some(content) = content.filter(|_| received == format) else {
            return Err(mismatch("header", &format, &received));
        };
        expect_count("header", given.len(), 1)?;
        let at = At::new(format!("template['components']['header']['{expected}']"), content);
        match kind {
            Some(kind) => check_media(scene, &at, kind)?,
            None => check_location(&at)?,
        }
        let mut header = json!({"type": expected});
        header[&expected] = content.clone();
        Ok(header)
    }

    fn fill(&self, place: &str, text: &str, sent: &[Value]) -> Result<String, GraphError> {
        let wanted = variables(text);
        let given = parameters(place, sent);
        expect_count(place, given.len(), wanted.len())?;
        let mut values = Vec::new();
        for (at, name) in wanted.iter().enumerate() {
            let parameter = if self.named() {
                given.iter().find(|parameter| text_of(parameter, "parameter_name") == name)
            } else {
                given.get(at)
            };
            let Some(parameter) = parameter else {
                return Err(GraphError::new(100, format!("{place}: Parameter '{name}' is missing")));
            };
            let value = parameter_text(place, parameter)?;
            if self.category.eq_ignore_ascii_case("AUTHENTICATION") && value.chars().count() > CODE_LIMIT {
                let details = format!("{place}: a code must be at most {CODE_LIMIT} characters long");
                return Err(GraphError::new(131_009, details));
            }
            values.push((name.as_str(), value));
        }
        let value = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        Ok(fill(text, value))
    }
}

fn expect_count(place: &str, given: usize, wanted: usize) -> Result<(), GraphError> {
    if given == wanted {
        return Ok(());
    }
    Err(GraphError::new(
        132_000,
        format!(
            "{place}: number of localizable_params ({given}) does not match the expected number of params ({wanted})"
        ),
    ))
}

pub(super) fn mismatch(place: &str, expected: &str, received: &str) -> GraphError {
    let received = if received.is_empty() { "UNKNOWN" } else { received };
    let details =
        format!("{place}: Format mismatch, expected {expected}, received {}", received.to_ascii_uppercase());
    GraphError::new(132_012, details)
}

/// The parameters that the send brings for this kind of component, in any case of its name.
fn parameters<'a>(kind: &str, sent: &'a [Value]) -> &'a [Value] {
    sent.iter()
        .find(|component| text_of(component, "type").eq_ignore_ascii_case(kind))
        .map(parameters_of)
        .unwrap_or_default()
}

pub(super) fn parameters_of(component: &Value) -> &[Value] {
    component.get("parameters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn parameter_text<'a>(place: &str, parameter: &'a Value) -> Result<&'a str, GraphError> {
    let kind = text_of(parameter, "type");
    let text = match kind {
        "text" => parameter.get("text").and_then(Value::as_str),
        "currency" | "date_time" => {
            parameter.pointer(&format!("/{kind}/fallback_value")).and_then(Value::as_str)
        }
        _ => return Err(mismatch(place, "TEXT", kind)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{state::State, templates::seeded};

    fn render(name: &str, sent: &[Value]) -> Result<String, GraphError> {
        let state = State::default();
        let template = seeded().into_iter().find(|template| template.name == name).unwrap();
        let scene = Scene { state: &state, guest: None, now: 0 };
        template.render(&scene, sent).map(|rendered| rendered.text)
    }

    fn body(parameters: Value) -> Vec<Value> {
        vec![json!({"type": "body", "parameters": parameters})]
    }

    #[test]
    fn positional_parameters_count() {
        let text = |t: &str| json!({"type": "text", "text": t});
        let given = body(json!([text("John Doe"), text("3:00 PM"), text("March 15")]));
        let rendered = render("appointment_reminder", &given).unwrap();
        assert!(rendered.contains("John Doe") && rendered.contains("March 15"), "{rendered}");
        let error = render("appointment_reminder", &body(json!([text("John Doe")]))).unwrap_err();
        assert_eq!(error.code, 132_000);
        assert_eq!(
            error.details,
            "body: number of localizable_params (1) does not match the expected number of params (3)"
        );
        assert_eq!(render("appointment_reminder", &[]).unwrap_err().code, 132_000);
    }

    #[test]
    fn named_parameters_in_any_order() {
        let text = |n: &str, t: &str| json!({"type": "text", "parameter_name": n, "text": t});
        let given = body(json!([text("hotel_name", "Grand {{guest_name}}"), text("guest_name", "Ada")]));
        let rendered = render("general_inquiry", &given).unwrap();
        assert!(rendered.contains("Ada") && rendered.contains("Grand {{guest_name}}"), "{rendered}");
        let wrong = body(json!([text("hotel", "Grand Plaza"), text("guest_name", "Ada")]));
        let error = render("general_inquiry", &wrong).unwrap_err();
        assert_eq!((error.code, error.details.as_str()), (100, "body: Parameter 'hotel_name' is missing"));
    }

    #[test]
    fn parameter_values_are_checked() {
        for (value, code) in [("a\nb", 132_018), ("a     b", 132_018), ("", 131_008)] {
            let given = body(json!([
                {"type": "text", "parameter_name": "hotel_name", "text": value},
                {"type": "text", "parameter_name": "guest_name", "text": "x"}
            ]));
            assert_eq!(render("general_inquiry", &given).unwrap_err().code, code, "{value:?}");
        }
        let image = body(json!([{"type": "image", "parameter_name": "hotel_name"},
            {"type": "text", "parameter_name": "guest_name", "text": "x"}]));
        assert_eq!(render("general_inquiry", &image).unwrap_err().code, 132_012);
    }
}
