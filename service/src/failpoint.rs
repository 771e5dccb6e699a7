//! Named places where a test lets the process die, between every two writes and calls of the way
//! out. Only in debug builds; nothing of it is in a release.
//!
//! `BELLHOP_FAIL_POINT=<name>` kills the process with SIGKILL at that place, `<name>:<n>` when it
//! comes there for the nth time.

/// Every place, in the order in which a batch comes by.
pub const NAMES: &[&str] = &[
    "batch_opened",
    "batch_part_stored",
    "batch_before_finish",
    "batch_accepted",
    "chunks_taken",
    "chunks_published",
    "chunk_claimed",
    "chunk_prepared",
    "places_taken",
    "group_begun",
    "call_before",
    "call_answered",
    "answers_before_commit",
    "answers_stored",
    "chunk_before_leave",
    "chunk_left",
    "next_chunk_claimed",
    "batch_completed",
    "send_accepted",
    "attempt_begun",
    "attempt_answered",
    "attempt_recorded",
    "outbox_taken",
    "outbox_published",
    "webhook_before_commit",
    "webhook_applied",
];

/// Places that messages do not come by.
pub const ASIDE: &[&str] = &[
    "template_reserved",
    "template_submitted",
    "fetch_claimed",
    "fetch_stored",
    "fetch_before_commit",
    "connection_reserved",
    "connection_registered",
    "connection_changed",
    "connection_removed",
    "subscription_proven",
    "subscription_before_commit",
    "deliveries_made",
    "delivery_before_call",
    "delivery_answered",
    "delivery_before_commit",
    "key_rotation_begun",
    "key_rotation_resealed",
    "key_rotation_ended",
    "events_before_numbered",
    "events_numbered",
    "erasure_before_commit",
    "erasure_begun",
    "erasure_part_before_commit",
    "erasure_part_done",
    "file_removed",
    "retention_before_commit",
];

/// Dies here, if that was asked for.
#[cfg(not(debug_assertions))]
pub(crate) const fn here(_: &'static str) {}

/// Dies here, if that was asked for.
#[cfg(debug_assertions)]
pub(crate) fn here(name: &'static str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static ARMED: LazyLock<Option<(String, usize)>> = LazyLock::new(|| {
        let given = std::env::var("BELLHOP_FAIL_POINT").ok().filter(|text| !text.is_empty())?;
        let (name, nth) = given.split_once(':').unwrap_or((&given, "1"));
        Some((name.to_owned(), nth.parse().unwrap_or(1)))
    });
    static PASSED: AtomicUsize = AtomicUsize::new(0);

    debug_assert!(NAMES.contains(&name) || ASIDE.contains(&name), "{name} is not listed");
    let Some((armed, nth)) = &*ARMED else { return };
    if armed == name && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *nth {
        let me = std::process::id().to_string();
        // The signal itself: abort() is another one, and panics unwind.
        let killed = std::process::Command::new("kill").args(["-KILL", &me]).status();
        unreachable!("still alive after {killed:?}");
    }
}
