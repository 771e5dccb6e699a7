//! The programs of the split system, each a process of its own.

use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::{Home, PATIENCE, binary};

/// An `api` or a `worker` that listens.
pub struct Program {
    child: Child,
    /// Where it says that it listens.
    pub url: String,
    log: std::path::PathBuf,
}

/// Every process of a split system has to have the same one.
const SECRET_KEY: &str = "aG90ZWwgaG90ZWwgaG90ZWwgaG90ZWwgaG90ZWwgaG8=";

impl Program {
    /// The command that starts it, on free ports.
    pub fn command(home: &Home, name: &str) -> Command {
        let mut command = Command::new(binary(name));
        command
            .envs(home.variables())
            .env("BELLHOP_SECRET_KEY", SECRET_KEY)
            .env("BELLHOP_HTTP_ADDR", "127.0.0.1:0")
            .env("BELLHOP_WORKER_HTTP_ADDR", "127.0.0.1:0")
            .env("BELLHOP_SWEEP_INTERVAL_MS", "100")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Starts it and waits until it says where it listens.
    pub async fn start(home: &Home, name: &str, more: &[(&str, &str)]) -> Self {
        let log = home.path().join(format!("{name}-{}.log", bellhop_domain::MessageId::new()));
        let mut child = Self::command(home, name)
            .envs(more.iter().copied())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).expect("a log file"))
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let said =
            tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it says something in time");
        let said = said.expect("UTF-8");
        let url = said.as_deref().and_then(|line| line.split_once(" listening on "));
        let logged = || std::fs::read_to_string(&log).unwrap_or_default();
        let (_, url) = url.unwrap_or_else(|| panic!("{name} did not start: {said:?} {}", logged()));
        Self { child, url: url.to_owned(), log }
    }

    /// What it wrote on standard error so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log")
    }

    /// Of the living process.
    pub fn id(&self) -> u32 {
        self.child.id().expect("a living process")
    }

    /// `kill -9`: no destructor runs, no buffer is flushed.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("the process is killed");
    }

    /// SIGTERM, and the exit that follows.
    pub async fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().expect("a living process").to_string();
        Command::new("kill").args(["-TERM", &id]).status().await.expect("kill runs");
        self.child.wait().await.expect("the process ends")
    }
}
