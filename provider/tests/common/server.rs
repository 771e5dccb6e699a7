//! A server for one test: it reads whole requests and does with each what its script says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
pub enum Step {
    /// These bytes; the connection stays open.
    Write(String),
    /// These bytes, then the connection is closed.
    WriteAndClose(String),
    Silence,
}

impl Step {
    pub fn answer(status: u16, body: &str) -> Self {
        Self::Write(format!("HTTP/1.1 {status} Some Words\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    }
}

pub struct Server {
    pub base_url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// The n-th request meets the n-th step, whatever connection it comes on.
    pub async fn start(steps: Vec<Step>) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), steps).await
    }

    /// As [`Server::start`], for steps that name the server's own address.
    pub async fn start_on(listener: TcpListener, steps: Vec<Step>) -> Self {
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, steps.clone(), seen.clone()));
            }
        });
        Self { base_url, requests }
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, steps: Vec<Step>, seen: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read_request(&mut stream).await {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request);
            seen.len() - 1
        };
        match &steps[number] {
            Step::Write(text) => stream.write_all(text.as_bytes()).await.unwrap(),
            Step::WriteAndClose(text) => {
                stream.write_all(text.as_bytes()).await.unwrap();
                return;
            }
            Step::Silence => tokio::time::sleep(Duration::from_secs(60)).await,
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_ascii_lowercase()
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
        }
    }
}
