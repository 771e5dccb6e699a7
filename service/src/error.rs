//! What can go wrong, in the API's terms.

use bellhop_domain::content::Wrong;
use bellhop_domain::error_table::ErrorClass;
use bellhop_domain::ports::{CipherError, MediaStoreError, ProviderFailure, QueueError};
use bellhop_domain::problem::Problem;
use bellhop_domain::status::IllegalMove;
use serde_json::{Value, json};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A request that is refused with reason, or a part that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Refused(Box<Refusal>),
    #[error("the database failed: {0}")]
    Database(#[from] sea_orm::DbErr),
    #[error(transparent)]
    Cipher(#[from] CipherError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Provider(#[from] ProviderFailure),
    #[error(transparent)]
    MediaStore(#[from] MediaStoreError),
    /// A bug: the state machine was asked for a move that does not exist.
    #[error(transparent)]
    IllegalMove(#[from] IllegalMove),
}

/// A refusal that the caller can do something about.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", .problem.row().code)]
pub struct Refusal {
    pub problem: Problem,
    /// A sentence for a front-desk person.
    pub message: String,
    /// Always an object.
    pub details: Value,
}

/// What a request gave, for an answer: as much as a person needs to recognise it.
pub(crate) fn shorten(given: &str) -> String {
    cut(given, 64)
}

/// The first `max` characters, with a mark where something is left out.
pub(crate) fn cut(given: &str, max: usize) -> String {
    match given.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &given[..end]),
        None => given.to_owned(),
    }
}

impl Error {
    /// A refusal with the problem's own sentence.
    pub fn of(problem: Problem) -> Self {
        Self::because(problem, problem.row().meaning)
    }

    pub fn because(problem: Problem, message: impl Into<String>) -> Self {
        Self::with(problem, message, json!({}))
    }

    pub fn with(problem: Problem, message: impl Into<String>, details: Value) -> Self {
        Self::Refused(Box::new(Refusal { problem, message: message.into(), details }))
    }

    /// One field of the request is wrong.
    pub fn field(field: &str, what: impl std::fmt::Display) -> Self {
        let message = format!("{field}: {what}");
        Self::with(Problem::ValidationFailed, message, json!({"field": field, "reason": what.to_string()}))
    }

    /// Several fields of the request are wrong.
    pub fn fields(wrong: &[Wrong]) -> Self {
        let sentence: Vec<_> = wrong.iter().map(ToString::to_string).collect();
        let fields: Vec<_> =
            wrong.iter().map(|wrong| json!({"field": wrong.field, "reason": wrong.reason})).collect();
        Self::with(Problem::ValidationFailed, sentence.join("; "), json!({"fields": fields}))
    }

    /// What the provider said to something that was asked of it, in the API's terms.
    pub(crate) fn of_provider(failure: ProviderFailure, never: Problem) -> Self {
        match failure {
            ProviderFailure::Refused(error) => {
                let problem = match error.class() {
                    ErrorClass::Never => never,
                    ErrorClass::Backoff
                    | ErrorClass::BackoffThrice
                    | ErrorClass::PairLimit
                    | ErrorClass::Later
                    | ErrorClass::OptOut
                    | ErrorClass::Credentials => error.problem(),
                };
                let said = error.details.as_ref().unwrap_or(&error.title);
                let message = format!("{} WhatsApp says: {}", problem.row().meaning, cut(said, 400));
                Self::with(problem, message, json!({"provider_code": error.code, "reason": said}))
            }
            ProviderFailure::Unreachable(reason) | ProviderFailure::Unreadable(reason) => {
                tracing::warn!(reason, "the provider could not be asked");
                Self::of(Problem::ProviderUnavailable)
            }
        }
    }

    /// An error of a call to the provider as [`Error::of_provider`] has it; others as they are.
    pub(crate) fn asked_of_provider(self, never: Problem) -> Self {
        match self {
            Self::Provider(failure) => Self::of_provider(failure, never),
            other => other,
        }
    }

    /// An object that does not exist, or is another property's.
    pub fn not_found(what: &str) -> Self {
        Self::because(Problem::NotFound, format!("There is no such {what}."))
    }

    /// The code under which the API shows this error.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Refused(refusal) => refusal.problem,
            Self::Database(sea_orm::DbErr::ConnectionAcquire(_) | sea_orm::DbErr::Conn(_))
            | Self::Queue(_) => Problem::Unavailable,
            Self::Provider(_) | Self::MediaStore(_) => Problem::Unavailable,
            Self::Database(_) | Self::Cipher(_) | Self::IllegalMove(_) => Problem::Internal,
        }
    }
}
