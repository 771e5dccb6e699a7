//! A real simulator on port 0, and a receiver for its webhooks.
#![expect(dead_code, reason = "every test file uses another part of it")]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

pub mod templates;

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bellhop_simulator::{Account, Config, SharedClock, Simulator};
use poem::{Endpoint, Request, Response, Server, http::StatusCode, listener::TcpAcceptor};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub struct Sim {
    pub base: String,
    pub account: Account,
    pub clock: SharedClock,
    pub http: reqwest::Client,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Sim {
    pub async fn start() -> Self {
        Self::open(None).await
    }

    pub async fn open(dir: Option<&Path>) -> Self {
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        let clock = SharedClock::default();
        let config = Config { account: 1, data_dir: dir.map(Path::to_owned), clock: clock.clone() };
        let simulator = Simulator::open(config).unwrap();
        let account = simulator.account();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        let task = tokio::spawn(async move { simulator.serve(listener, token).await.unwrap() });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { base, account, clock, http, shutdown, task }
    }

    /// Statuses at once, no limits: for tests about something else.
    pub async fn quick() -> Self {
        let sim = Self::start().await;
        sim.be_quick().await;
        sim
    }

    pub async fn be_quick(&self) {
        self.control("PUT", "faults", json!({"status_delay_ms": {"sent": 0, "delivered": 0, "read": 0}}))
            .await;
        self.control("PUT", &self.number_path(), json!({"throughput": null, "pair_limit": false})).await;
    }

    pub fn number_path(&self) -> String {
        format!("numbers/{}", self.account.phone_number_id)
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }

    /// A control call that must work.
    pub async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.control_raw(method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    pub async fn get(&self, path: &str) -> Value {
        self.control("GET", path, Value::Null).await
    }

    pub async fn control_raw(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/simulator/{path}", self.base);
        let mut request = self.http.request(method.parse().unwrap(), url);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub async fn graph(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/v24.0/{path}", self.base);
        let mut request =
            self.http.request(method.parse().unwrap(), url).bearer_auth(&self.account.access_token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub fn messages_path(&self) -> String {
        format!("{}/messages", self.account.phone_number_id)
    }

    pub async fn send(&self, body: Value) -> (u16, Value) {
        self.graph("POST", &self.messages_path(), body).await
    }

    pub async fn send_text(&self, to: &str, text: &str) -> (u16, Value) {
        self.send(text_to(to, text)).await
    }

    /// A text that must be accepted; its wamid.
    pub async fn text(&self, to: &str, text: &str) -> String {
        let (status, answer) = self.send_text(to, text).await;
        assert_eq!(status, 200, "{answer}");
        answer["messages"][0]["id"].as_str().unwrap().to_owned()
    }

    pub async fn guest(&self, body: Value) -> Value {
        self.control("POST", "guests", body).await
    }

    pub async fn writes(&self, guest: &str, text: &str) -> String {
        let body = json!({"type": "text", "text": {"body": text}});
        let answer = self.control("POST", &format!("guests/{guest}/messages"), body).await;
        answer["id"].as_str().unwrap().to_owned()
    }

    /// What a guest does with the phone: `block`, `edit` …
    pub async fn deed(&self, guest: &str, deed: &str, body: Value) -> Value {
        self.control("POST", &format!("guests/{guest}/{deed}"), body).await
    }

    /// The lines on a guest's phone.
    pub async fn lines(&self, guest: &str) -> Vec<Value> {
        let chat = self.get(&format!("guests/{guest}/chat")).await;
        chat["data"].as_array().cloned().unwrap_or_default()
    }

    /// A guest with an open window.
    pub async fn open_guest(&self, phone: &str) {
        self.guest(json!({"phone": phone, "name": "Ada"})).await;
        self.writes(phone, "hello").await;
    }

    pub async fn ledger(&self, query: &str) -> Value {
        self.get(&format!("messages?{query}")).await
    }

    /// Waits until every webhook was answered 200.
    pub async fn idle(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.get("webhooks").await["pending"] != 0 {
            assert!(Instant::now() < deadline, "webhooks are left over");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn register(&self, receiver: &Receiver) {
        let path = format!("{}/subscribed_apps", self.account.waba_id);
        let body = json!({"override_callback_uri": receiver.url, "verify_token": "verify-me"});
        let (status, answer) = self.graph("POST", &path, body).await;
        assert_eq!((status, &answer["success"]), (200, &json!(true)), "{answer}");
    }
}

/// Messages of every type, and uploads.
impl Sim {
    /// A send of this type to this guest.
    pub async fn send_as(&self, to: &str, kind: &str, content: Value) -> (u16, Value) {
        let mut body = json!({"messaging_product": "whatsapp", "to": to, "type": kind});
        body[kind] = content;
        self.send(body).await
    }

    /// As [`Sim::send_as`], for a send that must be accepted; its wamid.
    pub async fn sent_as(&self, to: &str, kind: &str, content: Value) -> String {
        let (status, answer) = self.send_as(to, kind, content.clone()).await;
        assert_eq!(status, 200, "{content} -> {answer}");
        answer["messages"][0]["id"].as_str().unwrap().to_owned()
    }

    /// A guest's message in Meta's shape; its wamid.
    pub async fn writes_as(&self, guest: &str, body: Value) -> String {
        let answer = self.control("POST", &format!("guests/{guest}/messages"), body).await;
        answer["id"].as_str().unwrap().to_owned()
    }

    pub async fn post_form(&self, parts: &[Part<'_>]) -> (u16, Value) {
        let mut body = Vec::new();
        for part in parts {
            let filename = part.filename.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
            let kind = part.kind.map(|kind| format!("content-type: {kind}\r\n")).unwrap_or_default();
            let name = part.name;
            let head = format!(
                "--frontier\r\ncontent-disposition: form-data; name=\"{name}\"{filename}\r\n{kind}\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(part.bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--frontier--\r\n");
        let url = format!("{}/v24.0/{}/media", self.base, self.account.phone_number_id);
        let request = self.http.post(url).bearer_auth(&self.account.access_token);
        let request = request.header("content-type", "multipart/form-data; boundary=frontier").body(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub async fn try_upload(&self, kind: &str, bytes: &[u8]) -> (u16, Value) {
        let file = Part { name: "file", filename: Some("file.bin"), kind: Some(kind), bytes };
        self.post_form(&[file, Part::text("messaging_product", "whatsapp"), Part::text("type", kind)]).await
    }

    /// An upload that must work; its id.
    pub async fn upload(&self, kind: &str, bytes: &[u8]) -> String {
        let (status, answer) = self.try_upload(kind, bytes).await;
        assert_eq!(status, 200, "{kind}: {answer}");
        answer["id"].as_str().unwrap().to_owned()
    }
}

/// A part of a form.
pub struct Part<'a> {
    pub name: &'a str,
    pub filename: Option<&'a str>,
    pub kind: Option<&'a str>,
    pub bytes: &'a [u8],
}

impl<'a> Part<'a> {
    pub fn text(name: &'a str, text: &'a str) -> Self {
        Self { name, filename: None, kind: None, bytes: text.as_bytes() }
    }
}

pub fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error in {answer}"))
}

pub fn details(answer: &Value) -> &str {
    answer["error"]["error_data"]["details"].as_str().unwrap_or_default()
}

pub fn text_to(to: &str, text: &str) -> Value {
    json!({"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": text}})
}

/// One POST as it came.
#[derive(Clone)]
pub struct Post {
    pub bytes: Vec<u8>,
    pub signature: String,
    pub answered: u16,
}

impl Post {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }
}

/// A callback that answers the challenge and keeps what it is told.
pub struct Receiver {
    pub url: String,
    pub posts: Arc<Mutex<Vec<Post>>>,
    /// Answers before the 200s.
    pub answers: Arc<Mutex<VecDeque<u16>>>,
    _stop: tokio_util::sync::DropGuard,
}

#[derive(Clone)]
struct Callback {
    posts: Arc<Mutex<Vec<Post>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Endpoint for Callback {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let query = request.params::<Vec<(String, String)>>().unwrap_or_default();
        let value = |key: &str| query.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
        if request.method() == "GET" {
            let right = value("hub.verify_token").as_deref() == Some("verify-me");
            let right = right && value("hub.mode").as_deref() == Some("subscribe");
            let status = if right { StatusCode::OK } else { StatusCode::FORBIDDEN };
            return Ok(Response::builder().status(status).body(value("hub.challenge").unwrap_or_default()));
        }
        let bytes = request.take_body().into_vec().await?;
        let signature = request.header("x-hub-signature-256").unwrap_or_default().to_owned();
        let answered = self.answers.lock().unwrap().pop_front().unwrap_or(200);
        self.posts.lock().unwrap().push(Post { bytes, signature, answered });
        Ok(Response::builder().status(StatusCode::from_u16(answered).unwrap()).finish())
    }
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let callback = Callback { posts: Arc::default(), answers: Arc::default() };
        let stop = CancellationToken::new();
        let server = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener).unwrap());
        let signal = stop.clone().cancelled_owned();
        let running = server.run_with_graceful_shutdown(callback.clone(), signal, Some(Duration::ZERO));
        tokio::spawn(running);
        Self { url, posts: callback.posts, answers: callback.answers, _stop: stop.drop_guard() }
    }

    pub fn forget(&self) {
        self.posts.lock().unwrap().clear();
    }

    pub fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }

    /// All updates that were answered 200, one after the other: (key, update, contact).
    pub fn updates(&self) -> Vec<(String, Value, Value)> {
        let mut updates = Vec::new();
        for post in self.posts().iter().filter(|post| post.answered == 200) {
            for entry in post.json()["entry"].as_array().unwrap() {
                for change in entry["changes"].as_array().unwrap() {
                    let value = &change["value"];
                    for key in ["statuses", "messages"] {
                        for update in value[key].as_array().into_iter().flatten() {
                            updates.push((key.to_owned(), update.clone(), value["contacts"][0].clone()));
                        }
                    }
                }
            }
        }
        updates
    }

    /// What was told of the account and answered 200: (field, value), with the time of each entry checked.
    pub fn notices(&self) -> Vec<(String, Value)> {
        let mut notices = Vec::new();
        for post in self.posts().iter().filter(|post| post.answered == 200) {
            for entry in post.json()["entry"].as_array().unwrap() {
                for change in entry["changes"].as_array().unwrap() {
                    let field = change["field"].as_str().unwrap();
                    if field != "messages" {
                        assert_eq!(entry["time"].is_i64(), field != "user_preferences", "{entry}");
                        notices.push((field.to_owned(), change["value"].clone()));
                    }
                }
            }
        }
        notices
    }

    pub async fn wait_for_notices(&self, count: usize) -> Vec<(String, Value)> {
        eventually("notices", || self.notices().len() >= count).await;
        self.notices()
    }

    /// The statuses of one message in the order they came.
    pub fn statuses(&self, id: &str) -> Vec<String> {
        let of_it = |(_, update, _): &(String, Value, Value)| {
            (update["id"] == id).then(|| update["status"].as_str().map(str::to_owned)).flatten()
        };
        self.updates().iter().filter_map(of_it).collect()
    }

    pub async fn wait_for_updates(&self, count: usize) -> Vec<(String, Value, Value)> {
        eventually("updates", || self.updates().len() >= count).await;
        self.updates()
    }
}

/// Looks again and again until it is so; a busy machine gets half a minute.
pub async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Each of these contents is accepted, or refused with this code and a sentence that has these words.
pub async fn check_sends(sim: &Sim, to: &str, kind: &str, cases: Vec<(Value, i64, &str)>) {
    for (content, expected, words) in cases {
        let (status, answer) = sim.send_as(to, kind, content.clone()).await;
        if expected == 0 {
            assert_eq!(status, 200, "{kind} {content} -> {answer}");
        } else {
            assert_eq!(code(&answer), expected, "{kind} {content} -> {answer}");
            assert!(details(&answer).contains(words), "{kind} {content} -> {answer}");
        }
    }
}
