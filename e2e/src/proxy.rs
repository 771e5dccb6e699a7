//! A wire that can be cut, in front of a service that nobody may stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch::{self, Receiver, Sender};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::services::place;

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Carries,
    /// Those there are go on, new ones are closed at once.
    Refuses,
    /// All stay open, new ones too, and nothing comes through.
    Stalls,
    /// Those there are end without a word, new ones are closed at once.
    Cut,
}

/// A proxy of its own port; it ends when this is dropped.
pub struct Proxy {
    /// The service's URL, by way of the proxy.
    pub url: String,
    wire: Sender<Wire>,
    _end: DropGuard,
}

impl Proxy {
    /// In front of the service that a URL names.
    pub async fn before(url: &str, usual_port: u16) -> Self {
        // It listens throughout: a port that was given back could be somebody else's when it is wanted again.
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let end = CancellationToken::new();
        let (wire, watched) = watch::channel(Wire::Carries);
        let carrying = accept(listener, Arc::new(place(url, usual_port)), watched);
        tokio::spawn(end.clone().run_until_cancelled_owned(carrying));
        Self { url: with_place(url, address), wire, _end: end.drop_guard() }
    }

    /// Drops every connection and refuses new ones.
    pub fn cut(&self) {
        self.wire.send_replace(Wire::Cut);
    }

    /// Keeps connections open and carries nothing.
    pub fn stall(&self) {
        self.wire.send_replace(Wire::Stalls);
    }

    /// Refuses new connections.
    pub fn refuse(&self) {
        self.wire.send_replace(Wire::Refuses);
    }

    /// Carries again; what was held back by a stall goes on.
    pub fn restore(&self) {
        self.wire.send_replace(Wire::Carries);
    }
}

fn with_place(url: &str, address: SocketAddr) -> String {
    let mut url = reqwest::Url::parse(url).expect("a URL");
    url.set_host(Some(&address.ip().to_string())).expect("a URL with a host");
    url.set_port(Some(address.port())).expect("a URL with a port");
    url.to_string()
}

async fn accept(listener: TcpListener, service: Arc<(String, u16)>, wire: Receiver<Wire>) {
    // Dropped with this, and so are the connections in it.
    let mut open = tokio::task::JoinSet::new();
    loop {
        let Ok((near, _)) = listener.accept().await else { return };
        while open.try_join_next().is_some() {}
        let state = *wire.borrow();
        match state {
            Wire::Refuses | Wire::Cut => drop(near),
            Wire::Carries | Wire::Stalls => {
                let (service, mut cut) = (Arc::clone(&service), wire.clone());
                let carried = carry(near, service, wire.clone());
                open.spawn(async move {
                    tokio::select! {
                        // That one side has ended is all there is to say.
                        _ = carried => {}
                        _ = cut.wait_for(|wire| *wire == Wire::Cut) => {}
                    }
                });
            }
        }
    }
}

async fn carry(near: TcpStream, service: Arc<(String, u16)>, mut wire: Receiver<Wire>) -> io::Result<()> {
    until_it_carries(&mut wire).await?;
    let far = TcpStream::connect((service.0.as_str(), service.1)).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::select! {
        ended = pump(near_read, far_write, wire.clone()) => ended,
        ended = pump(far_read, near_write, wire) => ended,
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut wire: Receiver<Wire>) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        // Looked at after the read: what came while it stalled must not slip through.
        until_it_carries(&mut wire).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}

async fn until_it_carries(wire: &mut Receiver<Wire>) -> io::Result<()> {
    let carries = |wire: &Wire| matches!(wire, Wire::Carries | Wire::Refuses);
    wire.wait_for(carries).await.map_err(|_| io::ErrorKind::ConnectionAborted)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    /// A service that says everything again.
    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://user@{}/0", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = socket.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        url
    }

    async fn connect(proxy: &Proxy) -> TcpStream {
        TcpStream::connect(place(&proxy.url, 0)).await.unwrap()
    }

    /// What comes back within a moment; nothing when it is closed.
    async fn say(socket: &mut TcpStream, word: &[u8]) -> Option<Vec<u8>> {
        let mut heard = vec![0; word.len()];
        socket.write_all(word).await.ok()?;
        let answer = timeout(Duration::from_millis(500), socket.read_exact(&mut heard)).await;
        answer.ok()?.ok().map(|_| heard)
    }

    #[tokio::test]
    async fn it_carries_refuses_stalls_and_cuts() {
        let proxy = Proxy::before(&echo().await, 6379).await;
        assert!(
            proxy.url.starts_with("redis://user@127.0.0.1:") && proxy.url.ends_with("/0"),
            "{}",
            proxy.url
        );
        let mut old = connect(&proxy).await;
        assert_eq!(say(&mut old, b"one").await.as_deref(), Some(&b"one"[..]));

        proxy.refuse();
        assert_eq!(say(&mut connect(&proxy).await, b"new").await, None);
        assert_eq!(say(&mut old, b"two").await.as_deref(), Some(&b"two"[..]));

        proxy.stall();
        let mut new = connect(&proxy).await;
        assert_eq!((say(&mut old, b"three").await, say(&mut new, b"new").await), (None, None));
        proxy.restore();
        for (socket, word) in [(&mut old, &b"three"[..]), (&mut new, &b"new"[..])] {
            let mut late = vec![0; word.len()];
            socket.read_exact(&mut late).await.unwrap();
            assert_eq!(late, word, "held back, not lost");
        }

        proxy.cut();
        assert_eq!(old.read(&mut [0; 8]).await.unwrap_or(0), 0, "closed");
        assert_eq!(say(&mut connect(&proxy).await, b"four").await, None);
        proxy.restore();
        assert_eq!(say(&mut connect(&proxy).await, b"five").await.as_deref(), Some(&b"five"[..]));
    }
}
