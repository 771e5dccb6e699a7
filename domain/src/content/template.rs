//! A template with all that fills it, frozen at acceptance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::header::Header;
use crate::template::{Language, TemplateName};
use crate::text_enum;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    pub template_name: TemplateName,
    pub language: Language,
    /// The body's: keys are names, or `1`, `2` … for positional templates.
    pub parameters: BTreeMap<String, String>,
    pub named: bool,
    /// What the guest reads in the body.
    pub text: String,
    /// Only what a send has to give: a header without a variable is the provider's to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<ButtonValue>,
}

text_enum! {
    /// Buttons of a template that a send gives a value for.
    ButtonKind {
        /// What comes back when the guest taps it; the button's text when not given.
        QuickReply = "quick_reply",
        /// What fills the variable at the end of its address.
        Url = "url",
        /// The code that the guest copies.
        CopyCode = "copy_code",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ButtonValue {
    /// Among all of the template's buttons, counted from 0.
    pub index: u8,
    #[serde(rename = "type")]
    pub kind: ButtonKind,
    pub value: String,
}
