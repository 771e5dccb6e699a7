//! The one table of what is held about people, by the database's tables. A test compares it with the entities, so
//! that nobody adds one without deciding; `docs/ARCHITECTURE.md` has the same in words.

/// What becomes of a table's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing of a guest stands in it, but for ids that say nothing.
    Nobody,
    /// What it says is overwritten; the row stays.
    Overwritten,
    /// Its rows about the guest go.
    Removed,
    /// It goes by itself after this time.
    Expires(&'static str),
}

/// A table, and what erasure and retention do with it.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// As the file of its entity is called.
    pub entity: &'static str,
    pub erasure: Fate,
    pub retention: Fate,
}

const fn table(entity: &'static str, erasure: Fate, retention: Fate) -> Table {
    Table { entity, erasure, retention }
}

const fn nobody(entity: &'static str) -> Table {
    table(entity, Nobody, Nobody)
}

use Fate::{Expires, Nobody, Overwritten, Removed};

/// Where retention does nothing with rows that erasure does away with, they tell who a guest is, not what was said.
pub const TABLES: &[Table] = &[
    nobody("analytics_day"),
    nobody("analytics_mark"),
    nobody("analytics_number"),
    nobody("api_token"),
    table("attempt", Overwritten, Overwritten),
    table("audit_entry", Overwritten, Nobody),
    nobody("batch"),
    nobody("batch_chunk"),
    table("batch_refusal", Overwritten, Nobody),
    nobody("connection"),
    table("consent_change", Overwritten, Nobody),
    table("conversation", Overwritten, Nobody),
    nobody("delivery"),
    table("delivery_attempt", Overwritten, Overwritten),
    nobody("delivery_lease"),
    table("erasure", Overwritten, Nobody),
    table("event", Overwritten, Overwritten),
    nobody("event_log"),
    table("guest", Overwritten, Nobody),
    nobody("guest_consent"),
    table("guest_identifier", Removed, Nobody),
    table("guest_merge", Overwritten, Nobody),
    table("idempotency_key", Expires("24 hours"), Expires("24 hours")),
    nobody("key_check"),
    table("media", Overwritten, Overwritten),
    table("media_fetch", Removed, Removed),
    table("media_upload", Removed, Removed),
    table("message", Overwritten, Overwritten),
    table("message_revision", Removed, Overwritten),
    table("message_status", Removed, Overwritten),
    nobody("outbox"),
    nobody("process"),
    nobody("property"),
    nobody("retention_left"),
    nobody("retention_mark"),
    nobody("session"),
    nobody("staff"),
    table("stay", Overwritten, Nobody),
    table("stay_guest", Removed, Nobody),
    nobody("subscription"),
    nobody("template"),
    nobody("template_version"),
    table("webhook_change", Overwritten, Removed),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entity_has_its_row() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../entity/src");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
        let mut entities: Vec<String> = files
            .filter_map(|name| name.to_str()?.strip_suffix(".rs").map(str::to_owned))
            .filter(|name| name != "lib")
            .collect();
        entities.sort_unstable();
        let decided: Vec<&str> = TABLES.iter().map(|table| table.entity).collect();
        assert_eq!(entities, decided, "what stands in the new one, and what becomes of it?");
    }

    #[test]
    fn the_words_say_the_same() {
        let words = include_str!("../../../docs/ARCHITECTURE.md");
        for table in TABLES.iter().filter(|table| table.erasure != Nobody || table.retention != Nobody) {
            assert!(words.contains(&format!("`{}`", table.entity)), "{} is not told of", table.entity);
        }
    }
}
