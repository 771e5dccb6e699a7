//! What must not stand in any log: noted while the tests run, looked for by `scripts/scan-logs` when they are over.
//!
//! With `BELLHOP_TEST_LOGS` naming a folder, everything that this process logs goes to a file there, the logs of the
//! programs that it started too (`Home`), and what was said, who was written to and which secrets were in use to
//! another. Without it nothing is noted.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

/// What Bellhop's own crates log in a process that tests run in.
const FILTER: &str = "info,bellhop=debug,bellhop_api=debug,bellhop_service=debug,bellhop_infra=debug,\
    bellhop_worker=debug,bellhop_provider=debug";
/// Shorter ones stand in many an innocent line.
const SHORTEST: usize = 10;
/// A batch of fifty thousand is not noted whole.
const MOST: usize = 20_000;
/// Whose values are secrets, somebody's number, or what somebody says.
const TELLING: [&str; 14] = [
    "text",
    "body",
    "caption",
    "phone",
    "guest_phone",
    "notes",
    "email",
    "password",
    "token",
    "access_token",
    "app_secret",
    "verify_token",
    "signing_secret",
    "message_content",
];

static NOTES: OnceLock<Option<Notes>> = OnceLock::new();

struct Notes {
    folder: PathBuf,
    file: Mutex<(File, HashSet<String>)>,
}

/// Begins to listen, once in a process.
fn notes() -> Option<&'static Notes> {
    NOTES.get_or_init(|| std::env::var_os("BELLHOP_TEST_LOGS").map(|folder| begin(folder.into()))).as_ref()
}

fn begin(folder: PathBuf) -> Notes {
    let own = |kind: &str| {
        let path = folder.join(format!("{}.{kind}", std::process::id()));
        File::create(path).expect("BELLHOP_TEST_LOGS is a folder")
    };
    let filter = bellhop_infra::telemetry::filter(FILTER).expect("a filter");
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    let logs = logs.with_writer(Mutex::new(own("log"))).finish();
    tracing::subscriber::set_global_default(logs).expect("nobody else listens");
    Notes { file: Mutex::new((own("said"), HashSet::new())), folder }
}

/// Lets what this process logs be kept.
pub(crate) fn listen() {
    notes();
}

/// Keeps the logs of the programs that lived in a folder.
pub(crate) fn keep_logs_of(home: &Path) {
    let Some(notes) = notes() else { return };
    // Temporary folders are hidden, and what is hidden is not looked through.
    let name = home.file_name().unwrap_or_default().to_string_lossy().replace('.', "");
    for entry in std::fs::read_dir(home).into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        if file.ends_with(".log") {
            std::fs::copy(entry.path(), notes.folder.join(format!("{name}-{file}")))
                .expect("the log is kept");
        }
    }
}

/// A secret is in use.
pub(crate) fn secret(text: &str) {
    if let Some(notes) = notes() {
        notes.note(text);
    }
}

/// Notes what a body tells.
pub(crate) fn told(body: &Value) {
    if let Some(notes) = notes() {
        notes.told("", body);
    }
}

impl Notes {
    fn told(&self, key: &str, value: &Value) {
        match value {
            Value::String(text) if TELLING.contains(&key) => self.note(text),
            Value::Array(items) => items.iter().for_each(|item| self.told(key, item)),
            Value::Object(fields) => fields.iter().for_each(|(key, value)| self.told(key, value)),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The first line; numbers without their plus.
    fn note(&self, text: &str) {
        let text = text.lines().next().unwrap_or_default().trim_start_matches('+');
        let mut notes = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, known) = &mut *notes;
        if text.len() >= SHORTEST && known.len() < MOST && known.insert(text.to_owned()) {
            writeln!(file, "{text}").expect("a note is written");
        }
    }
}
