//! `standalone.json`: where a running Bellhop is and how to get in.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

const FILE: &str = "standalone.json";

/// Written before the process calls itself ready, for people and scripts. Its tokens do not expire.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff {
    /// With the base path.
    pub api_url: String,
    /// `None` until there is a console.
    pub console_url: Option<String>,
    pub docs_url: String,
    pub simulator_url: String,
    pub property_id: String,
    pub staff_token: String,
    pub admin_token: String,
}

impl Handoff {
    fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// What an earlier start wrote; `None` when there is nothing that can be read.
    pub fn read(data_dir: &Path) -> Option<Self> {
        let text = std::fs::read(Self::path(data_dir)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Replaces the file in one step, readable by its owner only.
    ///
    /// # Errors
    /// When the data folder cannot be written.
    pub fn write(&self, data_dir: &Path) -> anyhow::Result<()> {
        let path = Self::path(data_dir);
        let fresh = path.with_extension("json.new");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file =
            options.open(&fresh).with_context(|| format!("{} cannot be written", fresh.display()))?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        std::fs::rename(&fresh, &path).with_context(|| format!("{} cannot be written", path.display()))
    }
}
