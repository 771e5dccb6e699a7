//! The data folder: one process at a time, and nobody else's to read.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, bail};

/// A data folder that is ours until this is dropped, or the process dies.
#[derive(Debug)]
pub struct DataDir {
    _lock: File,
}

impl DataDir {
    /// Makes the folder where it is missing, readable by its owner only, and takes it.
    ///
    /// # Errors
    /// When it cannot be written, or another Bellhop runs on it: two would send over each other's
    /// simulator and register each other's callback away.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("{} cannot be made (BELLHOP_DATA_DIR)", path.display()))?;
        let file = path.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&file);
        let lock =
            lock.with_context(|| format!("{} cannot be written (BELLHOP_DATA_DIR)", file.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("another Bellhop runs on {}; stop it, or set BELLHOP_DATA_DIR", path.display())
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked", file.display()))
            }
        }
    }
}
