//! What open streams cost.

use std::time::{Duration, Instant};

use bellhop_e2e::{BellhopProcess, Home, PATIENCE, Phones};
use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const STREAMS: usize = 1_000;
/// As many as one token may have open.
const EACH: usize = 100;
const IDLE: Duration = Duration::from_secs(20);

/// A stream of which nobody reads more than its cursor. No HTTP client: a thousand of those cost more than what is
/// measured here.
async fn open(address: &str, token: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /api/v1/whatsapp/events/stream HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let (mut read, mut piece) = (Vec::new(), [0; 1024]);
    let cursor = async {
        while !String::from_utf8_lossy(&read).contains("event: cursor") {
            let size = socket.read(&mut piece).await.unwrap();
            assert!(size > 0, "{}", String::from_utf8_lossy(&read));
            read.extend_from_slice(&piece[..size]);
        }
    };
    tokio::time::timeout(PATIENCE, cursor).await.expect("a cursor");
    socket
}

/// Resident memory in MB.
fn memory(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// Time on a processor until now.
fn worked(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let ticks: Vec<u64> =
        after_name.split_whitespace().skip(11).take(2).map(|n| n.parse().unwrap()).collect();
    // USER_HZ is 100 wherever Linux runs.
    Duration::from_millis((ticks[0] + ticks[1]) * 10)
}

/// The share of a core that the process takes while nothing happens.
async fn idle_share(process: u32) -> f64 {
    let (began, before) = (Instant::now(), worked(process));
    tokio::time::sleep(IDLE).await;
    (worked(process) - before).as_secs_f64() / began.elapsed().as_secs_f64()
}

async fn tokens(process: &BellhopProcess, count: usize) -> Vec<String> {
    let admin = process.admin();
    let make = |n: usize| {
        let (admin, body) = (admin.clone(), json!({"name": format!("desk {n}"), "role": "staff"}));
        async move { admin.post("/tokens", &body).await.expect(201)["token"].as_str().unwrap().to_owned() }
    };
    join_all((0..count).map(make)).await
}

#[tokio::test]
async fn a_thousand_open_streams_cost_little() {
    let (home, phones) = (Home::make().await, Phones::start(1).await);
    let process = BellhopProcess::start(&home, &phones.url, &[]).await;
    process.api.conversation_of(bellhop::demo::GUEST_PHONE).await;
    let address = process.api.base.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    // The first ones bring what all others share.
    let first = join_all((0..10).map(|_| open(&address, &process.api.token))).await;
    let tokens = tokens(&process, STREAMS / EACH).await;
    let (memory_before, share_before) = (memory(process.id()), idle_share(process.id()).await);
    let mut streams = Vec::new();
    for token in &tokens {
        for _ in 0..2 {
            streams.extend(join_all((0..EACH / 2).map(|_| open(&address, token))).await);
        }
    }
    let (memory_after, share_after) = (memory(process.id()), idle_share(process.id()).await);
    let memory = memory_after - memory_before;
    let share = 100.0 * (share_after - share_before);
    println!("{STREAMS} streams: {memory:.1} MB more, {share:.1} % of a core more while idle");
    assert!(memory < 50.0, "{memory_before} MB became {memory_after} MB");
    assert!(share < 10.0, "{share_before} became {share_after}");
    drop((first, streams));
    process.kill().await;
}
