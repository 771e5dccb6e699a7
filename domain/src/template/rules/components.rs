//! The list of components: which there are, and how their variables are told apart.

use serde_json::{Map, Value};

use super::{Found, buttons, words};
use crate::media::MediaKind;
use crate::template::ParameterFormat;
use crate::template::variables::{is_number, variables};

pub(super) type Object = Map<String, Value>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Header,
    Body,
    Footer,
    Buttons,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Header, Self::Body, Self::Footer, Self::Buttons];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "HEADER",
            Self::Body => "BODY",
            Self::Footer => "FOOTER",
            Self::Buttons => "BUTTONS",
        }
    }
}

pub(super) struct Component {
    kind: Kind,
    /// Such as `components.0`.
    path: String,
    pub object: Object,
}

impl Component {
    pub fn field(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    pub fn str(&self, key: &str) -> Option<&str> {
        self.object.get(key)?.as_str()
    }
}

pub(super) struct Checked {
    pub parameter_format: ParameterFormat,
    pub components: Value,
    pub needs_example: Option<MediaKind>,
}

/// None where it could not be found out how variables are told apart, which is then among what is wrong.
pub(super) fn check(components: Value, format: Option<&str>, found: &mut Found) -> Option<Checked> {
    let mut components = read(components, found);
    let format = parameter_format(format, &components, found);
    let mut needs_example = None;
    for component in &mut components {
        match component.kind {
            Kind::Header => needs_example = words::header(component, format, found),
            Kind::Body => words::body(component, format, found),
            Kind::Footer => words::footer(component, found),
            Kind::Buttons => buttons::check(component, found),
        }
    }
    Some(Checked {
        parameter_format: format?,
        components: components.into_iter().map(|component| Value::Object(component.object)).collect(),
        needs_example,
    })
}

fn read(components: Value, found: &mut Found) -> Vec<Component> {
    let Value::Array(list) = components else {
        found.add("components", "must be a list of components");
        return Vec::new();
    };
    let mut components: Vec<Component> = Vec::new();
    let mut has_body = false;
    for (at, value) in list.into_iter().enumerate() {
        let path = format!("components.{at}");
        let Value::Object(mut object) = value else {
            found.add(path, "must be an object with a type");
            continue;
        };
        let kind = upper(&object, "type").and_then(|t| Kind::ALL.into_iter().find(|k| k.as_str() == t));
        let Some(kind) = kind else {
            found.add(format!("{path}.type"), "must be HEADER, BODY, FOOTER or BUTTONS");
            continue;
        };
        has_body |= kind == Kind::Body;
        if components.iter().any(|other| other.kind == kind) {
            let reason = format_args!("is {} a second time; WhatsApp takes one of each", kind.as_str());
            found.add(format!("{path}.type"), reason);
            continue;
        }
        object.insert("type".to_owned(), kind.as_str().into());
        components.push(Component { kind, path, object });
    }
    if !has_body {
        found.add("components", "must have one of type BODY: the text of the template");
    }
    components
}

fn parameter_format(
    given: Option<&str>,
    components: &[Component],
    found: &mut Found,
) -> Option<ParameterFormat> {
    const FIELD: &str = "parameter_format";
    if let Some(given) = given {
        let format = given.to_ascii_uppercase().parse::<ParameterFormat>();
        return found.keep(FIELD, format.map_err(|_| "must be NAMED or POSITIONAL"));
    }
    let worded = components.iter().filter(|c| matches!(c.kind, Kind::Header | Kind::Body));
    let names: Vec<&str> = worded.filter_map(|component| component.str("text")).flat_map(variables).collect();
    let number = names.iter().find(|name| is_number(name));
    let name = names.iter().find(|name| !is_number(name));
    match (number, name) {
        (Some(number), Some(name)) => {
            let reason = format_args!(
                "cannot be found: the variables are both numbers, like {number}, and names, like {name}; \
                 use one of the two"
            );
            found.add(FIELD, reason);
            None
        }
        (None, Some(_)) => Some(ParameterFormat::Named),
        (Some(_) | None, None) => Some(ParameterFormat::Positional),
    }
}

pub(super) fn upper(object: &Object, key: &str) -> Option<String> {
    object.get(key)?.as_str().map(str::to_ascii_uppercase)
}
