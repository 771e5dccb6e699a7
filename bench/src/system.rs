//! What is measured: Bellhop as its own processes on one pair of backends, and a simulator as another.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bellhop_domain::Secret;
use bellhop_e2e::program::Program;
use bellhop_e2e::services::{Pair, Services};
use bellhop_e2e::{Api, BellhopProcess, Home, Phones};
use bellhop_infra::database;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use serde_json::{Value, json};

use crate::cpu::Watch;
use crate::until::until;

/// More than any machine sends: the number's own limit is out of the way.
const UNPACED: u32 = 1_000_000;
const SETTINGS: [(&str, &str); 2] = [
    // The harness looks more often, so that tests are short; here it is as it is in operation.
    ("BELLHOP_SWEEP_INTERVAL_MS", "1000"),
    // Partners are on this machine.
    ("BELLHOP_WEBHOOK_ALLOW_INSECURE", "true"),
];

enum Part {
    Program(&'static str, Program),
    Standalone(BellhopProcess),
}

/// Processes go first when it is dropped, then what they lived in.
pub struct System {
    pub staff: Api,
    pub admin: Api,
    pub phones: Phones,
    parts: Vec<Part>,
    simulator: Program,
    pub pair: Pair,
    pub home: Home,
}

impl System {
    /// On one pair of backends: `bellhop`, or one `api` and so many `worker`.
    pub async fn on(pair: Pair, workers: usize) -> Result<Self> {
        match pair {
            Pair::Embedded => Self::standalone().await,
            Pair::Services => Self::split(workers).await,
        }
    }

    pub async fn split(workers: usize) -> Result<Self> {
        let home = Home::on_services(Services::at_hand().await).await;
        let simulator = simulator(&home).await;
        let handoff = demo(&home, &simulator.url).await?;
        let api = Program::start(&home, "api", &SETTINGS).await;
        let of = |role: &str| {
            let token = handoff[role].as_str().context("the demo has a token")?;
            anyhow::Ok(Api::new(&format!("{}/api/v1/whatsapp", api.url), token))
        };
        let (staff, admin) = (of("staff_token")?, of("admin_token")?);
        until("the callback", Duration::from_secs(30), async || {
            Ok(api.log().contains("callback registered").then_some(()))
        })
        .await?;
        let phones = Phones::at(&simulator.url);
        let parts = vec![Part::Program("api", api)];
        let mut system = Self { staff, admin, phones, parts, simulator, pair: Pair::Services, home };
        for _ in 0..workers {
            system.add_worker().await;
        }
        Ok(system)
    }

    async fn standalone() -> Result<Self> {
        let home = Home::embedded();
        let simulator = simulator(&home).await;
        let bellhop = BellhopProcess::start(&home, &simulator.url, &SETTINGS).await;
        let (staff, admin, phones) = (bellhop.api.clone(), bellhop.admin(), Phones::at(&simulator.url));
        Ok(Self {
            staff,
            admin,
            phones,
            parts: vec![Part::Standalone(bellhop)],
            simulator,
            pair: Pair::Embedded,
            home,
        })
    }

    pub async fn add_worker(&mut self) {
        self.parts.push(Part::Program("worker", Program::start(&self.home, "worker", &SETTINGS).await));
    }

    /// The first worker.
    pub fn worker(&self) -> Result<u32> {
        let of = |part: &Part| match part {
            Part::Program("worker", program) => Some(program.id()),
            Part::Program(..) | Part::Standalone(_) => None,
        };
        self.parts.iter().find_map(of).context("a worker runs")
    }

    /// Takes every limit away: the number's at the simulator, and ours.
    pub async fn unlimited(&self) -> Result<()> {
        self.limits(None, Some(UNPACED)).await
    }

    /// Sets what the number takes in a second, and what Bellhop believes of that.
    pub async fn limits(&self, number: Option<u32>, ours: Option<u32>) -> Result<()> {
        let account = bellhop_simulator::well_known(1);
        let path = format!("/numbers/{}", account.phone_number_id);
        self.phones.put(&path, &json!({"throughput": number, "pair_limit": false})).await;
        let ours = ours.map_or_else(|| "NULL".to_owned(), |ours| ours.to_string());
        self.execute(&format!("UPDATE connections SET throughput_override = {ours}")).await?;
        // Every process reads its connections again within a second.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        Ok(())
    }

    /// No status and no guest's word comes any more, until it is lifted.
    pub async fn silence(&self, latency_ms: u32) {
        self.phones.faults(json!({"webhooks": {"silent": true}, "latency_ms": latency_ms})).await;
    }

    pub fn database_url(&self) -> String {
        match self.pair {
            Pair::Embedded => format!("sqlite://{}/bellhop.db", self.home.path().display()),
            Pair::Services => self.home.scratch().database_url(),
        }
    }

    /// The writing connection, as Bellhop itself opens it.
    pub async fn database(&self) -> Result<DatabaseConnection> {
        Ok(database::connect_writer(&Secret::new(self.database_url())).await?)
    }

    async fn execute(&self, sql: &str) -> Result<()> {
        let database = self.database().await?;
        database.execute_unprepared(sql).await?;
        Ok(database.close().await?)
    }

    pub fn watch(&self) -> Watch {
        let own = self.parts.iter().map(|part| match part {
            Part::Program(name, program) => (*name, program.id()),
            Part::Standalone(process) => ("bellhop", process.id()),
        });
        let own = own.chain([("simulator", self.simulator.id())]).collect();
        let database = (self.pair == Pair::Services).then(|| self.home.scratch().name.clone());
        Watch { own, database }
    }

    /// Stops Bellhop and keeps what it wrote.
    pub async fn stop(&mut self) -> Result<()> {
        for part in self.parts.drain(..) {
            let ended = match part {
                Part::Program(_, program) => program.terminate().await,
                Part::Standalone(process) => process.terminate().await,
            };
            ensure!(ended.success(), "a process did not stop cleanly: {ended}");
        }
        Ok(())
    }
}

async fn simulator(home: &Home) -> Program {
    Program::start(home, "simulator", &[("BELLHOP_SIMULATOR_ADDR", "127.0.0.1:0")]).await
}

/// `bellhop migrate` and `bellhop demo`: what the demo wrote for scripts.
async fn demo(home: &Home, simulator_url: &str) -> Result<Value> {
    for command in ["migrate", "demo"] {
        let mut program = Program::command(home, "bellhop");
        let Output { status, stderr, .. } =
            program.arg(command).env("BELLHOP_SIMULATOR_URL", simulator_url).output().await?;
        ensure!(status.success(), "bellhop {command}: {}", String::from_utf8_lossy(&stderr));
    }
    Ok(serde_json::from_slice(&std::fs::read(home.path().join("standalone.json"))?)?)
}
