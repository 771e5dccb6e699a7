//! A standalone Bellhop inside the test's process, with its demo hotel.

use std::collections::HashMap;
use std::path::Path;

use bellhop::Running;
use bellhop_infra::settings::Settings;
use serde_json::json;

use crate::home::Home;
use crate::{Api, Phones, eventually};

pub struct Hotel {
    pub running: Running,
    pub staff: Api,
    pub admin: Api,
    pub phones: Phones,
    pub settings: Settings,
    // Last: it goes when those who live in it have gone.
    pub home: Home,
}

impl Hotel {
    /// Starts one on free ports, a fresh data folder and the pair of this run; ready, with its first guest's
    /// message in.
    pub async fn open() -> Self {
        Self::with(&[]).await
    }

    /// As [`Hotel::open`], with more settings.
    pub async fn with(more: &[(&str, &str)]) -> Self {
        Self::at(Home::make().await, more).await
    }

    /// As [`Hotel::with`], in a home of the caller's choice.
    pub async fn at(home: Home, more: &[(&str, &str)]) -> Self {
        let hotel = Self::start(home, more).await;
        hotel.staff.conversation_of(bellhop::demo::GUEST_PHONE).await;
        hotel
    }

    async fn start(home: Home, more: &[(&str, &str)]) -> Self {
        let settings = settings(&home, more);
        let running = bellhop::start(settings.clone()).await.expect("Bellhop starts");
        running.ready().await;
        let handoff = running.handoff().clone();
        Self {
            staff: Api::new(&handoff.api_url, &handoff.staff_token),
            admin: Api::new(&handoff.api_url, &handoff.admin_token),
            phones: Phones::at(&handoff.simulator_url),
            running,
            settings,
            home,
        }
    }

    /// Stops it as Ctrl-C does.
    pub async fn close(self) {
        self.running.stop().await;
    }

    /// Stops it and starts it again on the same data.
    pub async fn reopen(self, more: &[(&str, &str)]) -> Self {
        self.running.stop().await;
        Self::start(self.home, more).await
    }

    pub fn data_dir(&self) -> &Path {
        self.home.path()
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

/// Settings for a test: a home, free ports, short sweeps, the given ones over them.
pub fn settings(home: &Home, more: &[(&str, &str)]) -> Settings {
    let usual = [
        ("BELLHOP_HTTP_ADDR", "127.0.0.1:0"),
        ("BELLHOP_SIMULATOR_ADDR", "127.0.0.1:0"),
        ("BELLHOP_SWEEP_INTERVAL_MS", "100"),
    ];
    let own = |pair: &(&str, &str)| (pair.0.to_owned(), pair.1.to_owned());
    let mut values: HashMap<String, String> = usual.iter().map(own).collect();
    values.extend(home.variables().into_iter().map(|(name, value)| (name.to_owned(), value)));
    values.extend(more.iter().map(own));
    Settings::read(|name| values.get(name).cloned()).expect("good settings")
}
