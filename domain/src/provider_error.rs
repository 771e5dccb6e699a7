//! The provider's error codes and what each means for a message.

use std::time::Duration;

/// An error that the provider itself stated, in its envelope or in a status webhook.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProviderError {
    /// Meta's `error.code`.
    pub code: i64,
    pub title: String,
    /// `error_data.details`: the part that names the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// HTTP status of the answer; absent in status webhooks.
    #[serde(skip)]
    pub http_status: Option<u16>,
    #[serde(skip)]
    pub is_transient: bool,
    /// How long the answer itself asks to wait.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// What to do after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Try again soon, growing gaps.
    Backoff,
    /// Try again soon, but give up after three attempts: the cause may be the message itself.
    BackoffThrice,
    /// The recipient's own limit: wait 4^n seconds; other recipients are unaffected.
    PairLimit,
    /// Try again after minutes or hours.
    Later,
    /// Never succeeds unchanged.
    Never,
    /// The guest does not want it. Never retried.
    OptOut,
    /// Token, permission or account: nothing of this connection succeeds until somebody acts.
    Credentials,
}

/// The number's own limit of messages per second.
const THROUGHPUT: i64 = 130_429;

/// The table, in the order of the codes. Source: Meta's error code reference, 2025-26.
const CLASSES: &[(std::ops::RangeInclusive<i64>, ErrorClass)] = {
    use ErrorClass::*;
    &[
        (0..=0, Credentials),
        (1..=1, BackoffThrice),
        (2..=2, Backoff),
        (3..=3, Credentials),
        (4..=4, Backoff),
        (10..=10, Credentials),
        (17..=17, Backoff),
        (33..=33, Credentials),
        (100..=100, Never),
        (104..=104, Credentials),
        (190..=190, Credentials),
        (200..=299, Credentials),
        (368..=368, Credentials),
        (506..=506, Never),
        (613..=613, Later),
        (803..=803, Never),
        (80007..=80008, Backoff),
        (130429..=130429, Backoff),
        (130472..=130472, Never),
        (130497..=130497, Never),
        (131000..=131000, BackoffThrice),
        (131005..=131005, Credentials),
        (131008..=131009, Never),
        (131016..=131016, Backoff),
        (131021..=131021, Never),
        (131026..=131026, Never),
        (131030..=131030, Never),
        (131031..=131031, Credentials),
        (131037..=131037, Credentials),
        (131042..=131042, Credentials),
        (131043..=131043, Later),
        (131045..=131045, Credentials),
        (131047..=131047, Never),
        (131048..=131049, Later),
        (131050..=131050, OptOut),
        (131051..=131053, Never),
        (131055..=131055, Never),
        (131056..=131056, PairLimit),
        (131057..=131057, Backoff),
        (131060..=131060, Never),
        (131062..=131062, Never),
        (131063..=131063, Credentials),
        (131064..=131064, Later),
        (132000..=132012, Never),
        (132015..=132015, Later),
        (132016..=132018, Never),
        (132068..=132068, Never),
        (132069..=132069, Later),
        (133000..=133000, Later),
        (133004..=133004, Backoff),
        (133005..=133006, Credentials),
        (133008..=133009, Later),
        (133010..=133010, Credentials),
        (133015..=133016, Later),
        (134100..=134100, Never),
        (134101..=134101, Later),
        (134102..=134102, Credentials),
        (135000..=135000, Never),
        (137000..=137000, Never),
    ]
};

impl ProviderError {
    /// A reason of our own, under a code that is none of the provider's.
    pub fn ours(title: &str) -> Self {
        Self {
            code: 0,
            title: title.to_owned(),
            details: None,
            http_status: None,
            is_transient: false,
            retry_after: None,
        }
    }

    /// Whether it says that we were too fast, and nothing about the message.
    pub fn is_about_pace(&self) -> bool {
        matches!(self.code, 4 | 17 | 80007 | 80008 | THROUGHPUT | 131056)
    }

    /// Whether the number itself was too fast, so that its pace has to drop.
    pub fn is_about_throughput(&self) -> bool {
        self.code == THROUGHPUT
    }

    /// Whether the number or its account is restricted, so that a batch must not go on: reported as
    /// spam (131048), or against the policy (368).
    pub fn restricts_the_number(&self) -> bool {
        matches!(self.code, 131048 | 368)
    }

    /// What the table says; for codes it does not know, what the answer itself suggests.
    pub fn class(&self) -> ErrorClass {
        if let Some((_, class)) = CLASSES.iter().find(|(codes, _)| codes.contains(&self.code)) {
            return *class;
        }
        match self.http_status {
            _ if self.is_transient => ErrorClass::Backoff,
            Some(429 | 500..) => ErrorClass::Backoff,
            Some(401 | 403) => ErrorClass::Credentials,
            Some(_) | None => ErrorClass::Never,
        }
    }

    /// Whether the code stands in the table, so that an error with it is a refusal for certain.
    pub fn is_known(&self) -> bool {
        CLASSES.iter().any(|(codes, _)| codes.contains(&self.code))
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
    fn unknown_codes_follow_the_answer() {
        assert_eq!(error(999_999, Some(400), true).class(), ErrorClass::Backoff);
        assert_eq!(error(999_999, Some(503), false).class(), ErrorClass::Backoff);
        assert_eq!(error(999_999, Some(429), false).class(), ErrorClass::Backoff);
        assert_eq!(error(999_999, Some(403), false).class(), ErrorClass::Credentials);
        assert_eq!(error(999_999, Some(400), false).class(), ErrorClass::Never);
        assert_eq!(error(999_999, None, false).class(), ErrorClass::Never);
    }

    #[test]
    fn the_table_is_in_order_and_without_overlap() {
        assert!(CLASSES.windows(2).all(|w| w[0].0.end() < w[1].0.start()));
    }
}
