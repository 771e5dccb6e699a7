//! Being one of several processes that send.

use bellhop_service::App;
use bellhop_service::fleet::{BEAT, Member};
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// This process's place among those that send on the same database.
pub struct Fleet {
    app: App,
    me: Member,
    /// Nobody keeps the pace for all of them.
    paces_alone: bool,
    last: u32,
}

impl Fleet {
    /// Takes the place. Before the first message: from here on the pace is shared.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn join(app: &App, role: &'static str, settings: &Settings) -> anyhow::Result<Self> {
        let paces_alone = settings.redis_url.is_none();
        let mut fleet = Self { app: app.clone(), me: Member::new(role), paces_alone, last: 1 };
        let live = app.beat(&fleet.me).await?;
        fleet.say(live);
        Ok(fleet)
    }

    /// Keeps the place until the token is cancelled, and gives it up then.
    pub async fn keep(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                () = tokio::time::sleep(BEAT) => {}
                () = shutdown.cancelled() => break,
            }
            match self.app.beat(&self.me).await {
                Ok(live) => self.say(live),
                // The share stays what it was: without a database nothing is sent either.
                Err(error) => tracing::warn!(%error, "no word to the other processes"),
            }
        }
        if let Err(error) = self.app.leave(&self.me).await {
            tracing::warn!(%error, "the other processes will notice in 10 s");
        }
        Ok(())
    }

    /// Once for each change.
    fn say(&mut self, live: u32) {
        if self.paces_alone && live != self.last {
            tracing::info!(
                processes = live,
                "without Redis each process that sends paces by itself, at the limit divided by their number"
            );
        }
        self.last = live;
    }
}

#[cfg(test)]
mod tests;
