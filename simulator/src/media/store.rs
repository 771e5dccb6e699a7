//! The files behind the uploads.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::{
    fs::{File, OpenOptions},
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
};

use crate::lock;

/// Bytes in memory at a time, for each upload.
const PIECE: usize = 64 * 1_024;
/// As many of the first bytes as tell what a file is.
const HEAD: usize = 32;

/// Where the files are: in the data folder, or in one that vanishes with the simulator.
pub(crate) enum Folder {
    Kept(PathBuf),
    Fleeting(Mutex<Option<TempDir>>),
}

impl Folder {
    /// The folder, made when it is first needed.
    fn path(&self) -> io::Result<PathBuf> {
        match self {
            Self::Kept(path) => {
                std::fs::create_dir_all(path)?;
                Ok(path.clone())
            }
            Self::Fleeting(folder) => {
                let mut folder = lock(folder);
                let folder = match &mut *folder {
                    Some(folder) => folder,
                    none => none.insert(tempfile::Builder::new().prefix("whatsapp-media-").tempdir()?),
                };
                Ok(folder.path().to_owned())
            }
        }
    }

    /// Ids are digits that were made here, so they are safe as names.
    pub(crate) fn file(&self, id: &str) -> io::Result<PathBuf> {
        Ok(self.path()?.join(id))
    }

    pub(crate) fn remove(&self, id: &str) {
        if let Ok(path) = self.file(id) {
            std::fs::remove_file(path).ok();
        }
    }

    /// Removes the files that nothing is known of: uploads that were torn, or have run out.
    pub(crate) fn sweep(&self, known: impl Fn(&str) -> bool) {
        let Self::Kept(path) = self else { return };
        let Ok(entries) = std::fs::read_dir(path) else { return };
        for entry in entries.flatten() {
            if !entry.file_name().to_str().is_some_and(&known) {
                std::fs::remove_file(entry.path()).ok();
            }
        }
    }
}

/// What was learnt of a file while it was written.
pub(crate) struct Stored {
    pub size: u64,
    /// Lower case hex.
    pub sha256: String,
    pub head: Vec<u8>,
}

/// Writes a stream into a file, and stops one byte past `most`: the size then says that it is too much.
pub(crate) async fn store(from: impl AsyncRead + Send + Unpin, path: &Path, most: u64) -> io::Result<Stored> {
    let mut from = from.take(most.saturating_add(1));
    let mut file = private(path).await?;
    let mut hash = Sha256::new();
    let mut stored = Stored { size: 0, sha256: String::new(), head: Vec::new() };
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).await?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hash.update(bytes);
        stored.size += read as u64;
        let room = HEAD.saturating_sub(stored.head.len()).min(read);
        stored.head.extend_from_slice(&bytes[..room]);
        file.write_all(bytes).await?;
    }
    file.flush().await?;
    stored.sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(stored)
}

/// Pictures of guests are nobody else's business, simulated or not.
async fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path).await
}
