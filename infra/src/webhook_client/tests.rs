//! Against receivers that do what none should.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

fn post(url: String) -> WebhookRequest {
    let headers = vec![("webhook-id", "evt_1".to_owned())];
    WebhookRequest { url, headers, body: WebhookBody::Json(Bytes::from_static(b"{}")) }
}

/// Reads a request's head and body of two bytes, so that closing is no reset.
async fn heard(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let mut piece = [0; 1024];
    let end: [&[u8]; 2] = [b"{}", b"\r\n\r\n"];
    while !said.ends_with(end[usize::from(said.starts_with(b"GET"))]) {
        let n = stream.read(&mut piece).await.unwrap();
        assert_ne!(n, 0, "the client left");
        said.extend_from_slice(&piece[..n]);
    }
    String::from_utf8(said).unwrap()
}

/// A receiver that answers each connection with `answer`.
async fn receiver<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    at
}

async fn says(text: &'static str) -> SocketAddr {
    receiver(move |mut stream| async move {
        heard(&mut stream).await;
        stream.write_all(text.as_bytes()).await.unwrap();
    })
    .await
}

fn insecure() -> GuardedClient {
    GuardedClient::new(Rule::Insecure).unwrap()
}

#[test]
fn urls_are_bounded() {
    let public = GuardedClient::new(Rule::Public).unwrap();
    let long = format!("https://pms.example/{}", "a".repeat(URL_MAX));
    for (url, bad) in [
        ("https://pms.example/webhooks?hotel=1", None),
        ("https://pms.example:8443/", None),
        ("https://[2a03:2880:f12c::1]/", None),
        ("pms.example", Some(BadUrl::NotAUrl)),
        (&long, Some(BadUrl::TooLong)),
        ("http://pms.example/", Some(BadUrl::NotHttps)),
        ("file:///etc/passwd", Some(BadUrl::NotHttps)),
        ("gopher://pms.example/", Some(BadUrl::NotHttps)),
        ("https://user@pms.example/", Some(BadUrl::Credentials)),
        ("https://:password@pms.example/", Some(BadUrl::Credentials)),
        ("https://pms.example:22/", Some(BadUrl::Port)),
        ("https://pms.example:80/", Some(BadUrl::Port)),
        ("https://127.0.0.1/", Some(BadUrl::Inside)),
        ("https://2130706433/", Some(BadUrl::Inside)),
        ("https://0x7f.1/", Some(BadUrl::Inside)),
        ("https://[::1]/", Some(BadUrl::Inside)),
        ("https://[::ffff:10.0.0.1]/", Some(BadUrl::Inside)),
        ("https://192.168.1.1/", Some(BadUrl::Inside)),
        ("https://169.254.169.254/latest", Some(BadUrl::Nobody)),
        ("https://[64:ff9b::a9fe:a9fe]/", Some(BadUrl::Nobody)),
        ("https://100.64.0.1/", Some(BadUrl::Nobody)),
        ("https://224.0.0.1/", Some(BadUrl::Nobody)),
    ] {
        assert_eq!(public.check(url).err(), bad, "{url}");
    }
    for (url, bad) in [
        ("http://127.0.0.1:8099/", None),
        ("http://localhost:3000/", None),
        ("http://10.0.0.7/", None),
        ("http://169.254.169.254/latest", Some(BadUrl::Nobody)),
        ("http://[fd00:ec2::254]/", Some(BadUrl::Nobody)),
        ("http://127.0.0.1:25/", Some(BadUrl::Port)),
    ] {
        assert_eq!(insecure().check(url).err(), bad, "{url}");
    }
}

#[tokio::test]
async fn the_answer_comes_with_its_head_and_the_challenge_with_its_url() {
    let at = says("HTTP/1.1 503 Later\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy").await;
    let reply = insecure().send(post(format!("http://{at}/"))).await.unwrap();
    assert_eq!(reply, Reply { status: 503, body: b"busy".into(), retry_after: Some(Duration::from_secs(7)) });
    let at = receiver(|mut stream| async move {
        let said = heard(&mut stream).await;
        let line = said.lines().next().unwrap().to_owned();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{line}", line.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let body = WebhookBody::Query(vec![("hub.mode", "subscribe".into()), ("hub.challenge", "a b&c".into())]);
    let request = WebhookRequest { url: format!("http://{at}/in?hotel=1"), headers: vec![], body };
    let reply = insecure().send(request).await.unwrap();
    let asked = String::from_utf8(reply.body).unwrap();
    assert_eq!(asked, "GET /in?hotel=1&hub.mode=subscribe&hub.challenge=a+b%26c HTTP/1.1");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_leads_nowhere() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let inner = receiver(|_| async {
        let _before = ASKED.fetch_add(1, Ordering::Relaxed);
    })
    .await;
    let at = receiver(move |mut stream| async move {
        heard(&mut stream).await;
        let answer = format!("HTTP/1.1 307 There\r\nLocation: http://{inner}/\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    assert_eq!(insecure().send(post(format!("http://{at}/"))).await.unwrap().status, 307);
    assert_eq!(ASKED.load(Ordering::Relaxed), 0);
}

/// 1 GB: what is kept is read, and little more than what is under way anyway.
#[tokio::test]
async fn a_huge_answer_is_left_unread() {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let at = receiver(|mut stream| async move {
        heard(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n").await.unwrap();
        let piece = [b'x'; 65536];
        while stream.write_all(&piece).await.is_ok() {
            WRITTEN.fetch_add(65536, Ordering::Relaxed);
        }
    })
    .await;
    let began = std::time::Instant::now();
    let reply = insecure().send(post(format!("http://{at}/"))).await.unwrap();
    assert_eq!((reply.status, reply.body.len()), (200, KEPT));
    assert!(began.elapsed() < PATIENCE / 2 && WRITTEN.load(Ordering::Relaxed) < 64 << 20);
}

#[tokio::test]
async fn who_says_nothing_or_drips_a_head_is_given_up_and_a_dripping_body_is_cut() {
    let silent = receiver(|mut stream| async move {
        heard(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let drips = |text: &'static str| {
        receiver(move |mut stream| async move {
            heard(&mut stream).await;
            for byte in text.bytes() {
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    };
    let head = drips("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    for at in [silent, head] {
        let began = Instant::now();
        let client = GuardedClient { patience: REST, ..insecure() };
        assert_eq!(client.send(post(format!("http://{at}/"))).await, Err(Bounce::TooLate));
        assert!(began.elapsed() >= REST && began.elapsed() < PATIENCE);
    }
    let body = receiver(|mut stream| async move {
        heard(&mut stream).await;
        stream.write_all(b"HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    assert_eq!(insecure().send(post(format!("http://{body}/"))).await.unwrap().status, 204);
}

/// The name is looked up for each connection, and each answer is looked at.
#[tokio::test]
async fn a_name_that_leads_inside_the_second_time_is_not_followed() {
    let at = says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let answers = Mutex::new(vec!["169.254.169.254:0".parse().unwrap(), at]);
    let lookup: Lookup = Arc::new(move |_| {
        let next: SocketAddr = answers.lock().unwrap().pop().unwrap();
        Box::pin(async move { Ok(vec![next]) })
    });
    let client = GuardedClient::with(Rule::Insecure, lookup).unwrap();
    let url = format!("http://pms.example:{}/", at.port());
    assert_eq!(client.send(post(url.clone())).await.unwrap().status, 200);
    assert_eq!(client.send(post(url)).await, Err(Bounce::BadUrl(BadUrl::Nobody)));
}

/// A public address beside a private one does not make the name any better.
#[tokio::test]
async fn a_name_with_one_address_inside_is_refused_whole() {
    for (rule, addresses, bad) in [
        (Rule::Public, ["1.1.1.1:0", "127.0.0.1:0"], BadUrl::Inside),
        (Rule::Public, ["1.1.1.1:0", "[::ffff:10.0.0.1]:0"], BadUrl::Inside),
        (Rule::Insecure, ["127.0.0.1:0", "169.254.169.254:0"], BadUrl::Nobody),
    ] {
        let found: Vec<SocketAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let lookup: Lookup = Arc::new(move |_| {
            let found = found.clone();
            Box::pin(async move { Ok(found) })
        });
        let client = GuardedClient::with(rule, lookup).unwrap();
        assert_eq!(client.send(post("https://pms.example/".to_owned())).await, Err(Bounce::BadUrl(bad)));
    }
}
