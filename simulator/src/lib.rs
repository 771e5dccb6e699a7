//! WhatsApp as a server, for development and tests.
//!
//! Three surfaces share one state: the Cloud API at any `/vNN.N/`, a control API under `/simulator`, and
//! the guests' phones at `/`. Wire types are written here a second time on purpose: a typo shared with the
//! adapter that talks to Meta would cancel itself out.

mod account;
mod clock;
mod connections;
mod control;
mod core;
mod faults;
mod graph;
mod guests;
mod journal;
mod limits;
mod media;
mod page;
mod profile;
mod queue;
mod restore;
mod revisions;
mod state;
mod templates;
mod uploads;
mod wamid;
mod webhooks;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use poem::{Endpoint, Request, Response, Server, endpoint};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use account::{Account, well_known};
pub use clock::SharedClock;

use crate::core::Core;

/// What one request may bring along.
const BODY_LIMIT: usize = 8 << 20;
/// How long open requests may go on after the shutdown signal.
const GRACE: Duration = Duration::from_secs(1);

/// How a simulator is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// 1, 2, 3 …: which of the well-known accounts it plays.
    pub account: u32,
    /// Where it keeps its journal and media; None: in memory, with media in a folder that goes with it.
    pub data_dir: Option<PathBuf>,
    /// Shared with whoever lives in the same process, so that a moved clock moves all of it.
    pub clock: SharedClock,
}

/// A simulator; clones are the same one.
#[derive(Clone)]
pub struct Simulator {
    core: Arc<Core>,
}

impl Simulator {
    /// Opens a simulator with what its journal remembers. It delivers webhooks once it is served.
    ///
    /// # Errors
    /// When the data folder cannot be read and written.
    pub fn open(config: Config) -> anyhow::Result<Self> {
        Ok(Self { core: Core::open(config)? })
    }

    /// The account it plays.
    pub fn account(&self) -> Account {
        self.core.account.clone()
    }

    /// All of its surfaces, for a server of one's own. `close_after_accept` then breaks the answer off
    /// after its headers; only [`Simulator::serve`] can close a connection without a byte.
    pub fn endpoint(&self) -> impl Endpoint<Output = Response> + use<> {
        self.core.start_tasks();
        let core = self.core.clone();
        endpoint::make(move |request| {
            let core = core.clone();
            async move { Ok::<_, poem::Error>(answer(&core, request).await) }
        })
    }

    /// Serves a bound listener until the token is cancelled. The simulator is of no use afterwards: open
    /// another one.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
        let acceptor = self.core.connections.acceptor(listener)?;
        let core = self.core.clone();
        let signal = async move {
            shutdown.cancelled().await;
            core.shutdown.cancel();
        };
        Server::new_with_acceptor(acceptor)
            .run_with_graceful_shutdown(self.endpoint(), signal, Some(GRACE))
            .await?;
        Ok(())
    }
}

async fn answer(core: &Arc<Core>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["simulator", rest @ ..] => control::answer(core, rest, request).await,
        ["whatsapp_business", "attachments"] => graph::download(core, &request).await,
        [version, rest @ ..] if graph::is_version(version) => {
            graph::answer(core, version, rest, request).await
        }
        other => page::answer(request.method(), other),
    }
}

/// A lock that nobody can spoil: what is under one of these is right after every single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
