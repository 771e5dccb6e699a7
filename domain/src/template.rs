//! Templates: names, variables and what the guest will read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::text_enum;

/// The longest body after its variables are filled in, in characters (Meta's 132005).
const RENDERED_MAX: usize = 1024;

/// A template's name: 1 to 512 of `a-z`, `0-9`, `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TemplateName(String);

/// A template's language as Meta writes it: `en`, `en_US`, `he`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("a template name has 1 to 512 of a-z, 0-9 and _")]
    TemplateName,
    #[error("a language is a code such as en, en_US or he")]
    Language,
}

macro_rules! text_newtype {
    ($name:ident, $error:expr, $rule:expr) => {
        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                let rule: fn(&str) -> bool = $rule;
                if rule(text) { Ok(Self(text.to_owned())) } else { Err($error) }
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_newtype!(TemplateName, BadName::TemplateName, |text| {
    (1..=512).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
});
text_newtype!(Language, BadName::Language, |text| {
    (2..=16).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
});

impl Language {
    /// `en` of `en_US`.
    pub fn base(&self) -> &str {
        self.0.split(['_', '-']).next().unwrap_or(&self.0)
    }
}

text_enum! {
    /// How a template's variables are told apart.
    ParameterFormat {
        Positional = "POSITIONAL",
        Named = "NAMED",
    }
}

/// One language of one template, as the provider has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateDefinition {
    /// The provider's id.
    pub provider_id: String,
    pub name: TemplateName,
    pub language: Language,
    /// Meta's word: `UTILITY`, `MARKETING`, `AUTHENTICATION`.
    pub category: String,
    /// Meta's word; only `APPROVED` may be sent.
    pub status: String,
    pub parameter_format: ParameterFormat,
    /// Meta's `components`, as they came.
    pub components: Value,
    pub quality: Option<String>,
    pub rejection_reason: Option<String>,
}

/// What is wrong with the parameters of a send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadParameters {
    #[error("the template needs {}, which the request does not give", .0.join(", "))]
    Missing(Vec<String>),
    #[error("the template has no {}; it takes {}", .superfluous.join(", "), or_nothing(.takes))]
    Superfluous { superfluous: Vec<String>, takes: Vec<String> },
    #[error("{0} is empty; WhatsApp refuses empty parameters")]
    Empty(String),
    #[error(
        "{0} has a line break, a tab or more than four spaces in a row; WhatsApp refuses those in parameters"
    )]
    Whitespace(String),
    #[error("the filled-in text has {0} characters; WhatsApp takes at most {RENDERED_MAX}")]
    TooLong(usize),
}

fn or_nothing(names: &[String]) -> String {
    if names.is_empty() { "no parameters".to_owned() } else { names.join(", ") }
}

impl BadParameters {
    /// The parameters that are wrong.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Missing(names) | Self::Superfluous { superfluous: names, .. } => names,
            Self::Empty(name) | Self::Whitespace(name) => std::slice::from_ref(name),
            Self::TooLong(_) => &[],
        }
    }
}

impl TemplateDefinition {
    pub fn is_approved(&self) -> bool {
        self.status == "APPROVED"
    }

    fn component(&self, kind: &str) -> Option<&Value> {
        let of_kind = |c: &&Value| c["type"].as_str().is_some_and(|t| t.eq_ignore_ascii_case(kind));
        self.components.as_array()?.iter().find(of_kind)
    }

    fn body(&self) -> &str {
        self.component("BODY").and_then(|c| c["text"].as_str()).unwrap_or_default()
    }

    /// The body's variables in the order in which the provider counts them.
    pub fn parameters(&self) -> Vec<String> {
        let found: BTreeSet<&str> = variables(self.body()).map(|(_, name)| name).collect();
        let mut names: Vec<String> = found.into_iter().map(str::to_owned).collect();
        match self.parameter_format {
            ParameterFormat::Positional => names.sort_by_key(|n| n.parse::<u32>().unwrap_or(u32::MAX)),
            ParameterFormat::Named => {
                let body = self.body();
                names.sort_by_key(|n| body.find(&format!("{{{{{n}}}}}")).unwrap_or(usize::MAX));
            }
        }
        names
    }

    /// The values of the examples that came with the template, by parameter.
    pub fn example(&self) -> BTreeMap<String, String> {
        let example = self.component("BODY").map(|c| &c["example"]).unwrap_or(&Value::Null);
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let named = example["body_text_named_params"].as_array().into_iter().flatten();
        let positional = example["body_text"][0].as_array().into_iter().flatten();
        named
            .map(|p| (text(&p["param_name"]), text(&p["example"])))
            .chain(positional.enumerate().map(|(i, v)| ((i + 1).to_string(), text(v))))
            .collect()
    }

    /// Something in the template needs what a send cannot give yet: a media header or a button
    /// with a variable. The reason, in words.
    pub fn unsendable(&self) -> Option<&'static str> {
        if let Some(header) = self.component("HEADER") {
            let format = header["format"].as_str().unwrap_or("TEXT");
            if !format.eq_ignore_ascii_case("TEXT")
                || variables(header["text"].as_str().unwrap_or("")).next().is_some()
            {
                return Some("its header needs a parameter");
            }
        }
        let buttons = self.component("BUTTONS").and_then(|c| c["buttons"].as_array());
        let needs = |b: &Value| {
            let kind = b["type"].as_str().unwrap_or_default().to_ascii_uppercase();
            matches!(kind.as_str(), "OTP" | "COPY_CODE" | "FLOW" | "CATALOG" | "MPM")
                || variables(b["url"].as_str().unwrap_or_default()).next().is_some()
        };
        buttons.is_some_and(|list| list.iter().any(needs)).then_some("one of its buttons needs a parameter")
    }

    /// Checks the parameters and fills them in: what the guest will read.
    pub fn render(&self, parameters: &BTreeMap<String, String>) -> Result<String, BadParameters> {
        let takes = self.parameters();
        let missing: Vec<String> = takes.iter().filter(|n| !parameters.contains_key(*n)).cloned().collect();
        if !missing.is_empty() {
            return Err(BadParameters::Missing(missing));
        }
        let superfluous: Vec<String> = parameters.keys().filter(|n| !takes.contains(n)).cloned().collect();
        if !superfluous.is_empty() {
            return Err(BadParameters::Superfluous { superfluous, takes });
        }
        for (name, value) in parameters {
            if value.trim().is_empty() {
                return Err(BadParameters::Empty(name.clone()));
            }
            if value.contains(['\n', '\r', '\t']) || value.contains("     ") {
                return Err(BadParameters::Whitespace(name.clone()));
            }
        }
        let text = fill(self.body(), parameters);
        match text.chars().count() {
            0..=RENDERED_MAX => Ok(text),
            length => Err(BadParameters::TooLong(length)),
        }
    }
}

/// Each `{{name}}` of a text with the byte range that it fills.
fn variables(text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let open = from + text[from..].find("{{")?;
        let close = open + text[open..].find("}}")?;
        from = close + 2;
        Some((open..from, text[open + 2..close].trim()))
    })
}

fn fill(text: &str, parameters: &BTreeMap<String, String>) -> String {
    let mut filled = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for (range, name) in variables(text) {
        filled.push_str(&text[from..range.start]);
        filled.push_str(parameters.get(name).map_or(&text[range.clone()], String::as_str));
        from = range.end;
    }
    filled.push_str(&text[from..]);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(format: ParameterFormat, body: &str) -> TemplateDefinition {
        TemplateDefinition {
            provider_id: "1".into(),
            name: "welcome".parse().unwrap(),
            language: "en".parse().unwrap(),
            category: "UTILITY".into(),
            status: "APPROVED".into(),
            parameter_format: format,
            components: json!([{"type": "body", "text": body}]),
            quality: None,
            rejection_reason: None,
        }
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
    }

    #[test]
    fn names_keep_the_order_of_the_text_and_positions_their_number() {
        let named = template(ParameterFormat::Named, "Hi {{guest}}, {{ room }} is for {{guest}}.");
        assert_eq!(named.parameters(), ["guest", "room"]);
        assert_eq!(
            named.render(&map(&[("guest", "Ana"), ("room", "205")])).unwrap(),
            "Hi Ana, 205 is for Ana."
        );
        let many =
            template(ParameterFormat::Positional, "{{10}}{{2}}{{1}}{{3}}{{4}}{{5}}{{6}}{{7}}{{8}}{{9}}");
        assert_eq!(many.parameters().join(" "), "1 2 3 4 5 6 7 8 9 10");
    }

    #[test]
    fn wrong_parameters_are_named() {
        let t = template(ParameterFormat::Named, "{{a}} and {{b}}");
        assert_eq!(t.render(&map(&[("a", "1")])), Err(BadParameters::Missing(vec!["b".into()])));
        let error = t.render(&map(&[("a", "1"), ("b", "2"), ("c", "3")])).unwrap_err();
        assert_eq!(error.to_string(), "the template has no c; it takes a, b");
        assert_eq!(t.render(&map(&[("a", " "), ("b", "2")])), Err(BadParameters::Empty("a".into())));
        assert_eq!(t.render(&map(&[("a", "x\ny"), ("b", "2")])), Err(BadParameters::Whitespace("a".into())));
        let long = "x".repeat(1024);
        assert_eq!(t.render(&map(&[("a", &long), ("b", "2")])), Err(BadParameters::TooLong(1030)));
    }

    #[test]
    fn values_are_not_read_as_templates() {
        let t = template(ParameterFormat::Named, "{{a}} {{b}}");
        assert_eq!(t.render(&map(&[("a", "{{b}}"), ("b", "2")])).unwrap(), "{{b}} 2");
    }

    #[test]
    fn headers_and_buttons_with_variables_cannot_be_sent_yet() {
        let mut t = template(ParameterFormat::Named, "hi");
        assert_eq!(t.unsendable(), None);
        t.components = json!([{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "hi"}]);
        assert!(t.unsendable().is_some());
        t.components = json!([{"type": "BODY", "text": "hi"},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "ok"}]}]);
        assert_eq!(t.unsendable(), None);
        t.components = json!([{"type": "BODY", "text": "hi"},
            {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "ok", "url": "https://x/{{1}}"}]}]);
        assert!(t.unsendable().is_some());
    }
}
