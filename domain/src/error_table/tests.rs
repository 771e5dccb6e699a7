use super::ErrorClass::{self, Backoff, BackoffThrice, Credentials, Later, Never, OptOut, PairLimit};
use super::{FailureRow, OwnReason, Problem, ProviderCode};

/// Every code a second time: a change of a class must be wanted twice.
const CLASSES: &[(ErrorClass, &[i64])] = &[
    (Backoff, &[2, 4, 17, 130_429, 131_016, 131_057, 133_004, 139_102, 139_103]),
    (BackoffThrice, &[1, 131_000]),
    (PairLimit, &[131_056]),
    (
        Later,
        &[
            613, 80_007, 80_008, 131_043, 131_048, 131_049, 131_064, 132_015, 132_069, 133_000, 133_008,
            133_009, 133_015, 133_016, 134_101,
        ],
    ),
    (OptOut, &[131_050]),
    (
        Credentials,
        &[
            0, 3, 10, 33, 104, 190, 200, 201, 250, 298, 299, 368, 131_005, 131_031, 131_037, 131_042,
            131_045, 131_063, 133_005, 133_006, 133_010, 134_102,
        ],
    ),
    (
        Never,
        &[
            100, 506, 803, 130_472, 130_497, 131_008, 131_009, 131_021, 131_026, 131_030, 131_047, 131_051,
            131_052, 131_053, 131_055, 131_060, 131_062, 132_000, 132_001, 132_002, 132_003, 132_004,
            132_005, 132_006, 132_007, 132_008, 132_009, 132_010, 132_011, 132_012, 132_016, 132_017,
            132_018, 132_068, 134_100, 135_000, 137_000, 138_000, 138_001, 138_002, 138_003, 138_004,
            138_005, 138_006, 138_007, 138_008, 138_009, 138_010, 138_011, 138_012, 138_013, 138_014,
            138_015, 138_016, 138_017, 138_018, 139_100, 139_101, 200_005, 200_006, 200_007,
        ],
    ),
];

/// All numbers that could be a code of the provider's.
const NUMBERS: std::ops::Range<i64> = -2_000..300_000;

fn failures() -> impl Iterator<Item = (String, FailureRow)> {
    let codes = ProviderCode::ALL.iter().map(|code| (format!("{code:?}"), code.row()));
    codes.chain(OwnReason::ALL.iter().map(|reason| (format!("{reason:?}"), reason.row())))
}

#[test]
fn every_code_has_its_class() {
    for (class, codes) in CLASSES {
        for code in *codes {
            assert_eq!(ProviderCode::of(*code).map(|known| known.row().class), Some(*class), "{code}");
        }
    }
}

#[test]
fn the_table_has_no_code_that_is_not_listed_here() {
    let listed = |code: i64| CLASSES.iter().any(|(_, codes)| codes.contains(&code));
    for code in NUMBERS.filter(|code| !(200..300).contains(code)) {
        assert_eq!(ProviderCode::of(code).is_some(), listed(code), "{code}");
    }
}

#[test]
fn no_two_rows_overlap() {
    let rows: Vec<_> = failures().map(|(_, row)| row).collect();
    for code in NUMBERS {
        let count = rows.iter().filter(|row| row.codes.contain(code)).count();
        assert!(count <= 1, "{code}");
    }
    for (name, row) in failures() {
        assert!(NUMBERS.clone().any(|code| row.codes.contain(code)), "{name} has no code");
    }
}

#[test]
fn every_failure_is_told_in_a_sentence() {
    for (name, row) in failures() {
        sentence(&name, row.meaning);
    }
    for problem in Problem::ALL {
        // The contract gives these words without a full stop.
        if *problem != Problem::MessageWindowExpired {
            sentence(problem.row().code, problem.row().meaning);
        }
    }
}

fn sentence(name: &str, text: &str) {
    assert!(text.ends_with('.') && !text.ends_with(".."), "{name}: {text}");
    assert!((20..=160).contains(&text.chars().count()), "{name}: {text}");
    assert!(text.starts_with(char::is_uppercase), "{name}: {text}");
    assert!(!text.contains(|c: char| c.is_ascii_digit()), "{name}: {text}");
}

#[test]
fn every_failure_says_what_to_do() {
    for (name, row) in failures() {
        assert!((1..=3).contains(&row.recovery_options.len()), "{name}");
        for option in row.recovery_options {
            assert!(option.starts_with(char::is_uppercase) && !option.ends_with('.'), "{name}: {option}");
        }
    }
}

#[test]
fn the_contracts_codes_have_a_class_too() {
    for (problem, class) in [
        (Problem::InvalidPhoneNumber, Never),
        (Problem::TemplateNotFound, Never),
        (Problem::MessageWindowExpired, Never),
        (Problem::RateLimitExceeded, Backoff),
        (Problem::MediaUploadFailed, Never),
        (Problem::WebhookDeliveryFailed, Later),
        (Problem::GuestOptedOut, OptOut),
    ] {
        assert_eq!(problem.row().class, class, "{problem:?}");
    }
}

#[test]
fn the_first_versions_words_of_our_own_reasons_are_kept() {
    for (reason, title) in [
        (OwnReason::GuestUnreachable, "Nothing is known under which WhatsApp could reach this guest"),
        (OwnReason::GivenUp, "Given up by staff while it was in doubt; the guest may have it"),
        (OwnReason::NotReached, "WhatsApp could not be reached"),
    ] {
        assert_eq!(reason.title(), title);
        assert_eq!(OwnReason::of(0, title), Some(reason));
        assert_eq!(OwnReason::of(reason.code(), "other words"), Some(reason));
    }
    assert_eq!(OwnReason::of(0, "AuthException"), None);
}
