//! The simulator's control API: the guests' side of a test.

use bellhop_simulator::{Config, SharedClock, Simulator};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{eventually, overheard};

/// A simulator's control API; also its server, when the test started one.
pub struct Phones {
    http: reqwest::Client,
    pub url: String,
    _server: Option<DropGuard>,
}

impl Phones {
    pub fn at(url: &str) -> Self {
        Self { http: reqwest::Client::new(), url: url.to_owned(), _server: None }
    }

    /// Starts a simulator of its own in this process, so that it outlives a killed Bellhop.
    pub async fn start(account: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let config = Config { account, data_dir: None, clock: SharedClock::default() };
        let simulator = Simulator::open(config).expect("a simulator in memory");
        let shutdown = CancellationToken::new();
        tokio::spawn(simulator.serve(listener, shutdown.clone()));
        Self { http: reqwest::Client::new(), url, _server: Some(shutdown.drop_guard()) }
    }

    async fn call(&self, request: reqwest::RequestBuilder) -> Value {
        let response = request.send().await.expect("the simulator answers");
        let status = response.status();
        let body = response.text().await.expect("a body");
        assert!(status.is_success(), "{status}: {body}");
        serde_json::from_str(&body).unwrap_or(Value::Null)
    }

    pub async fn get(&self, path: &str) -> Value {
        self.call(self.http.get(format!("{}/simulator{path}", self.url))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Value {
        overheard::told(body);
        self.call(self.http.post(format!("{}/simulator{path}", self.url)).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Value {
        self.call(self.http.put(format!("{}/simulator{path}", self.url)).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Value {
        self.call(self.http.delete(format!("{}/simulator{path}", self.url))).await
    }

    /// Sets the faults; what is not named is off.
    pub async fn faults(&self, faults: Value) {
        self.put("/faults", &faults).await;
    }

    pub async fn no_faults(&self) {
        self.delete("/faults").await;
    }

    /// A guest writes. `who` is a number, with or without `+`, or a BSUID.
    pub async fn writes(&self, who: &str, text: &str) -> Value {
        let path = format!("/guests/{}/messages", who.trim_start_matches('+'));
        self.post(&path, &json!({"type": "text", "text": {"body": text}})).await
    }

    pub async fn guest(&self, guest: Value) -> Value {
        self.post("/guests", &guest).await
    }

    /// Every accepted send, oldest first.
    pub async fn ledger(&self) -> Vec<Value> {
        let ledger = self.get("/messages?limit=100000").await;
        ledger["data"].as_array().cloned().unwrap_or_default()
    }

    /// The accepted sends to one guest.
    pub async fn ledger_of(&self, who: &str) -> Vec<Value> {
        let ledger = self.get(&format!("/messages?to={}", who.trim_start_matches('+'))).await;
        ledger["data"].as_array().cloned().unwrap_or_default()
    }

    pub async fn until_ledger(&self, who: &str, count: usize) -> Vec<Value> {
        eventually(&format!("{count} sends to {who}"), || async {
            let sends = self.ledger_of(who).await;
            (sends.len() >= count).then_some(sends)
        })
        .await
    }

    pub async fn advance_clock(&self, seconds: i64) {
        self.post("/clock", &json!({"advance_seconds": seconds})).await;
    }
}
