//! Templates: what they are made of, what a send fills in, and what may be submitted.

mod bad;
mod example;
mod fill;
mod names;
mod needs;
mod parameters;
mod parts;
mod preview;
mod rules;
#[cfg(test)]
mod tests;
mod variables;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use bad::{BadParameters, ButtonFault};
pub use fill::{Given, GivenButton};
pub use names::{BadName, Language, TemplateName};
pub use needs::{ButtonNeed, HeaderNeed, Needs};
pub use parameters::check_parameter_names;
pub use parts::{ButtonPart, ButtonPartKind, HeaderPart, Parts};
pub use preview::{Preview, PreviewButton, PreviewHeader};
pub use rules::{CheckedTemplate, Submission};

use crate::text_enum;

/// The longest body, before and after its variables are filled in, in characters. Source: Meta, templates
/// and error 132005.
const BODY_MAX: usize = 1024;
/// The longest header text. Source: Meta, template components.
const HEADER_MAX: usize = 60;
/// The longest address of a button. Source: Meta, template components.
const URL_MAX: usize = 2_000;
/// The longest code of a copy-code button. Source: Meta, template components.
const CODE_MAX: usize = 15;

text_enum! {
    /// How a template's variables are told apart.
    ParameterFormat {
        Positional = "POSITIONAL",
        Named = "NAMED",
    }
}

text_enum! {
    /// What a template is for, in Meta's words. It decides the price and whom it may reach.
    Category {
        Utility = "UTILITY",
        Marketing = "MARKETING",
        Authentication = "AUTHENTICATION",
    }
}

text_enum! {
    /// Why there is another version of a template.
    ChangeCause {
        /// Made here.
        Submitted = "submitted",
        /// Changed here.
        Edited = "edited",
        /// Found at the provider, or told by it.
        Provider = "provider",
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
    /// The property's own names for the positions of the body of a positional template, in order; empty:
    /// none. They are not the provider's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameter_names: Vec<String>,
    pub quality: Option<String>,
    pub rejection_reason: Option<String>,
}

impl TemplateDefinition {
    pub fn is_approved(&self) -> bool {
        self.status == "APPROVED"
    }

    /// Whether texts alone fill it.
    pub fn is_text_only(&self) -> bool {
        let needs = self.needs();
        self.unsendable().is_none()
            && needs.header.is_none()
            && !needs.buttons.iter().any(|button| button.required)
    }

    /// What it is made of.
    pub fn parts(&self) -> Parts {
        Parts::read(&self.components)
    }
}
