//! NDJSON: a JSON object for each recipient.

use bellhop_domain::template::Given;
use bellhop_service::batch::{Line, LineContent, LineRecipient, Unusable};
use bellhop_service::send::TemplateSend;
use serde_json::{Map, Value};

use super::file::{Defaults, Fault, LINE_MAX, not_utf8, nul};
use crate::body::nul_below;
use crate::line::{read_content, read_line_parameters};

pub struct Ndjson {
    defaults: Defaults,
    /// The line that is not complete yet.
    line: Vec<u8>,
    number: i32,
    objects: usize,
}

impl Ndjson {
    pub fn new(defaults: Defaults) -> Self {
        Self { defaults, line: Vec::new(), number: 1, objects: 0 }
    }

    pub fn push(&mut self, bytes: &[u8], lines: &mut Vec<Line>) -> Result<(), Fault> {
        let mut pieces = bytes.split(|&byte| byte == b'\n');
        self.keep(pieces.next().unwrap_or_default())?;
        for piece in pieces {
            self.end_line(lines)?;
            self.keep(piece)?;
        }
        Ok(())
    }

    fn keep(&mut self, piece: &[u8]) -> Result<(), Fault> {
        if self.line.len() + piece.len() > LINE_MAX {
            return Err(Fault::at(self.number, format_args!("is longer than {LINE_MAX} bytes")));
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }

    fn end_line(&mut self, lines: &mut Vec<Line>) -> Result<(), Fault> {
        let number = self.number;
        if let Some(object) = read_object(number, &self.line)? {
            self.objects += 1;
            lines.push(Line { number, recipient: read_recipient(object, &self.defaults) });
        }
        self.line.clear();
        self.number += 1;
        Ok(())
    }

    pub fn finish(mut self, lines: &mut Vec<Line>) -> Result<(), Fault> {
        self.end_line(lines)?;
        if self.objects == 0 { Err(Fault::at(1, "the file is empty")) } else { Ok(()) }
    }
}

/// The object of a line; none where it is blank.
fn read_object(number: i32, line: &[u8]) -> Result<Option<Map<String, Value>>, Fault> {
    if line.contains(&0) {
        return Err(nul(number));
    }
    let text = std::str::from_utf8(line).map_err(|error| not_utf8(number, line[error.valid_up_to()]))?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let told = error.to_string();
        // Its own place is always "line 1", which would read as the file's.
        let reason = told.split(" at line ").next().unwrap_or_default().to_owned();
        Fault::at(number, format_args!("is not JSON: {reason}, at column {}", error.column()))
    })?;
    match value {
        Value::Object(object) => match object.iter().find_map(|(name, value)| nul_below(name, value)) {
            Some(field) => Err(Fault::at(number, format_args!("{field} has the character NUL (U+0000)"))),
            None => Ok(Some(object)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Fault::at(number, "is not a JSON object"))
        }
    }
}

fn read_recipient(mut object: Map<String, Value>, defaults: &Defaults) -> Result<LineRecipient, Unusable> {
    let mut text = |name: &str| match object.remove(name) {
        Some(Value::String(text)) => Ok(Some(text)),
        None | Some(Value::Null) => Ok(None),
        Some(_) => Err(Unusable::new(name, "must be a text")),
    };
    let (phone, guest_id, reference) = (text("phone")?, text("guest_id")?, text("reference")?);
    let mut given = |name: &str| object.remove(name).filter(|value| !value.is_null());
    let content = match (given("content"), defaults.template_name.clone()) {
        (Some(content), None) => read_content(content)?,
        (None, None) => return Err(Unusable::new("content", "is required, unless a template is named")),
        (Some(_), Some(_)) => {
            return Err(Unusable::new("content", "give it, or template_name for the whole file, not both"));
        }
        (None, Some(name)) => {
            let parameters = match given("parameters") {
                None => None,
                Some(Value::Object(map)) => Some(map),
                Some(_) => return Err(Unusable::new("parameters", "must be an object")),
            };
            let parameters = read_line_parameters(parameters)?;
            let given = Given { parameters, ..Given::default() };
            LineContent::Template(TemplateSend { name, language: defaults.language.clone(), given })
        }
    };
    Ok(LineRecipient { phone, guest_id, reference, content })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &[u8], template: Option<&str>) -> Result<Vec<Line>, Fault> {
        let defaults = Defaults { template_name: template.map(str::to_owned), language: None };
        let (mut ndjson, mut lines) = (Ndjson::new(defaults), Vec::new());
        ndjson.push(file, &mut lines)?;
        ndjson.finish(&mut lines)?;
        Ok(lines)
    }

    #[test]
    fn lines_have_the_shape_of_messages_or_of_recipients() {
        let file = b"{\"phone\": \"+1\", \"content\": \"hi\"}\r\n\n  \n{\"guest_id\": \"g\", \"reference\": \"r\", \
                     \"content\": {\"type\": \"template\", \"template_name\": \"w\"}}\n{\"phone\": 5}\n{\"phone\": \"+1\"}";
        let lines = read(file, None).unwrap();
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 4, 5, 6]);
        assert!(
            matches!(&lines[0].recipient.as_ref().unwrap().content, LineContent::Content(content) if content.summary() == "hi")
        );
        assert!(matches!(&lines[1].recipient.as_ref().unwrap().content, LineContent::Template(_)));
        assert_eq!(lines[2].recipient.as_ref().unwrap_err().field, "phone");
        assert_eq!(lines[3].recipient.as_ref().unwrap_err().field, "content");
        let file = b"{\"phone\": \"+1\", \"parameters\": {\"room\": 205}}\n\
                     {\"phone\": \"+1\", \"parameters\": {\"room\": []}}\n{\"phone\": \"+1\", \"content\": \"hi\"}";
        let lines = read(file, Some("w")).unwrap();
        let LineContent::Template(send) = &lines[0].recipient.as_ref().unwrap().content else { panic!() };
        assert_eq!((send.name.as_str(), send.given.parameters["room"].as_str()), ("w", "205"));
        let wrong = lines[1].recipient.as_ref().unwrap_err();
        assert_eq!(
            (wrong.field.as_str(), wrong.reason.as_str()),
            ("parameters.room", "must be a text or a number")
        );
        assert_eq!(lines[2].recipient.as_ref().unwrap_err().field, "content");
    }

    #[test]
    fn what_is_no_object_refuses_the_file() {
        for (file, line, reason) in [
            (&b"{}\n[]"[..], 2, "not a JSON object"),
            (b"{}\n\n{\"phone\": }", 3, "is not JSON: expected value, at column 11"),
            (b"{}\n{\"phone\": \"caf\xe9\"}", 2, "0xE9"),
            (b"{}\n\0", 2, "NUL"),
            (b"{\"content\": {\"text\": \"a\\u0000\"}}", 1, "content.text has the character NUL"),
            (b" \n", 1, "empty"),
        ] {
            let fault = read(file, None).unwrap_err();
            assert_eq!(fault.line, line);
            assert!(fault.reason.contains(reason), "{}", fault.reason);
        }
        let long = format!("{{}}\n{{\"phone\": \"{}\"}}", "1".repeat(LINE_MAX));
        assert_eq!(read(long.as_bytes(), None).unwrap_err().line, 2);
    }
}
