//! An error as the provider stated it, and what the table says of it.

use std::time::Duration;

use crate::error_table::{FailureRow, OwnReason, Problem, ProviderCode};

pub use crate::error_table::ErrorClass;

/// An error that the provider itself stated, in its envelope or in a status webhook.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProviderError {
    /// Meta's `error.code`.
    pub code: i64,
    pub title: String,
    /// `error_data.details`: the part that names the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// HTTP status of the answer; absent in status webhooks. Stored, like the next, because the class
    /// of an unknown code follows from them: a stored refusal must stay what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_transient: bool,
    /// How long the answer itself asks to wait.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl ProviderError {
    /// A reason of our own in its own words, for which the table has no row.
    pub fn ours(title: &str) -> Self {
        Self { title: title.to_owned(), ..Self::own(OwnReason::Other) }
    }

    /// A reason of our own, under a code that is none of the provider's.
    pub fn own(reason: OwnReason) -> Self {
        Self {
            code: reason.code(),
            title: reason.title().to_owned(),
            details: None,
            http_status: None,
            is_transient: false,
            retry_after: None,
        }
    }

    /// An error of which only the code is known.
    pub fn of_code(code: i64) -> Self {
        Self { code, ..Self::ours("") }
    }

    /// Whether we stated it ourselves, so that its code says nothing to anybody else.
    pub fn is_ours(&self) -> bool {
        OwnReason::of(self.code, &self.title).is_some()
    }

    /// Whether it says that we were too fast, and nothing about the message.
    pub fn is_about_pace(&self) -> bool {
        use ProviderCode::{AccountLimit, AppLimit, PairLimit, Throughput, UserLimit};
        matches!(
            ProviderCode::of(self.code),
            Some(AppLimit | UserLimit | AccountLimit | Throughput | PairLimit)
        )
    }

    /// Whether the guest's window had closed, whatever we knew of it: only a template reaches the guest.
    pub fn says_window_closed(&self) -> bool {
        ProviderCode::of(self.code) == Some(ProviderCode::WindowClosed)
    }

    /// Whether the guest has stopped marketing in WhatsApp, whatever we knew of it.
    pub fn says_marketing_stopped(&self) -> bool {
        ProviderCode::of(self.code) == Some(ProviderCode::StoppedMarketing)
    }

    /// Whether the number itself was too fast, so that its pace has to drop.
    pub fn is_about_throughput(&self) -> bool {
        ProviderCode::of(self.code) == Some(ProviderCode::Throughput)
    }

    /// Whether the number or its account is restricted, so that a batch must not go on: reported as
    /// spam, or against the policy.
    pub fn restricts_the_number(&self) -> bool {
        matches!(ProviderCode::of(self.code), Some(ProviderCode::SpamLimit | ProviderCode::PolicyRestriction))
    }

    /// Whether the access token itself is dead, so that no call succeeds until there is another.
    pub fn says_token_is_dead(&self) -> bool {
        use ProviderCode::{TokenDead, TokenInvalid, TokenMissing};
        matches!(ProviderCode::of(self.code), Some(TokenDead | TokenInvalid | TokenMissing))
            && !self.is_ours()
    }

    /// Whether a refused send says that no message leaves with this access token: it is dead, or lacks a
    /// permission. Of another call only the first says so.
    pub fn forbids_sending(&self) -> bool {
        use ProviderCode::{AccessDenied, Capability, Permission, PermissionDenied};
        let lacks = matches!(
            ProviderCode::of(self.code),
            Some(Capability | PermissionDenied | Permission | AccessDenied)
        );
        lacks || self.says_token_is_dead()
    }

    /// What the table says; for codes it does not know, what the answer itself suggests.
    pub fn class(&self) -> ErrorClass {
        if let Some(row) = self.row() {
            return row.class;
        }
        match self.http_status {
            _ if self.is_transient => ErrorClass::Backoff,
            Some(429 | 500..) => ErrorClass::Backoff,
            Some(401 | 403) => ErrorClass::Credentials,
            Some(_) | None => ErrorClass::Never,
        }
    }

    /// Under which of the API's codes a message is shown that failed so.
    pub fn problem(&self) -> Problem {
        if let Some(row) = self.row() {
            return row.problem;
        }
        match self.class() {
            ErrorClass::Backoff | ErrorClass::BackoffThrice | ErrorClass::Later => {
                Problem::ProviderUnavailable
            }
            ErrorClass::PairLimit => Problem::RateLimitExceeded,
            ErrorClass::Never => Problem::MessageRefused,
            ErrorClass::OptOut => Problem::GuestOptedOut,
            ErrorClass::Credentials => Problem::ProviderCredentials,
        }
    }

    /// A sentence for a front-desk person.
    pub fn meaning(&self) -> &'static str {
        self.row().map_or_else(|| self.problem().row().meaning, |row| row.meaning)
    }

    /// What staff or their admin can do.
    pub fn recovery_options(&self) -> &'static [&'static str] {
        self.row().map_or_else(|| self.problem().row().recovery_options, |row| row.recovery_options)
    }

    /// Whether the code is one of the provider's that stand in the table, so that an error with it is
    /// a refusal for certain.
    pub fn is_known(&self) -> bool {
        ProviderCode::of(self.code).is_some()
    }

    fn row(&self) -> Option<FailureRow> {
        let own = OwnReason::of(self.code, &self.title).map(OwnReason::row);
        own.or_else(|| ProviderCode::of(self.code).map(ProviderCode::row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: i64, http_status: Option<u16>, is_transient: bool) -> ProviderError {
        ProviderError {
            code,
            title: String::new(),
            details: None,
            http_status,
            is_transient,
            retry_after: None,
        }
    }

    #[test]
    fn the_codes_that_issues_name() {
        for (code, class) in [
            (2, ErrorClass::Backoff),
            (130429, ErrorClass::Backoff),
            (131016, ErrorClass::Backoff),
            (131056, ErrorClass::PairLimit),
            (131000, ErrorClass::BackoffThrice),
            (190, ErrorClass::Credentials),
            (131047, ErrorClass::Never),
            (131026, ErrorClass::Never),
            (131050, ErrorClass::OptOut),
            (131049, ErrorClass::Later),
            (132001, ErrorClass::Never),
        ] {
            // The HTTP status is advisory: sources disagree, and the code decides.
            for http in [None, Some(200), Some(400), Some(429), Some(500)] {
                assert_eq!(error(code, http, true).class(), class, "{code}");
            }
        }
    }

    #[test]
    fn which_errors_ask_for_another_token() {
        let of = |f: fn(&ProviderError) -> bool| -> Vec<i64> {
            let codes = [0, 1, 3, 10, 33, 100, 104, 190, 200, 299, 368, 131_005, 131_031, 131_042, 999_999];
            codes.into_iter().filter(|code| f(&error(*code, Some(401), false))).collect()
        };
        assert_eq!(of(ProviderError::says_token_is_dead), [0, 104, 190]);
        assert_eq!(of(ProviderError::forbids_sending), [0, 3, 10, 104, 190, 200, 299, 131_005]);
        // As the first versions wrote reasons of our own: under 0, Meta's code of a dead token.
        let own = ProviderError { code: 0, ..ProviderError::own(OwnReason::GuestUnreachable) };
        assert!(!own.forbids_sending());
    }

    #[test]
    fn unknown_codes_follow_the_answer() {
        assert_eq!(error(999_999, Some(400), true).class(), ErrorClass::Backoff);
        assert_eq!(error(999_999, Some(503), false).class(), ErrorClass::Backoff);
        assert_eq!(error(999_999, Some(429), false).class(), ErrorClass::Backoff);
        assert_eq!(error(999_999, Some(403), false).class(), ErrorClass::Credentials);
        assert_eq!(error(999_999, Some(400), false).class(), ErrorClass::Never);
        assert_eq!(error(999_999, None, false).class(), ErrorClass::Never);
    }

    #[test]
    fn what_a_failed_message_is_shown_under() {
        for (code, shown) in [
            (131047, "MESSAGE_WINDOW_EXPIRED"),
            (131050, "GUEST_OPTED_OUT"),
            (130429, "RATE_LIMIT_EXCEEDED"),
            (131056, "RATE_LIMIT_EXCEEDED"),
            (131048, "RATE_LIMIT_EXCEEDED"),
            (4, "RATE_LIMIT_EXCEEDED"),
            (17, "RATE_LIMIT_EXCEEDED"),
            (80007, "RATE_LIMIT_EXCEEDED"),
            (80008, "RATE_LIMIT_EXCEEDED"),
            (132001, "TEMPLATE_NOT_FOUND"),
            (132015, "TEMPLATE_NOT_FOUND"),
            (132016, "TEMPLATE_NOT_FOUND"),
            (131052, "MEDIA_UPLOAD_FAILED"),
            (131053, "MEDIA_UPLOAD_FAILED"),
            (132000, "INVALID_TEMPLATE_PARAMETERS"),
            (132005, "INVALID_TEMPLATE_PARAMETERS"),
            (132012, "INVALID_TEMPLATE_PARAMETERS"),
            (132018, "INVALID_TEMPLATE_PARAMETERS"),
            (131026, "GUEST_NOT_ON_WHATSAPP"),
            (131049, "MARKETING_HELD_BACK"),
            (131016, "PROVIDER_UNAVAILABLE"),
            (190, "PROVIDER_CREDENTIALS"),
            (368, "ACCOUNT_RESTRICTED"),
            (100, "MESSAGE_REFUSED"),
        ] {
            assert_eq!(error(code, None, false).problem().row().code, shown, "{code}");
        }
    }

    #[test]
    fn unknown_codes_are_shown_as_the_answer_suggests() {
        for (error, problem) in [
            (error(999_999, Some(503), false), Problem::ProviderUnavailable),
            (error(-429, Some(429), true), Problem::ProviderUnavailable),
            (error(999_999, Some(403), false), Problem::ProviderCredentials),
            (error(999_999, Some(400), false), Problem::MessageRefused),
        ] {
            assert!(!error.is_known());
            assert_eq!(error.problem(), problem);
            assert_eq!(error.meaning(), problem.row().meaning);
            assert_eq!(error.recovery_options(), problem.row().recovery_options);
        }
    }

    #[test]
    fn what_is_stored_keeps_its_class_and_its_problem() {
        for error in [
            error(999_999, Some(503), false),
            error(999_999, Some(400), true),
            error(-407, Some(407), true),
            ProviderError::own(OwnReason::NotReached),
            ProviderError::ours("Something else"),
        ] {
            let stored = serde_json::to_value(&error).unwrap();
            let read: ProviderError = serde_json::from_value(stored).unwrap();
            assert_eq!((read.class(), read.problem()), (error.class(), error.problem()), "{error:?}");
        }
        // As the first versions wrote it.
        let stored = serde_json::json!({"code": 131_026, "title": "Message undeliverable"});
        let read: ProviderError = serde_json::from_value(stored).unwrap();
        assert_eq!((read.class(), read.http_status), (ErrorClass::Never, None));
    }

    #[test]
    fn our_own_reasons_are_not_the_providers() {
        let dead_token = ProviderError { title: "AuthException".into(), ..error(0, Some(401), false) };
        assert_eq!((dead_token.is_ours(), dead_token.is_known()), (false, true));
        assert_eq!(dead_token.problem(), Problem::ProviderCredentials);
        for (reason, problem) in [
            (OwnReason::GuestUnreachable, Problem::GuestUnreachable),
            (OwnReason::GivenUp, Problem::MessageGivenUp),
            (OwnReason::NotReached, Problem::ProviderUnavailable),
            (OwnReason::Other, Problem::MessageRefused),
        ] {
            let error = ProviderError::own(reason);
            assert_eq!((error.is_ours(), error.is_known(), error.problem()), (true, false, problem));
            // The first versions stored it under the code 0.
            let old = ProviderError { code: 0, ..error };
            assert_eq!((old.is_ours(), old.problem()), (true, problem));
        }
        assert!(ProviderError::ours("Something else").is_ours());
    }
}
