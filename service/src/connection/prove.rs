//! Whether a number can be used as it was given: the provider is asked before anything is stored.

use std::time::Duration;

use bellhop_domain::connection::{ApiVersion, BaseUrl, MetaId};
use bellhop_domain::ports::{Line, NumberInfo, ProviderFailure};
use bellhop_domain::problem::Problem;
use bellhop_domain::{ConnectionId, Secret};
use serde_json::json;
use tokio::time::Instant;

use crate::app::App;
use crate::error::{Error, Result};

/// For all that is asked in one request, so that it is answered before the API gives up on it.
const PATIENCE: Duration = Duration::from_secs(10);
const SECRET_MAX: usize = 1_024;

/// Until when the provider is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub fn begin() -> Self {
        Self(Instant::now() + PATIENCE)
    }
}

/// A question to the provider, and the problem that its refusal is.
#[derive(Clone, Copy)]
enum Step {
    Number,
    Account,
    Callback,
}

impl Step {
    const fn refused(self) -> Problem {
        match self {
            Self::Number => Problem::NumberUnknown,
            Self::Account => Problem::AccountMismatch,
            Self::Callback => Problem::CallbackRefused,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Account => "account",
            Self::Callback => "callback",
        }
    }
}

impl App {
    /// Proves a line: the token is good, the number is there, and it is the account's.
    pub(super) async fn prove(&self, line: &Line, deadline: Deadline) -> Result<NumberInfo> {
        let provider = &self.ports.provider;
        let info = asked(Step::Number, line, deadline, provider.number(line)).await?;
        let numbers = asked(Step::Account, line, deadline, provider.account_numbers(line)).await?;
        if !numbers.contains(&line.phone_number_id) {
            let problem = Problem::AccountMismatch;
            let details = json!({"field": "waba_id", "numbers_of_the_account": numbers});
            return Err(Error::with(problem, problem.row().meaning, details));
        }
        Ok(info)
    }

    /// Has the provider send the number's webhooks here. It checks the address before it answers.
    pub(super) async fn claim_webhooks(
        &self,
        id: ConnectionId,
        (line, verify_token): (&Line, &Secret),
        deadline: Deadline,
    ) -> Result<()> {
        let url = &self.config.callback_url;
        let registered = self.ports.provider.register_callback(line, url, verify_token);
        asked(Step::Callback, line, deadline, registered).await.map_err(|error| {
            tracing::warn!(connection = %id, %error, "the callback cannot be registered");
            error
        })
    }

    /// The base URL, by the rule that settings may widen.
    pub(super) fn read_base_url(&self, given: Option<&str>) -> Result<String> {
        let url = match given {
            Some(given) => BaseUrl::parse(given, self.config.allow_http_base_url),
            None => Ok(BaseUrl::meta()),
        };
        url.map(String::from).map_err(|error| Error::field("base_url", error))
    }
}

async fn asked<T>(
    step: Step,
    line: &Line,
    deadline: Deadline,
    call: impl Future<Output = Result<T, ProviderFailure>>,
) -> Result<T> {
    let answer = match tokio::time::timeout_at(deadline.0, call).await {
        Ok(answer) => answer,
        Err(_) => Err(ProviderFailure::Unreachable("no answer in time".to_owned())),
    };
    answer.map_err(|failure| explain(step, line, failure))
}

fn explain(step: Step, line: &Line, failure: ProviderFailure) -> Error {
    match failure {
        ProviderFailure::Refused(error) if error.says_token_is_dead() => {
            let said = error.details.as_ref().unwrap_or(&error.title);
            let problem = Problem::TokenRefused;
            let message =
                format!("{} WhatsApp says: {}", problem.row().meaning, crate::error::cut(said, 400));
            Error::with(
                problem,
                message,
                json!({"field": "access_token", "provider_code": error.code, "reason": said}),
            )
        }
        ProviderFailure::Refused(error) => {
            use bellhop_domain::provider_error::ErrorClass;
            let said = error.details.clone().unwrap_or_else(|| error.title.clone());
            let problem = match error.class() {
                ErrorClass::Never | ErrorClass::Credentials | ErrorClass::OptOut => step.refused(),
                ErrorClass::Backoff
                | ErrorClass::BackoffThrice
                | ErrorClass::PairLimit
                | ErrorClass::Later => Problem::ProviderUnavailable,
            };
            let message =
                format!("{} WhatsApp says: {}", problem.row().meaning, crate::error::cut(&said, 400));
            let details = json!({"step": step.name(), "provider_code": error.code, "reason": said});
            Error::with(problem, message, details)
        }
        ProviderFailure::Unreachable(reason) | ProviderFailure::Unreadable(reason) => {
            let message = format!("WhatsApp could not be asked at {}: {reason}.", line.base_url);
            let details = json!({"step": step.name(), "field": "base_url", "reason": reason});
            Error::with(Problem::ProviderUnavailable, message, details)
        }
    }
}

pub(super) fn read_id(field: &str, given: &str) -> Result<String> {
    given.trim().parse::<MetaId>().map(String::from).map_err(|error| Error::field(field, error))
}

pub(super) fn read_version(given: Option<&str>) -> Result<String> {
    let version = given.map_or_else(|| Ok(ApiVersion::default()), str::parse);
    version.map(String::from).map_err(|error| Error::field("api_version", error))
}

/// A secret as it was pasted. Its text is in no refusal.
pub(super) fn read_secret(field: &str, given: &str) -> Result<Secret> {
    let given = given.trim();
    if (1..=SECRET_MAX).contains(&given.len()) && given.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(Secret::new(given));
    }
    Err(Error::field(
        field,
        format_args!("must be 1 to {SECRET_MAX} printable ASCII characters without spaces"),
    ))
}
