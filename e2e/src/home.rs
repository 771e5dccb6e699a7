//! Where a Bellhop of a test keeps what it must not forget; it outlives the process.

use std::path::Path;

use tempfile::TempDir;
use tokio::process::Command;

use crate::binary;
use crate::overheard;
use crate::scratch::Scratch;
use crate::services::{Pair, Services};

/// A data folder, and on the services pair a database, a queue and keys too.
pub struct Home {
    folder: TempDir,
    scratch: Option<Scratch>,
}

impl Home {
    /// On the pair of this run.
    pub async fn make() -> Self {
        let scratch = match Pair::of_this_run() {
            Pair::Embedded => None,
            Pair::Services => Some(Scratch::make(Services::at_hand().await).await),
        };
        Self { folder: folder(), scratch }
    }

    /// On SQLite, whatever the pair of this run.
    pub fn embedded() -> Self {
        Self { folder: folder(), scratch: None }
    }

    /// On the services, whatever the pair of this run.
    pub async fn on_services(services: Services) -> Self {
        Self { folder: folder(), scratch: Some(Scratch::make(services).await) }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What is its own on the services.
    pub fn scratch(&self) -> &Scratch {
        self.scratch.as_ref().expect("a home on the services")
    }

    /// The settings that make a Bellhop live here.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("BELLHOP_DATA_DIR", self.path().display().to_string()),
            // Tests and benchmarks ask faster than anybody; what is counted is counted all the same.
            ("BELLHOP_TOKEN_RATE", "6000000".to_owned()),
            ("BELLHOP_PROPERTY_RATE", "6000000".to_owned()),
        ];
        variables.extend(self.scratch.iter().flat_map(Scratch::variables));
        variables
    }

    /// The program `bellhop`, to be started here, on a free port.
    pub fn bellhop(&self) -> Command {
        let mut command = Command::new(binary("bellhop"));
        command.envs(self.variables()).env("BELLHOP_HTTP_ADDR", "127.0.0.1:0").kill_on_drop(true);
        command
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        overheard::keep_logs_of(self.path());
    }
}

fn folder() -> TempDir {
    overheard::listen();
    tempfile::tempdir().expect("a temporary folder")
}
