//! Bellhop as a process of its own, to be killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::{Api, eventually};

/// The path of one of the workspace's programs, built once per test run.
///
/// Cargo tells a test only of its own package's programs, so the harness asks it for the others;
/// when the test run has built them already, this takes a moment.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let built = std::process::Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "bellhop", "--package", "bellhop-simulator", "--bins"])
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
    /// Starts it on a data folder and waits until it is ready.
    pub async fn start(data_dir: &Path, simulator_url: &str, more: &[(&str, &str)]) -> Self {
        let handoff_file = data_dir.join("standalone.json");
        let before = std::fs::metadata(&handoff_file).and_then(|m| m.modified()).ok();
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(data_dir.join("test.log"))
            .expect("a log file");
        let mut child = Command::new(binary("bellhop"))
            .env("BELLHOP_DATA_DIR", data_dir)
            .env("BELLHOP_HTTP_ADDR", "127.0.0.1:0")
            .env("BELLHOP_SIMULATOR_URL", simulator_url)
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
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

    /// `kill -9`: no destructor runs, no buffer is flushed.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("the process is killed");
    }

    /// SIGTERM, and the exit that follows.
    pub async fn terminate(mut self) -> std::process::ExitStatus {
        let id = self.child.id().expect("a living process").to_string();
        Command::new("kill").args(["-TERM", &id]).status().await.expect("kill runs");
        self.child.wait().await.expect("the process ends")
    }
}
