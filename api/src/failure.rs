//! Why a message failed, expired or waits.

use bellhop_service::failure::FailureReason as View;
use poem_openapi::Object;

/// A reason, and what can be done about it.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct FailureReason {
    /// A stable code of `GET errors`.
    code: String,
    /// A sentence for a front-desk person.
    message: String,
    /// WhatsApp's own words, with its code.
    details: Option<String>,
    /// What to do next.
    recovery_options: Vec<String>,
    /// Where only a template reaches the guest, and a message is asked for by itself: those that suit.
    suggested_templates: Option<Vec<String>>,
}

impl From<View> for FailureReason {
    fn from(view: View) -> Self {
        Self {
            code: view.problem.row().code.to_owned(),
            message: view.message,
            details: view.details,
            recovery_options: view.recovery_options.iter().map(|&option| option.to_owned()).collect(),
            suggested_templates: view.suggested_templates,
        }
    }
}
