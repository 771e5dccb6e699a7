//! The key of a data directory, and the next one while it is rotated.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use bellhop_domain::Secret;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Generate, Key};

use super::{BASE64, BadKey, Keys, XChaCha};

const KEY_FILE: &str = "secret.key";
/// There while a rotation is under way: seals already, and becomes [`KEY_FILE`] at its end.
const NEXT_FILE: &str = "secret.key.next";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("{path} does not hold a key: {source}")]
    Bad { path: PathBuf, source: BadKey },
    #[error("the key file {path} cannot be read or written: {source}")]
    Io { path: PathBuf, source: io::Error },
}

/// The keys of a folder; the first is made.
pub(super) fn load_or_create(data_dir: &Path) -> Result<Keys, KeyFileError> {
    let path = data_dir.join(KEY_FILE);
    if read(&path)?.is_none() {
        create(data_dir, KEY_FILE).map_err(|source| KeyFileError::Io { path, source })?;
    }
    load(data_dir)
}

/// The keys of a folder. The next one first: were it looked for last, its promotion in between would hide it.
pub(super) fn load(data_dir: &Path) -> Result<Keys, KeyFileError> {
    let next = read(&data_dir.join(NEXT_FILE))?;
    let path = data_dir.join(KEY_FILE);
    let present =
        read(&path)?.ok_or_else(|| KeyFileError::Io { path, source: io::ErrorKind::NotFound.into() })?;
    Ok(match next {
        Some(next) => Keys { current: next, others: vec![present] },
        None => Keys { current: present, others: Vec::new() },
    })
}

/// Makes the key that a rotation goes to, unless an earlier one that did not end has made it.
///
/// # Errors
/// When there is no key to begin with, or the folder cannot be written.
pub fn begin_rotation(data_dir: &Path) -> Result<(), KeyFileError> {
    load(data_dir)?;
    let path = data_dir.join(NEXT_FILE);
    if read(&path)?.is_none() {
        create(data_dir, NEXT_FILE).map_err(|source| KeyFileError::Io { path, source })?;
    }
    Ok(())
}

/// Puts the next key in the present one's place, in one step, once nothing is sealed with that any more.
///
/// # Errors
/// When the folder cannot be written.
pub fn end_rotation(data_dir: &Path) -> Result<(), KeyFileError> {
    let path = data_dir.join(KEY_FILE);
    fs::rename(data_dir.join(NEXT_FILE), &path)
        .and_then(|()| fs::File::open(data_dir)?.sync_all())
        .map_err(|source| KeyFileError::Io { path, source })
}

fn read(path: &Path) -> Result<Option<XChaCha>, KeyFileError> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|source| KeyFileError::Io { path: path.to_owned(), source })?,
    };
    let key = XChaCha::from_base64(&Secret::new(text));
    key.map(Some).map_err(|source| KeyFileError::Bad { path: path.to_owned(), source })
}

/// Writes a new key so that the file appears whole or not at all: of two processes that start at once, both
/// find the first one's.
fn create(data_dir: &Path, name: &str) -> io::Result<()> {
    fs::create_dir_all(data_dir)?;
    let text = format!("{}\n", BASE64.encode(Key::<XChaCha20Poly1305>::generate()));
    let draft = data_dir.join(format!("{KEY_FILE}.{}", uuid::Uuid::now_v7()));
    let written = write_private(&draft, &text)
        // Unlike a rename, a link does not replace a file that is already there.
        .and_then(|()| fs::hard_link(&draft, data_dir.join(name)))
        .and_then(|()| fs::File::open(data_dir)?.sync_all());
    fs::remove_file(&draft)?;
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
