//! One table of every error: the API's problems ([`api`]), the provider's codes ([`provider`]) and our
//! own reasons for not sending ([`own`]). Each has a class, a sentence for a front-desk person and what
//! to do next.

pub mod api;
pub mod own;
pub mod provider;
#[cfg(test)]
mod tests;

pub use api::Problem;
pub use own::OwnReason;
pub use provider::ProviderCode;

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

/// The numbers that mean the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codes {
    These(&'static [i64]),
    /// Both ends included.
    Span(i64, i64),
}

impl Codes {
    pub fn contain(self, code: i64) -> bool {
        match self {
            Self::These(codes) => codes.contains(&code),
            Self::Span(first, last) => (first..=last).contains(&code),
        }
    }

    pub const fn first(self) -> i64 {
        match self {
            Self::These(codes) => codes[0],
            Self::Span(first, _) => first,
        }
    }
}

/// Why a message failed: a row of [`provider`] or [`own`].
#[derive(Debug, Clone, Copy)]
pub struct FailureRow {
    pub codes: Codes,
    pub class: ErrorClass,
    /// Its stable code is the one that the API shows for the message.
    pub problem: Problem,
    /// For a front-desk person.
    pub meaning: &'static str,
    pub recovery_options: &'static [&'static str],
}

impl FailureRow {
    const fn new(
        codes: Codes,
        class: ErrorClass,
        problem: Problem,
        meaning: &'static str,
        recovery_options: &'static [&'static str],
    ) -> Self {
        Self { codes, class, problem, meaning, recovery_options }
    }
}

/// Builds an enum and its rows in one, so that no variant is without its row.
macro_rules! table {
    ($(#[$meta:meta])* $name:ident of $row:ident { $($variant:ident = $($column:expr),+ $(,)?;)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($variant),+ }

        impl $name {
            /// Every row, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn row(self) -> $row {
                match self { $(Self::$variant => $row::new($($column),+)),+ }
            }
        }
    };
}
use table;
