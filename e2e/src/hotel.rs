//! A standalone Bellhop inside the test's process, with its demo hotel.

use std::collections::HashMap;
use std::path::Path;

use bellhop::Running;
use bellhop_infra::settings::Settings;
use serde_json::json;
use tempfile::TempDir;

use crate::{Api, Phones, eventually};

pub struct Hotel {
    pub running: Running,
    pub staff: Api,
    pub admin: Api,
    pub phones: Phones,
    pub settings: Settings,
    data_dir: TempDir,
}

impl Hotel {
    /// Starts one on free ports and a fresh data folder; ready, with its first guest's message in.
    pub async fn open() -> Self {
        Self::with(&[]).await
    }

    /// As [`Hotel::open`], with more settings.
    pub async fn with(more: &[(&str, &str)]) -> Self {
        let data_dir = tempfile::tempdir().expect("a temporary folder");
        let hotel = Self::start(data_dir, more).await;
        hotel.staff.conversation_of(bellhop::demo::GUEST_PHONE).await;
        hotel
    }

    async fn start(data_dir: TempDir, more: &[(&str, &str)]) -> Self {
        let settings = settings(data_dir.path(), more);
        let running = bellhop::start(settings.clone()).await.expect("Bellhop starts");
        running.ready().await;
        let handoff = running.handoff().clone();
        Self {
            staff: Api::new(&handoff.api_url, &handoff.staff_token),
            admin: Api::new(&handoff.api_url, &handoff.admin_token),
            phones: Phones::at(&handoff.simulator_url),
            running,
            settings,
            data_dir,
        }
    }

    /// Stops it as Ctrl-C does.
    pub async fn close(self) {
        self.running.stop().await;
    }

    /// Stops it and starts it again on the same data.
    pub async fn reopen(self, more: &[(&str, &str)]) -> Self {
        self.running.stop().await;
        Self::start(self.data_dir, more).await
    }

    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// A guest with this number who has just written, so that the window is open.
    pub async fn guest(&self, phone: &str, name: &str) -> String {
        self.phones.guest(json!({"phone": phone, "name": name})).await;
        self.phones.writes(phone, "Hello").await;
        let conversation = self.staff.conversation_of(phone).await;
        let id = conversation["conversation_id"].as_str().expect("an id").to_owned();
        let path = format!("/conversations/{id}/window-status");
        eventually("the window to open", || async {
            let window = self.staff.get(&path).await.expect(200);
            window["within_window"].as_bool().filter(|open| *open)
        })
        .await;
        id
    }
}

/// Settings for a test: free ports, short leases, the given ones over them.
pub fn settings(data_dir: &Path, more: &[(&str, &str)]) -> Settings {
    let mut values: HashMap<String, String> = [
        ("BELLHOP_HTTP_ADDR", "127.0.0.1:0"),
        ("BELLHOP_SIMULATOR_ADDR", "127.0.0.1:0"),
        ("BELLHOP_SWEEP_INTERVAL_MS", "100"),
    ]
    .into_iter()
    .chain(more.iter().copied())
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    values.insert("BELLHOP_DATA_DIR".to_owned(), data_dir.display().to_string());
    Settings::read(|name| values.get(name).cloned()).expect("good settings")
}
