//! The parameters of a template: what a send calls them, and where they go.

use super::parts::Parts;
use super::variables::{is_number, is_parameter_name, variables};
use super::{ParameterFormat, TemplateDefinition};
use crate::content::Wrong;

/// What a send calls the header's variable of a positional template: its number is taken by the body.
const HEADER_KEY: &str = "header";

/// One value that a send gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// What the template says that it takes.
    pub key: String,
    /// The number, where the property has a name for it: taken as well.
    pub position: Option<String>,
    /// It goes into the header; with the name that the provider wants, if any.
    pub header: Option<HeaderSlot>,
    /// It goes into the body, and by what the provider tells it apart there.
    pub body: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeaderSlot {
    pub name: Option<String>,
}

impl TemplateDefinition {
    /// The keys that a send gives values for: the header's variable first, then the body's. Named ones by
    /// their names (in order of the text), positional ones by the property's names or `1`, `2` …, the header
    /// of a positional template as `header`.
    pub fn parameters(&self) -> Vec<String> {
        self.slots(&self.parts()).into_iter().map(|slot| slot.key).collect()
    }

    pub(super) fn slots(&self, parts: &Parts) -> Vec<Slot> {
        match self.parameter_format {
            ParameterFormat::Positional => positional(parts, &self.parameter_names),
            ParameterFormat::Named => named(parts),
        }
    }
}

fn positional(parts: &Parts, names: &[String]) -> Vec<Slot> {
    let positions = parts.positions();
    // The text may have changed at the provider since the names were given: then they say nothing.
    let names = if names.len() == positions.len() { names } else { &[] };
    let header = parts.header_variable().map(|_| Slot {
        key: HEADER_KEY.to_owned(),
        position: None,
        header: Some(HeaderSlot { name: None }),
        body: None,
    });
    let body = positions.into_iter().enumerate().map(|(at, position)| {
        let position = position.to_owned();
        let (key, other) = match names.get(at) {
            Some(name) => (name.clone(), Some(position.clone())),
            None => (position.clone(), None),
        };
        Slot { key, position: other, header: None, body: Some(position) }
    });
    header.into_iter().chain(body).collect()
}

fn named(parts: &Parts) -> Vec<Slot> {
    let in_body = variables(&parts.body);
    let header = parts.header_variable();
    let slot = |name: &str, header: Option<HeaderSlot>| Slot {
        key: name.to_owned(),
        position: None,
        header,
        body: in_body.contains(&name).then(|| name.to_owned()),
    };
    let above = header.map(|name| slot(name, Some(HeaderSlot { name: Some(name.to_owned()) })));
    let below = in_body.iter().filter(|name| Some(**name) != header).map(|name| slot(name, None));
    above.into_iter().chain(below).collect()
}

/// Whether these may be a property's names for the positions of a template's body. None at all may.
pub fn check_parameter_names(format: ParameterFormat, parts: &Parts, names: &[String]) -> Result<(), Wrong> {
    const FIELD: &str = "parameter_names";
    if names.is_empty() {
        return Ok(());
    }
    match format {
        ParameterFormat::Positional => {}
        ParameterFormat::Named => {
            return Err(Wrong::new(FIELD, "are for templates with numbers; this one has names of its own"));
        }
    }
    let positions = parts.positions().len();
    if names.len() != positions {
        let reason = format_args!("has {} names; the template's text has {positions} variables", names.len());
        return Err(Wrong::new(FIELD, reason));
    }
    for (at, name) in names.iter().enumerate() {
        let wrong = |reason: &str| Err(Wrong::new(format!("{FIELD}.{at}"), reason));
        if is_number(name) {
            return wrong("must not be a number: numbers mean the positions themselves");
        }
        if name == HEADER_KEY {
            return wrong("must not be header: that is the variable above the text");
        }
        if !is_parameter_name(name) {
            return wrong("must have lowercase letters, digits and _ only, and start with a letter");
        }
        if names[..at].contains(name) {
            return wrong("is there twice; each must be different");
        }
    }
    Ok(())
}
