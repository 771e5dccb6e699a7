use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::build;
use crate::clock::MovableClock;
use crate::settings::Settings;

async fn application(dir: &tempfile::TempDir) -> App {
    let folder = dir.path().display().to_string();
    let settings = Settings::read(|name| (name == "BELLHOP_DATA_DIR").then(|| folder.clone())).unwrap();
    build::migrate(&settings).await.unwrap();
    build::build(&settings, "http://127.0.0.1", MovableClock::new()).await.unwrap()
}

/// Sends a request as it stands and reads until the server closes.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn numbers_and_health_are_shown_until_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let app = application(&dir).await;
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(socket, app.clone(), shutdown.clone()));

    let numbers = exchange(address, "GET /metrics").await;
    assert!(numbers.starts_with("HTTP/1.1 200"), "{numbers}");
    assert!(numbers.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{numbers}");
    for line in [
        "bellhop_database_up 1",
        "bellhop_queue_age_seconds 0",
        "bellhop_in_doubt 0",
        "bellhop_windows_open 0",
        "# TYPE bellhop_in_doubt gauge",
    ] {
        assert!(numbers.lines().any(|l| l == line), "{line} in {numbers}");
    }
    assert!(exchange(address, "GET /healthz").await.contains("200 OK"));
    assert!(exchange(address, "GET /readyz?full").await.contains("{\"status\":\"ready\"}"));
    assert!(!exchange(address, "HEAD /healthz").await.contains('{'));
    assert!(exchange(address, "GET /").await.starts_with("HTTP/1.1 404"));
    let refused = exchange(address, "POST /metrics").await;
    assert!(refused.starts_with("HTTP/1.1 405") && refused.contains("GET, HEAD"), "{refused}");
    app.set_ready(false);
    assert!(exchange(address, "GET /readyz").await.starts_with("HTTP/1.1 503"));

    shutdown.cancel();
    serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    app.finish(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn without_a_database_it_still_answers() {
    let dir = tempfile::tempdir().unwrap();
    let app = application(&dir).await;
    app.finish(Duration::from_secs(1)).await;
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(serve(socket, app, CancellationToken::new()));
    assert!(exchange(address, "GET /healthz").await.contains("200 OK"));
    let answer = exchange(address, "GET /readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("database_away"), "{answer}");
    assert!(exchange(address, "GET /metrics").await.starts_with("HTTP/1.1 200"));
}
