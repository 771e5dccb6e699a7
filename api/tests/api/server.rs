//! Over a real socket.

use std::time::Duration;

use bellhop_api::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::World;

pub struct Server {
    pub address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<std::io::Result<()>>,
}

pub async fn serve(world: &World) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let application = world.app.clone();
    let running = tokio::spawn(async move {
        let shutdown = async move { drop(stopped.await) };
        bellhop_api::serve(listener, application, Options::default(), shutdown).await
    });
    Server { address, stop, running }
}

/// Writes a request and reads until the server closes.
pub async fn exchange(server: &Server, head: &str, body: Vec<u8>) -> String {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = socket.into_split();
    let writing = tokio::spawn(async move { writer.write_all(&body).await.map(|()| writer) });
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(20), reader.read_to_end(&mut answer));
    let _ = reading.await;
    drop(writing.await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_sender_of_a_large_body_sees_the_answer() {
    let world = World::new().await;
    let server = serve(&world).await;
    let size = 30 << 20;
    for token in [world.staff.as_str(), "wrong"] {
        let head = format!(
            "POST /api/v1/whatsapp/messages/send HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/json\r\nauthorization: Bearer {token}\r\ncontent-length: {size}\r\n\r\n"
        );
        let answer = exchange(&server, &head, vec![b' '; size]).await;
        let status = if token == "wrong" { "HTTP/1.1 401" } else { "HTTP/1.1 413" };
        assert!(answer.starts_with(status), "{answer:.200}");
        assert!(answer.contains("request_id"));
    }
}

#[tokio::test]
async fn a_file_that_breaks_off_leaves_nothing() {
    let world = World::new().await;
    let server = serve(&world).await;
    let rows: String = (0..2_500).map(|n| format!("+9725{:08}\n", 1_000_000 + n)).collect();
    let token = &world.staff;
    for length in ["content-length: 900000", "transfer-encoding: chunked"] {
        let head = format!(
            "POST /api/v1/whatsapp/batches/upload?template_name=service_followup HTTP/1.1\r\nhost: x\r\n\
             content-type: text/csv\r\nauthorization: Bearer {token}\r\n{length}\r\n\r\n"
        );
        let file = format!("phone\n{rows}");
        let body = if length.ends_with("chunked") { format!("{:x}\r\n{file}\r\n", file.len()) } else { file };
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all((head + &body).as_bytes()).await.unwrap();
        until(async || world.rows("messages").await == 2_000).await;
        drop(socket);
        until(async || world.rows("messages").await == 0 && world.rows("batches").await == 0).await;
    }
}

/// Waits for what happens behind an answer that nobody gets.
pub async fn until(happened: impl AsyncFn() -> bool) {
    let waiting = async {
        while !happened().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}

#[tokio::test]
async fn who_waits_for_continue_is_answered_without_it() {
    let world = World::new().await;
    let server = serve(&world).await;
    let head = "POST /api/v1/whatsapp/messages/send HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                expect: 100-continue\r\ncontent-length: 100\r\n\r\n";
    let answer = exchange(&server, head, Vec::new()).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer:.200}");
}

#[tokio::test]
async fn the_server_stops_when_asked() {
    let world = World::new().await;
    let server = serve(&world).await;
    let head = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert!(exchange(&server, head, Vec::new()).await.contains("200 OK"));
    server.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), server.running).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
