//! The journal: what must outlive the process, one JSON line each.
//!
//! A line is `["tag", data]`. Lines are gathered while the state is locked, which fixes their order, and
//! written after the lock is gone; whoever waits for the file finds that another has written its lines
//! already. There is no `fsync`: the journal outlives the process, not the machine.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::lock;

pub(crate) struct Journal {
    pending: Mutex<Vec<u8>>,
    file: Mutex<File>,
}

impl Journal {
    /// Replaces the journal by the lines given (its compaction) and opens it for more. The new file takes
    /// the old one's place in one step, so a crash leaves one of the two.
    pub(crate) fn replace(path: &Path, lines: &[u8]) -> io::Result<Self> {
        let fresh = fresh_path(path);
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true);
        private(&mut options);
        options.open(&fresh)?.write_all(lines)?;
        std::fs::rename(&fresh, path)?;
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { pending: Mutex::new(Vec::new()), file: Mutex::new(file) })
    }

    /// Takes a line up; call it with the state locked.
    pub(crate) fn push(&self, tag: &str, data: &impl Serialize) {
        push_line(&mut lock(&self.pending), tag, data);
    }

    /// Writes what was taken up so far, by whomever.
    pub(crate) fn flush(&self) -> io::Result<()> {
        let mut file = lock(&self.file);
        let lines = std::mem::take(&mut *lock(&self.pending));
        if lines.is_empty() {
            return Ok(());
        }
        let written = file.write_all(&lines);
        if written.is_err() {
            // What stands of the torn line must not spoil the next one.
            lock(&self.pending).splice(0..0, *b"\n");
        }
        written
    }
}

/// Adds a line to a buffer. What cannot be written as JSON (nothing here) is left out.
pub(crate) fn push_line(buffer: &mut Vec<u8>, tag: &str, data: &impl Serialize) {
    let start = buffer.len();
    match serde_json::to_writer(&mut *buffer, &(tag, data)) {
        Ok(()) => buffer.push(b'\n'),
        Err(error) => {
            buffer.truncate(start);
            tracing::error!(tag, %error, "a journal line could not be made");
        }
    }
}

/// Reads the lines of a journal; a file that is not there has none. What cannot be read is skipped: the
/// last line may be torn by a kill.
pub(crate) fn read(path: &Path, mut line: impl FnMut(&str, &RawValue)) -> io::Result<()> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut skipped = 0_u32;
    for text in bytes.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
        match serde_json::from_slice::<(&str, &RawValue)>(text) {
            Ok((tag, data)) => line(tag, data),
            Err(_) => skipped += 1,
        }
    }
    if skipped > 0 {
        tracing::warn!(skipped, "journal lines that could not be read were left out");
    }
    Ok(())
}

fn fresh_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

/// Chats are nobody else's business, simulated or not.
#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_and_a_torn_one_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        let journal = Journal::replace(&path, b"").unwrap();
        journal.push("a", &1);
        journal.push("b", &"zwei\n");
        journal.flush().unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"[\"c\",{\"x\":").unwrap();
        let mut seen = Vec::new();
        read(&path, |tag, data| seen.push(format!("{tag}={}", data.get()))).unwrap();
        assert_eq!(seen, ["a=1", "b=\"zwei\\n\""]);
    }

    #[test]
    fn no_file_is_an_empty_journal() {
        let dir = tempfile::tempdir().unwrap();
        read(&dir.path().join("none"), |_, _| panic!("there is no line")).unwrap();
    }
}
