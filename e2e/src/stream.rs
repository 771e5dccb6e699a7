//! The live feed, as a client of server-sent events reads it.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde_json::Value;

use crate::{Api, PATIENCE};

type Pieces = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// One connection.
pub struct EventStream {
    pieces: Pieces,
    read: Vec<u8>,
    /// As a browser keeps it: what the next connection sends as `Last-Event-ID`.
    pub last_id: Option<String>,
}

/// A frame with data.
#[derive(Debug)]
pub struct Frame {
    pub id: i64,
    pub event: String,
    pub data: Value,
}

impl EventStream {
    /// Connects; panics unless the answer is 200.
    pub async fn open(api: &Api, query: &str, last_id: Option<&str>) -> Self {
        Self::try_open(api, query, last_id).await.expect("a stream")
    }

    pub async fn try_open(api: &Api, query: &str, last_id: Option<&str>) -> Result<Self, String> {
        let url = format!("{}/events/stream{query}", api.base);
        let mut request = reqwest::Client::new().get(url).bearer_auth(&api.token);
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let (status, kind) = (answer.status().as_u16(), answer.headers().get("content-type").cloned());
        if status != 200 {
            return Err(format!("{status} {}", answer.text().await.unwrap_or_default()));
        }
        assert_eq!(kind.as_ref().and_then(|kind| kind.to_str().ok()), Some("text/event-stream"));
        let pieces = Box::pin(answer.bytes_stream());
        Ok(Self { pieces, read: Vec::new(), last_id: last_id.map(str::to_owned) })
    }

    /// The next frame with data; `None` when the connection ends.
    pub async fn next(&mut self) -> Option<Frame> {
        self.within(PATIENCE).await.expect("an event or the end in time")
    }

    /// As [`next`](Self::next); an error when nothing comes in this time.
    pub async fn within(&mut self, patience: Duration) -> Result<Option<Frame>, tokio::time::error::Elapsed> {
        tokio::time::timeout(patience, self.read_on()).await
    }

    /// The next frames, so many.
    pub async fn take(&mut self, count: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        while frames.len() < count {
            frames.push(self.next().await.expect("the stream goes on"));
        }
        frames
    }

    async fn read_on(&mut self) -> Option<Frame> {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.read.drain(..end + 2).collect();
                let block = String::from_utf8(block).expect("UTF-8");
                if let Some(frame) = self.frame(&block) {
                    return Some(frame);
                }
                continue;
            }
            self.read.extend(self.pieces.next().await?.ok()?);
        }
    }

    /// After the standard: an id without data counts as well.
    fn frame(&mut self, block: &str) -> Option<Frame> {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if let Some(id) = field("id") {
            self.last_id = Some(id.to_owned());
        }
        let data = serde_json::from_str(field("data")?).expect("JSON");
        let id = self.last_id.as_ref()?.parse().expect("a number");
        Some(Frame { id, event: field("event").unwrap_or("message").to_owned(), data })
    }
}
