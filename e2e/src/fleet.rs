//! The split system: API processes and workers on the services, before a simulator of the test's own.

use serde_json::Value;

use crate::program::Program;
use crate::{Api, Home, Phones, eventually};

/// Some APIs and some workers that share everything but their memory.
pub struct Fleet {
    pub apis: Vec<Program>,
    pub workers: Vec<Program>,
    /// A client for each API process.
    pub staff: Vec<Api>,
    pub phones: Phones,
    more: Vec<(String, String)>,
    // Last: it goes when those who live in it have gone.
    pub home: Home,
}

impl Fleet {
    /// Makes schema and demo, and starts them.
    pub async fn start(home: Home, (apis, workers): (usize, usize), more: &[(&str, &str)]) -> Self {
        let phones = Phones::start(1).await;
        unlimited(&phones).await;
        let token = make_demo(&home, &phones).await;
        let mut fleet = Self {
            apis: Vec::new(),
            workers: Vec::new(),
            staff: Vec::new(),
            phones,
            more: more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            home,
        };
        for _ in 0..apis {
            let api = fleet.program("api").await;
            eventually("the callback", || async { api.log().contains("callback registered").then_some(()) })
                .await;
            fleet.staff.push(Api::new(&format!("{}/api/v1/whatsapp", api.url), &token));
            fleet.apis.push(api);
        }
        for _ in 0..workers {
            fleet.add_worker().await;
        }
        fleet
    }

    pub async fn add_worker(&mut self) {
        let worker = self.program("worker").await;
        self.workers.push(worker);
    }

    /// `kill -9` for a worker, and another in its place.
    pub async fn replace_worker(&mut self, number: usize) {
        self.workers.remove(number).kill().await;
        self.add_worker().await;
    }

    async fn program(&self, name: &str) -> Program {
        let more: Vec<(&str, &str)> =
            self.more.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Program::start(&self.home, name, &more).await
    }
}

/// No limit of the number at the simulator: batches go as fast as they are asked to.
pub async fn unlimited(phones: &Phones) {
    let account = phones.get("/account").await;
    let path = format!("/numbers/{}", account["phone_number_id"].as_str().expect("an id"));
    phones.put(&path, &serde_json::json!({"throughput": null, "pair_limit": true})).await;
}

/// As OPERATIONS.md says: `migrate`, then `demo`. Returns the staff token.
pub async fn make_demo(home: &Home, phones: &Phones) -> String {
    for command in ["migrate", "demo"] {
        let mut bellhop = Program::command(home, "bellhop");
        bellhop.arg(command).env("BELLHOP_SIMULATOR_URL", &phones.url);
        let output = bellhop.output().await.expect("bellhop starts");
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let handoff = std::fs::read(home.path().join("standalone.json")).expect("the demo wrote it");
    let handoff: Value = serde_json::from_slice(&handoff).expect("JSON");
    handoff["staff_token"].as_str().expect("a token").to_owned()
}
