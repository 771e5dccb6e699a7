//! Files over a real socket: large ones, and those that break off.

use std::fs;
use std::process::Command;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::server::{Server, serve, until};
use crate::support::World;

const PIECE: usize = 64 << 10;

/// The form around a document.
const OPENING: &str =
    "--XX\r\nContent-Disposition: form-data; name=\"media\"; filename=\"plans.pdf\"\r\n\r\n%PDF-1.7\n\0";
const ENDING: &str =
    "\r\n--XX\r\nContent-Disposition: form-data; name=\"media_type\"\r\n\r\ndocument\r\n--XX--\r\n";

/// So many bytes of a file are in [`OPENING`].
const BEGUN: usize = 10;

async fn connect(server: &Server, request: &str, token: &str, headers: &str) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n{headers}\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

/// Begins an upload of a document of `size` bytes, and sends the first so many of them.
async fn begin(server: &Server, token: &str, (size, sent): (usize, usize)) -> TcpStream {
    let length = OPENING.len() - BEGUN + size + ENDING.len();
    let headers = format!("content-type: multipart/form-data; boundary=XX\r\ncontent-length: {length}\r\n");
    let mut socket = connect(server, "POST /api/v1/whatsapp/media/upload", token, &headers).await;
    socket.write_all(OPENING.as_bytes()).await.unwrap();
    let mut left = sent - BEGUN;
    let piece = vec![b'x'; PIECE];
    while left > 0 {
        let now = left.min(PIECE);
        socket.write_all(&piece[..now]).await.unwrap();
        left -= now;
    }
    socket
}

async fn upload(server: &Server, token: &str, size: usize) -> String {
    let mut socket = begin(server, token, (size, size)).await;
    socket.write_all(ENDING.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Reads a file and keeps only how long it was.
async fn read(server: &Server, token: &str, path: &str) -> (String, usize) {
    let mut socket = BufReader::new(connect(server, &format!("GET {path}"), token, "").await);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(socket.read_line(&mut head).await.unwrap() > 0, "{head}");
    }
    let (mut length, mut piece) = (0, vec![0; PIECE]);
    loop {
        match socket.read(&mut piece).await.unwrap() {
            0 => return (head, length),
            count => length += count,
        }
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_neither_row_nor_file() {
    let world = World::new().await;
    let server = serve(&world).await;
    for sent in [1 << 10, 12 << 20] {
        let socket = begin(&server, &world.staff, (20 << 20, sent)).await;
        until(async || world.media_left().await.0 == 1).await;
        drop(socket);
        until(async || world.media_left().await == (0, 0)).await;
    }
    assert!(upload(&server, &world.staff, 1 << 20).await.starts_with("HTTP/1.1 201"));
    assert_eq!(world.media_left().await, (1, 1));
}

#[tokio::test]
async fn a_head_tells_the_length_and_nothing_else() {
    let world = World::new().await;
    let server = serve(&world).await;
    let uploaded = upload(&server, &world.staff, 1 << 20).await;
    let path = uploaded.split("location: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let mut socket = connect(&server, &format!("HEAD {path}"), &world.staff, "").await;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("content-length: 1048576\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

/// In a process of its own: the other tests of this one take memory too.
#[test]
fn a_document_of_100_mb_takes_little_memory() {
    let test = "media_on_the_wire::alone_a_document_of_100_mb";
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--exact", test, "--ignored", "--nocapture"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    print!("{text}");
}

/// In kB; `None` where there is no `/proc`.
fn memory(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by `a_document_of_100_mb_takes_little_memory`"]
async fn alone_a_document_of_100_mb() {
    let world = World::new().await;
    let server = serve(&world).await;
    assert!(upload(&server, &world.staff, 1 << 20).await.starts_with("HTTP/1.1 201"));
    let before = memory("VmRSS");
    let began = std::time::Instant::now();
    let answer = upload(&server, &world.staff, 100 << 20).await;
    let uploaded = began.elapsed();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let path = answer.split("location: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let (head, length) = read(&server, &world.staff, path).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-length: 104857600") && !head.contains("chunked"), "{head}");
    assert_eq!(length, 100 << 20);
    println!("in: {uploaded:?}, in and out: {:?}", began.elapsed());
    if let (Some(before), Some(most)) = (before, memory("VmHWM")) {
        println!("memory: {before} kB before, {most} kB at most");
        assert!(most - before < 64 << 10, "{before} kB, {most} kB");
    }
    assert_eq!(world.provider.uploads.lock().unwrap().last().unwrap().3, 100 << 20);
}
