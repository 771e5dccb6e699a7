//! Connections that can be cut: a fault closes one without a byte of an answer, which no HTTP framework
//! offers. The stream refuses to write once it is cut, so the server drops it.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use poem::{
    http::uri::Scheme,
    listener::Acceptor,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

type Cuts = Arc<Mutex<HashMap<SocketAddr, Arc<AtomicBool>>>>;

/// The open connections by the client's address.
#[derive(Clone, Default)]
pub(crate) struct Connections(Cuts);

impl Connections {
    /// Lets nothing more out of this connection. False when it is not one of ours (the endpoint is served
    /// by somebody else's listener).
    pub(crate) fn cut(&self, client: &RemoteAddr) -> bool {
        let Some(address) = client.as_socket_addr() else { return false };
        let cuts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cuts.get(address).is_some_and(|cut| {
            cut.store(true, Ordering::SeqCst);
            true
        })
    }

    fn open(&self, inner: TcpStream, client: SocketAddr) -> Connection {
        let cut = Arc::new(AtomicBool::new(false));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(client, cut.clone());
        Connection { inner, client, cut, all: self.0.clone() }
    }

    pub(crate) fn acceptor(&self, listener: TcpListener) -> io::Result<CuttableAcceptor> {
        let local = LocalAddr(listener.local_addr()?.into());
        Ok(CuttableAcceptor { listener, local, connections: self.clone() })
    }
}

pub(crate) struct CuttableAcceptor {
    listener: TcpListener,
    local: LocalAddr,
    connections: Connections,
}

impl Acceptor for CuttableAcceptor {
    type Io = Connection;

    fn local_addr(&self) -> Vec<LocalAddr> {
        vec![self.local.clone()]
    }

    async fn accept(&mut self) -> io::Result<(Connection, LocalAddr, RemoteAddr, Scheme)> {
        let (stream, client) = self.listener.accept().await?;
        // Small answers must not wait for the client's acknowledgement of the last one.
        stream.set_nodelay(true).ok();
        let connection = self.connections.open(stream, client);
        Ok((connection, self.local.clone(), RemoteAddr(client.into()), Scheme::HTTP))
    }
}

pub(crate) struct Connection {
    inner: TcpStream,
    client: SocketAddr,
    cut: Arc<AtomicBool>,
    all: Cuts,
}

impl Connection {
    fn check(&self) -> io::Result<()> {
        if self.cut.load(Ordering::SeqCst) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault"));
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        // A new connection may have the same address by now.
        if all.get(&self.client).is_some_and(|cut| Arc::ptr_eq(cut, &self.cut)) {
            all.remove(&self.client);
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
