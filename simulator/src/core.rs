//! What all parts of a simulator share.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, atomic::AtomicBool},
};

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    Config,
    account::{Account, well_known},
    clock::{SharedClock, system_ms},
    connections::Connections,
    journal::Journal,
    lock,
    media::Folder,
    queue::{Event, Notice, Owner},
    restore,
    state::{GuestId, State},
    templates, webhooks,
};

/// How many webhooks are on the wire at once.
const DELIVERIES: usize = 64;

pub(crate) struct Core {
    pub account: Account,
    pub clock: SharedClock,
    state: Mutex<State>,
    journal: Option<Journal>,
    pub media: Folder,
    /// Changes whenever waiting deliveries should look again: another callback, other faults.
    pub changes: watch::Sender<u64>,
    pub shutdown: CancellationToken,
    pub deliveries: Semaphore,
    /// With the `batch` fault: what waits to go out together.
    pub batch: Mutex<Vec<webhooks::BatchPart>>,
    pub connections: Connections,
    http: OnceLock<reqwest::Client>,
}

impl Core {
    pub(crate) fn open(config: Config) -> anyhow::Result<Arc<Self>> {
        let mut state = State { templates: templates::seeded(), ..State::default() };
        let media = match &config.data_dir {
            None => Folder::Fleeting(Mutex::default()),
            Some(dir) => Folder::Kept(dir.join(format!("simulator-{}-media", config.account))),
        };
        let journal = match &config.data_dir {
            None => None,
            Some(dir) => Some(open_journal(dir, &config, &mut state)?),
        };
        media.sweep(|id| state.media.contains_key(id));
        Ok(Arc::new(Self {
            account: well_known(config.account),
            clock: config.clock,
            state: Mutex::new(state),
            journal,
            media,
            changes: watch::Sender::new(0),
            shutdown: CancellationToken::new(),
            deliveries: Semaphore::new(DELIVERIES),
            batch: Mutex::default(),
            connections: Connections::default(),
            http: OnceLock::new(),
        }))
    }

    /// The state, locked. Never hold it over an `await`.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Takes up a journal line; call it with the state locked, and [`Core::flush`] once it is not.
    pub(crate) fn record(&self, tag: &str, data: &impl Serialize) {
        if let Some(journal) = &self.journal {
            journal.push(tag, data);
        }
    }

    /// Puts what was recorded into the journal's file.
    pub(crate) fn flush(&self) -> std::io::Result<()> {
        match &self.journal {
            None => Ok(()),
            Some(journal) => journal.flush().inspect_err(|error| {
                tracing::error!(%error, "the journal could not be written");
            }),
        }
    }

    /// Queues a webhook and sees to it that somebody delivers it.
    pub(crate) fn queue(self: &Arc<Self>, state: &mut State, owner: Owner, due: i64, event: Event) {
        if state.queue(owner, due, event) {
            webhooks::start(self, state, owner);
        }
    }

    /// Tells the business of a change of its account; call it with the state locked, and
    /// [`Core::flush`] once it is not.
    pub(crate) fn notify(self: &Arc<Self>, state: &mut State, field: &str, value: Value) {
        self.tell(state, None, field, value);
    }

    /// As [`Core::notify`], for what a guest has done.
    pub(crate) fn notify_of(self: &Arc<Self>, state: &mut State, guest: GuestId, field: &str, value: Value) {
        self.tell(state, Some(guest), field, value);
    }

    fn tell(self: &Arc<Self>, state: &mut State, guest: Option<GuestId>, field: &str, value: Value) {
        let due = system_ms();
        let (field, at) = (field.to_owned(), self.clock.now_ms());
        let notice = Notice { field, value, at, due, guest, told: AtomicBool::new(false) };
        self.record(restore::tag::NOTICE, &notice);
        let (place, owner) = (state.notices.len(), notice.owner());
        state.notices.push(notice);
        self.queue(state, owner, due, Event::Notice(place));
    }

    /// Starts the deliveries and reviews that a restart has interrupted. Does nothing to those that run.
    pub(crate) fn start_tasks(self: &Arc<Self>) {
        let mut state = self.state();
        for owner in state.owners() {
            let idle = state.queue_of(owner).is_some_and(|queue| !queue.active && !queue.waiting.is_empty());
            if idle {
                webhooks::start(self, &mut state, owner);
            }
        }
        templates::start_reviews(self, &state);
    }

    pub(crate) fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }

    /// The client for callbacks, made when it is first needed: reading the system's certificates takes
    /// longer than opening the simulator should. No proxy, no redirects: Meta follows none.
    pub(crate) fn http(&self) -> Result<&reqwest::Client, reqwest::Error> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(std::time::Duration::from_secs(10))
            .user_agent("facebookexternalua")
            .build()?;
        Ok(self.http.get_or_init(|| client))
    }
}

fn open_journal(dir: &Path, config: &Config, state: &mut State) -> anyhow::Result<Journal> {
    std::fs::create_dir_all(dir)
        .with_context(|| format!("the simulator's data folder {} could not be made", dir.display()))?;
    let path = dir.join(format!("simulator-{}.jsonl", config.account));
    restore::load(&path, &config.clock, state)
        .with_context(|| format!("the simulator's journal {} could not be read", path.display()))?;
    Journal::replace(&path, &restore::dump(&config.clock, state))
        .with_context(|| format!("the simulator's journal {} could not be written", path.display()))
}
