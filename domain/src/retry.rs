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

/// What follows a fetch of a guest's file that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFetch {
    Again {
        after: Duration,
        /// Whether it counts as a failure of the file. While credentials are wanted, none does.
        counts: bool,
    },
    GiveUp,
}

/// Soon at first, because staff wait for it. The provider keeps a file for seven days, and blocks numbers that ask
/// in vain twenty times in an hour.
const FETCHES: [Duration; 8] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(3 * 3600),
    Duration::from_secs(6 * 3600),
];

/// The next step after the `nth` failure in a row (from 1). One that is none of the provider's is of the class
/// `Backoff`. `jitter` as with [`after_refusal`].
pub fn after_failed_fetch(class: ErrorClass, nth: i32, jitter: f64) -> AfterFetch {
    let (after, counts) = match class {
        ErrorClass::Backoff | ErrorClass::BackoffThrice | ErrorClass::PairLimit | ErrorClass::Later => {
            let at = usize::try_from(nth - 1).unwrap_or(0).min(FETCHES.len() - 1);
            (FETCHES[at], true)
        }
        ErrorClass::Credentials => (LATER, false),
        ErrorClass::Never | ErrorClass::OptOut => return AfterFetch::GiveUp,
    };
    AfterFetch::Again { after: after.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0), counts }
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
    fn fetches_are_tried_for_as_long_as_the_file_is_kept() {
        let mut last = Duration::ZERO;
        let mut in_an_hour = 0;
        let mut passed = Duration::ZERO;
        for nth in 1..100 {
            let AfterFetch::Again { after, counts: true } = after_failed_fetch(Backoff, nth, 0.0) else {
                panic!("{nth}")
            };
            assert!(after >= last && after <= LATER_MAX);
            passed += after;
            in_an_hour += usize::from(passed < Duration::from_secs(3600));
            last = after;
        }
        assert!(in_an_hour < 10, "{in_an_hour}");
        for class in [Never, OptOut] {
            assert_eq!(after_failed_fetch(class, 1, 0.5), AfterFetch::GiveUp);
        }
        let waits = AfterFetch::Again { after: LATER, counts: false };
        assert_eq!(after_failed_fetch(Credentials, 50, 1.0), waits);
    }

    #[test]
    fn what_never_succeeds_is_given_up() {
        assert_eq!(after_refusal(Never, 1, 0.5), AfterRefusal::GiveUp);
        assert_eq!(after_refusal(OptOut, 1, 0.5), AfterRefusal::GiveUp);
        assert_eq!(after_refusal(BackoffThrice, 3, 0.5), AfterRefusal::GiveUp);
        assert_ne!(after_refusal(BackoffThrice, 2, 0.5), AfterRefusal::GiveUp);
    }
}
