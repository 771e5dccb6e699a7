//! Bellhop as a process of its own, to be killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::home::Home;
use crate::{Api, eventually};

/// Where the programs are.
static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();

/// Takes the programs from a folder where somebody has built them. For a first word; later it is one too many.
pub fn use_programs_in(folder: &Path) {
    PROGRAMS.set(folder.to_owned()).expect("nobody asked for a program yet");
}

/// The path of one of the workspace's programs, built once per test run.
///
/// Cargo tells a test only of its own package's programs, so the harness asks it for the others;
/// when the test run has built them already, this takes a moment.
pub fn binary(name: &str) -> PathBuf {
    let folder = PROGRAMS.get_or_init(|| {
        let built = std::process::Command::new(env!("CARGO"))
            // With the tests, or cargo would choose other features of the libraries, and build them anew.
            .args(["build", "--quiet", "--workspace", "--bins", "--tests"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the programs do not build");
        let test = std::env::current_exe().expect("the test's own path");
        // target/<profile>/deps/<test>
        test.ancestors().nth(2).expect("a target folder").to_owned()
    });
    folder.join(name)
}

/// A `bellhop` that talks to a simulator outside of it.
pub struct BellhopProcess {
    child: Child,
    pub api: Api,
    pub handoff: Value,
}

impl BellhopProcess {
    /// Starts it in a home, which others had before it perhaps, and waits until it is ready.
    pub async fn start(home: &Home, simulator_url: &str, more: &[(&str, &str)]) -> Self {
        let handoff_file = home.path().join("standalone.json");
        let before = std::fs::metadata(&handoff_file).and_then(|m| m.modified()).ok();
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(home.path().join("test.log"))
            .expect("a log file");
        let mut child = home
            .bellhop()
            .env("BELLHOP_SIMULATOR_URL", simulator_url)
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("bellhop starts");
        let handoff: Value = eventually("standalone.json", || {
            assert!(child.try_wait().expect("a child").is_none(), "bellhop ended");
            let fresh = std::fs::metadata(&handoff_file).and_then(|m| m.modified()).ok() != before;
            let text = fresh.then(|| std::fs::read(&handoff_file).ok()).flatten();
            async { text.and_then(|text| serde_json::from_slice(&text).ok()) }
        })
        .await;
        let field = |name: &str| handoff[name].as_str().expect("a field").to_owned();
        let api = Api::new(&field("api_url"), &field("staff_token"));
        let ready = field("docs_url").replace("/docs", "/readyz");
        eventually("readiness", || async {
            let answer = reqwest::get(&ready).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        Self { child, api, handoff }
    }

    /// Its API, for an admin.
    pub fn admin(&self) -> Api {
        Api::new(&self.api.base, self.handoff["admin_token"].as_str().expect("a token"))
    }

    /// Of the living process.
    pub fn id(&self) -> u32 {
        self.child.id().expect("a living process")
    }

    /// `kill -9`: no destructor runs, no buffer is flushed.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("the process is killed");
    }

    /// Waits until it dies by itself, as a fail point makes it. `false` when it does not: then it is
    /// killed where it is.
    pub async fn died(mut self, patience: std::time::Duration) -> bool {
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(status) => {
                assert!(!status.expect("a child").success());
                true
            }
            Err(_) => {
                self.kill().await;
                false
            }
        }
    }

    /// SIGTERM, and the exit that follows.
    pub async fn terminate(mut self) -> std::process::ExitStatus {
        let id = self.child.id().expect("a living process").to_string();
        Command::new("kill").args(["-TERM", &id]).status().await.expect("kill runs");
        self.child.wait().await.expect("the process ends")
    }
}
