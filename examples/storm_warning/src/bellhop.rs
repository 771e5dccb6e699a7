//! Bellhop's API, and the control API of the simulator behind it.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// How long to try again while an API process is away.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Bellhop {
    http: reqwest::Client,
    api: String,
    token: String,
    simulator: String,
}

impl Bellhop {
    /// Reads what `bellhop`, or `bellhop demo`, wrote for scripts.
    pub fn read(path: &str) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{path} cannot be read: is Bellhop running, with its demo?"))?;
        let handoff: Value = serde_json::from_str(&text)?;
        let field = |name: &str| {
            handoff[name].as_str().map(str::to_owned).with_context(|| format!("{path} has no {name}"))
        };
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self {
            http,
            api: field("api_url")?,
            token: field("staff_token")?,
            simulator: field("simulator_url")?,
        })
    }

    /// Lets the simulated number take 1,000 a second, as WhatsApp does after its upgrade. A webhook tells
    /// Bellhop.
    pub async fn open_throttle(&self) -> Result<()> {
        let account: Value =
            self.http.get(format!("{}/simulator/account", self.simulator)).send().await?.json().await?;
        let number = account["phone_number_id"].as_str().context("the simulator names its number")?;
        let url = format!("{}/simulator/numbers/{number}", self.simulator);
        self.http.put(url).json(&json!({"throughput": 1000})).send().await?.error_for_status()?;
        Ok(())
    }

    /// Hands a batch in: the same request with the same key until somebody answers.
    pub async fn hand_in(&self, body: &Value) -> Result<String> {
        let key = uuid::Uuid::new_v4().to_string();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let request =
                self.http.post(format!("{}/messages/batch-send", self.api)).bearer_auth(&self.token);
            let answer = request.header("Idempotency-Key", &key).json(body).send().await;
            if let Ok(answer) = answer {
                let status = answer.status().as_u16();
                let body: Value = answer.json().await.unwrap_or_default();
                match (status, body["batch_id"].as_str()) {
                    (202, Some(id)) => return Ok(id.to_owned()),
                    (409 | 500.., _) => {}
                    _ => bail!("the batch was not taken: {body}"),
                }
            }
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "nobody took the batch");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// The batch as it is now; `None` while nobody answers.
    pub async fn batch(&self, id: &str) -> Result<Option<Value>> {
        let request = self.http.get(format!("{}/batches/{id}", self.api)).bearer_auth(&self.token);
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(answer.json().await.ok()),
            Ok(answer) if answer.status().is_server_error() => Ok(None),
            Ok(answer) => bail!("GET batches/{id}: {}", answer.status()),
            Err(_) => Ok(None),
        }
    }

    /// How many sends WhatsApp has for each of the guests.
    pub async fn ledger(&self, guests: &[String]) -> Result<HashMap<String, usize>> {
        let url = format!("{}/simulator/messages?type=template&limit=10000000", self.simulator);
        let ledger: Value = self.http.get(url).send().await?.json().await?;
        let mut sends: HashMap<String, usize> = guests.iter().map(|guest| (guest.clone(), 0)).collect();
        for send in ledger["data"].as_array().into_iter().flatten() {
            let to = format!("+{}", send["to"].as_str().unwrap_or_default());
            if let Some(times) = sends.get_mut(&to) {
                *times += 1;
            }
        }
        Ok(sends)
    }
}
