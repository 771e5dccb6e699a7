//! What an upload costs in memory. Alone in its process, so that nothing else counts.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::io::{Read, Write};

use common::Sim;

/// What this process has at most had in memory, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1_024
}

/// An upload that is made up as it goes, so that nobody holds it in memory.
#[tokio::test]
async fn a_large_document_is_streamed() {
    const PIECES: usize = 48;
    let sim = Sim::start().await;
    let head = "--f\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\ncontent-type: \
                application/pdf\r\n\r\n";
    let tail =
        "\r\n--f\r\ncontent-disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n--f--\r\n";
    let length = head.len() + (PIECES << 20) + tail.len();
    let request = format!(
        "POST /v24.0/{}/media HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: \
         multipart/form-data; boundary=f\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{head}",
        sim.account.phone_number_id, sim.account.access_token
    );
    let address = sim.base.strip_prefix("http://").unwrap().to_owned();
    let before = peak();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let piece = vec![7_u8; 1 << 20];
        for _ in 0..PIECES {
            stream.write_all(&piece).unwrap();
        }
        stream.write_all(tail.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let grown = peak().saturating_sub(before);
    assert!(grown < 12 << 20, "{grown} bytes for a file of {PIECES} MB");
}
