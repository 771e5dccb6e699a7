//! The server's own loop.

use std::io;
use std::time::Duration;

use bellhop_service::App;
use poem::Server;
use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::{TcpListener, TcpStream};

use crate::{Options, app};

/// How long requests under way may take after the end was asked for.
const GRACE: Duration = Duration::from_secs(10);

/// The pause after a connection that could not be accepted.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Answers on `listener` until `shutdown` completes, and then what is under way, for at most 10 s.
pub async fn serve(
    listener: TcpListener,
    application: App,
    options: Options,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let ending = application.clone();
    let shutdown = async move {
        shutdown.await;
        // They would use up the grace of those who wait for an answer.
        ending.end_feeds();
    };
    let server = Server::new_with_acceptor(Careful(TcpAcceptor::from_tokio(listener)?));
    server.run_with_graceful_shutdown(app(application, options), shutdown, Some(GRACE)).await
}

/// Accepts as the framework does, which answers small writes late (Nagle) and spins when the
/// process has no file descriptors left.
struct Careful(TcpAcceptor);

impl Acceptor for Careful {
    type Io = TcpStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        match self.0.accept().await {
            Ok(accepted) => {
                // Without it everything works, only slower.
                let _ = accepted.0.set_nodelay(true);
                Ok(accepted)
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(AFTER_FAILURE).await;
                Err(error)
            }
        }
    }
}
