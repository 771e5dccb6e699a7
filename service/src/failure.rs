//! Why a message failed, expired or waits, as people are told.

use bellhop_domain::MessageStatus;
use bellhop_domain::problem::Problem;
use bellhop_domain::provider_error::ProviderError;

use crate::message::MessageView;

/// A reason with what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureReason {
    pub problem: Problem,
    /// A sentence for a front-desk person.
    pub message: String,
    /// The provider's own words, with its code.
    pub details: Option<String>,
    pub recovery_options: &'static [&'static str],
    /// Where only a template reaches the guest: those that suit the conversation.
    pub suggested_templates: Option<Vec<String>>,
}

impl FailureReason {
    pub(crate) fn of(problem: Problem) -> Self {
        let row = problem.row();
        Self {
            problem,
            message: row.meaning.to_owned(),
            details: None,
            recovery_options: row.recovery_options,
            suggested_templates: None,
        }
    }

    fn stated(error: &ProviderError) -> Self {
        Self {
            problem: error.problem(),
            message: error.meaning().to_owned(),
            details: words(error),
            recovery_options: error.recovery_options(),
            suggested_templates: None,
        }
    }

    /// In one line.
    pub fn in_words(&self) -> String {
        match &self.details {
            Some(details) => format!("{} {details}", self.message),
            None => self.message.clone(),
        }
    }
}

impl MessageView {
    /// Why the message failed, expired, is in doubt, or waits after a refusal.
    pub fn failure_reason(&self) -> Option<FailureReason> {
        let mut reason = match self.status {
            MessageStatus::Expired => FailureReason {
                message: "The 24-hour window closed before the message could leave.".to_owned(),
                ..FailureReason::of(Problem::MessageWindowExpired)
            },
            MessageStatus::InDoubt => FailureReason::of(Problem::InDoubt),
            MessageStatus::Failed | MessageStatus::Queued => FailureReason::stated(self.failure.as_ref()?),
            MessageStatus::Scheduled
            | MessageStatus::Sending
            | MessageStatus::Sent
            | MessageStatus::Delivered
            | MessageStatus::Read
            | MessageStatus::Cancelled
            | MessageStatus::Received => return None,
        };
        reason.suggested_templates.clone_from(&self.suggested_templates);
        Some(reason)
    }

    /// Whether staff should be told which templates would reach the guest.
    pub(crate) fn wants_template(&self) -> bool {
        self.status != MessageStatus::Queued
            && self.failure_reason().is_some_and(|reason| reason.problem == Problem::MessageWindowExpired)
    }
}

/// The provider's words; its details often begin with its title.
fn words(error: &ProviderError) -> Option<String> {
    if error.is_ours() {
        return error.details.clone();
    }
    let reason = match error.details.as_deref() {
        Some(details) if details.starts_with(&error.title) => details.to_owned(),
        Some(details) => format!("{}: {details}", error.title),
        None => error.title.clone(),
    };
    Some(format!("{reason} ({})", error.code))
}
