//! A partner's receiver, as good or as bad as a test wants it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::eventually;

/// What it does with what is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Takes,
    Answers(u16),
    /// As `Answers(503)`, with so many seconds in `Retry-After`.
    WantsTime(u32),
    /// Reads, and says nothing.
    Hangs,
    /// Says 307, to a place within.
    Redirects,
}

/// One delivery, as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Instant,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    pub raw: Vec<u8>,
    pub body: Value,
    /// Whether it was answered with 2xx.
    pub taken: bool,
}

impl Seen {
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub fn text(&self) -> &str {
        self.body["data"]["message_content"].as_str().unwrap_or_default()
    }
}

struct State {
    manner: Manner,
    /// By what the message says, before `manner`.
    by_text: HashMap<String, Manner>,
    echoes: bool,
    seen: Vec<Seen>,
}

pub struct Sink {
    pub url: String,
    state: Arc<Mutex<State>>,
    _server: AbortOnDropHandle<()>,
}

impl Sink {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/webhooks", listener.local_addr().expect("an address"));
        let state = State { manner: Manner::Takes, by_text: HashMap::new(), echoes: true, seen: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // A client that leaves ends it.
                tokio::spawn(async move { serve(stream, &state).await.ok() });
            }
        });
        Self { url, state, _server: AbortOnDropHandle::new(server) }
    }

    fn with<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        what(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn does(&self, manner: Manner) {
        self.with(|state| state.manner = manner);
    }

    pub fn does_with(&self, text: &str, manner: Manner) {
        self.with(|state| state.by_text.insert(text.to_owned(), manner));
    }

    /// Has no GET route, as the guides' receiver.
    pub fn has_no_get(&self) {
        self.with(|state| state.echoes = false);
    }

    /// Everything that came, in its order.
    pub fn seen(&self) -> Vec<Seen> {
        self.with(|state| state.seen.clone())
    }

    /// What was taken and says this.
    pub fn taken(&self, text: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.taken && seen.text() == text).collect()
    }

    /// Waits for a delivery that fits.
    pub async fn until(&self, what: &str, fits: impl Fn(&Seen) -> bool) -> Seen {
        eventually(what, || async { self.seen().into_iter().find(&fits) }).await
    }

    pub async fn until_taken(&self, text: &str) -> Seen {
        self.until(&format!("{text:?} to be delivered"), |seen| seen.taken && seen.text() == text).await
    }
}

async fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let mut headers = HashMap::new();
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
        let mut raw = vec![0; length];
        stream.read_exact(&mut raw).await?;
        let answer = match line.strip_prefix("GET ") {
            Some(rest) => challenge(rest, state),
            None => take(headers, raw, state),
        };
        let Some(answer) = answer else { return std::future::pending().await };
        stream.write_all(answer.as_bytes()).await?;
    }
}

fn answer(status: u16, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn challenge(request: &str, state: &Mutex<State>) -> Option<String> {
    let echoes = state.lock().unwrap_or_else(PoisonError::into_inner).echoes;
    let target = request.split(' ').next().unwrap_or_default();
    let given = target.split(['?', '&']).find_map(|part| part.strip_prefix("hub.challenge="));
    Some(match given {
        Some(given) if echoes => answer(200, "", given),
        _ => answer(404, "", ""),
    })
}

fn take(headers: HashMap<String, String>, raw: Vec<u8>, state: &Mutex<State>) -> Option<String> {
    let body: Value = serde_json::from_slice(&raw).unwrap_or_default();
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let mut seen = Seen { at: Instant::now(), headers, raw, body, taken: false };
    let manner = state.by_text.get(seen.text()).copied().unwrap_or(state.manner);
    seen.taken = matches!(manner, Manner::Takes | Manner::Answers(200..=299));
    state.seen.push(seen);
    match manner {
        Manner::Takes => Some(answer(204, "", "")),
        Manner::Answers(status) => Some(answer(status, "", "as I was told")),
        Manner::WantsTime(seconds) => Some(answer(503, &format!("Retry-After: {seconds}\r\n"), "")),
        Manner::Hangs => None,
        Manner::Redirects => Some(answer(307, "Location: http://127.0.0.1:1/\r\n", "")),
    }
}
