//! Programs that others wrote, and what they need.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;
use tokio::sync::OnceCell;

/// What `scripts/outside` has installed; `Err` is why it could not.
#[derive(Debug, Clone)]
pub struct Outside {
    /// A Python that has the clients and the fuzzer.
    pub python: Result<PathBuf, String>,
    /// The folder with `node_modules`.
    pub node: Result<PathBuf, String>,
}

static OUTSIDE: OnceCell<Outside> = OnceCell::const_new();

/// The project's own folder.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where it is installed: `BELLHOP_OUTSIDE`, else below `target`.
fn folder() -> PathBuf {
    std::env::var_os("BELLHOP_OUTSIDE").map_or_else(|| project().join("target/outside"), PathBuf::from)
}

impl Outside {
    /// Installed once for a test run, unless it is there already.
    pub async fn at_hand() -> &'static Self {
        OUTSIDE
            .get_or_init(|| async {
                let mut script = Command::new(project().join("scripts/outside"));
                let told = run(script.arg(folder())).await.expect("scripts/outside runs");
                let find = |what: &str| {
                    let there = told.lines().find_map(|line| line.strip_prefix(&format!("{what}=")));
                    let missing =
                        told.lines().find_map(|line| line.strip_prefix(&format!("missing={what}: ")));
                    there.map(PathBuf::from).ok_or_else(|| missing.unwrap_or("nothing was said").to_owned())
                };
                Self { python: find("python"), node: find("node") }
            })
            .await
    }
}

/// What a program said; `Err` with all of it when it failed.
pub async fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(said),
        false => Err(format!("{}\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}
