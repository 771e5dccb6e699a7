//! When a message that was refused for now is tried again.

use std::time::Duration;

use crate::provider_error::ErrorClass;

/// What follows a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterRefusal {
    RetryIn(Duration),
    GiveUp,
}

const SOON: Duration = Duration::from_secs(1);
const SOON_MAX: Duration = Duration::from_secs(300);
const LATER: Duration = Duration::from_secs(300);
const LATER_MAX: Duration = Duration::from_secs(6 * 3600);
const PAIR_MAX: Duration = Duration::from_secs(256);

/// The next step after the `nth` refusal in a row (from 1) of this class.
///
/// `jitter` in 0..1 spreads those who were refused together: the delay is 50 to 100 % of the
/// exponential one, so that it keeps growing.
pub fn after_refusal(class: ErrorClass, nth: i32, jitter: f64) -> AfterRefusal {
    let before = u32::try_from(nth - 1).unwrap_or(0);
    let (base, factor, max) = match class {
        ErrorClass::Backoff => (SOON, 2, SOON_MAX),
        ErrorClass::BackoffThrice if nth >= 3 => return AfterRefusal::GiveUp,
        ErrorClass::BackoffThrice => (SOON, 4, SOON_MAX),
        // Meta's advice for 131056: wait 4^n seconds.
        ErrorClass::PairLimit => (SOON, 4, PAIR_MAX),
        ErrorClass::Later | ErrorClass::Credentials => (LATER, 2, LATER_MAX),
        ErrorClass::Never | ErrorClass::OptOut => return AfterRefusal::GiveUp,
    };
    let full = base.saturating_mul(u32::checked_pow(factor, before).unwrap_or(u32::MAX)).min(max);
    AfterRefusal::RetryIn(full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0))
}

/// The delay after the `nth` connection in a row that never came about: the provider did not see
/// the message.
pub fn after_no_connection(nth: i32, jitter: f64) -> Duration {
    match after_refusal(ErrorClass::Backoff, nth, jitter) {
        AfterRefusal::RetryIn(delay) => delay.min(Duration::from_secs(30)),
        AfterRefusal::GiveUp => SOON,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorClass::*;

    #[test]
    fn delays_grow_to_their_limit_and_never_overflow() {
        for class in [Backoff, PairLimit, Later, Credentials] {
            let mut last = Duration::ZERO;
            for attempt in 1..100 {
                let AfterRefusal::RetryIn(delay) = after_refusal(class, attempt, 1.0) else {
                    panic!("{class:?}")
                };
                assert!(delay >= last && delay <= LATER_MAX);
                last = delay;
            }
        }
        assert_eq!(after_refusal(Backoff, 1, 0.0), AfterRefusal::RetryIn(Duration::from_millis(500)));
        assert_eq!(after_refusal(PairLimit, 3, 1.0), AfterRefusal::RetryIn(Duration::from_secs(16)));
    }

    #[test]
    fn what_never_succeeds_is_given_up() {
        assert_eq!(after_refusal(Never, 1, 0.5), AfterRefusal::GiveUp);
        assert_eq!(after_refusal(OptOut, 1, 0.5), AfterRefusal::GiveUp);
        assert_eq!(after_refusal(BackoffThrice, 3, 0.5), AfterRefusal::GiveUp);
        assert_ne!(after_refusal(BackoffThrice, 2, 0.5), AfterRefusal::GiveUp);
    }
}
