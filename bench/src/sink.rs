//! Partners' receivers, all on one port: they answer 204 and note when the first byte came.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// Its path begins with this: it reads, and says nothing.
pub const HANGS: &str = "/hangs";
/// Before the number of a guest's message, in its text.
pub const MARK: &str = "No.";

const TAKEN: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// A request that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Its first byte.
    pub at: Instant,
    /// Which of the guests' messages it tells of, if of any.
    pub number: Option<usize>,
}

pub struct Sink {
    pub base: String,
    seen: Arc<Mutex<Vec<Arrival>>>,
    _server: AbortOnDropHandle<()>,
}

impl Sink {
    pub async fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let seen: Arc<Mutex<Vec<Arrival>>> = Arc::default();
        let shared = Arc::clone(&seen);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&shared);
                // A client that leaves ends it.
                tokio::spawn(async move { serve(stream, &seen).await.ok() });
            }
        });
        Ok(Self { base, seen, _server: AbortOnDropHandle::new(server) })
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What came since the last time.
    pub fn take(&self) -> Vec<Arrival> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Arrival>>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let mut began = None;
        let (head, length) = loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            began.get_or_insert_with(Instant::now);
            if let Some(whole) = whole(&buffer)? {
                break whole;
            }
        };
        let request = &buffer[..head + length];
        if request.starts_with(b"GET ") {
            stream.write_all(challenge(request)?.as_bytes()).await?;
        } else if request.starts_with(format!("POST {HANGS}").as_bytes()) {
            return std::future::pending().await;
        } else {
            let arrival = Arrival { at: began.context("a first byte")?, number: number(request) };
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
            stream.write_all(TAKEN).await?;
        }
        buffer.drain(..head + length);
    }
}

/// The lengths of head and body, once all of both is there.
fn whole(buffer: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = find(buffer, b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&buffer[..end])?;
    let length = head.lines().filter_map(|line| line.split_once(": "));
    let length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, n)| n);
    let length = length.map(str::parse).next().transpose()?.unwrap_or(0);
    Ok((buffer.len() >= end + 4 + length).then_some((end + 4, length)))
}

fn challenge(request: &[u8]) -> Result<String> {
    let line = std::str::from_utf8(request)?.lines().next().unwrap_or_default();
    let given = line.split(['?', '&', ' ']).find_map(|part| part.strip_prefix("hub.challenge="));
    let given = given.context("a challenge")?;
    Ok(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{given}", given.len()))
}

fn number(request: &[u8]) -> Option<usize> {
    let after = &request[find(request, MARK.as_bytes())? + MARK.len()..];
    let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&after[..digits]).ok()?.parse().ok()
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole_with_its_last_byte() {
        let request = b"POST /1 HTTP/1.1\r\nContent-Length: 9\r\n\r\n{\"No.12\"}";
        assert_eq!(whole(&request[..request.len() - 1]).unwrap(), None);
        assert_eq!(whole(request).unwrap(), Some((request.len() - 9, 9)));
        assert_eq!(number(request), Some(12));
        assert_eq!(number(b"GET / HTTP/1.1\r\n\r\n"), None);
    }
}
