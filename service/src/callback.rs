//! The provider's callbacks of all connections.

use std::collections::HashSet;

use bellhop_domain::ConnectionId;

use crate::app::App;
use crate::error::Result;

impl App {
    /// Registers the callback of every connection that wants it and is not in `done` yet, and puts those in
    /// for which it went well. Returns how many did not.
    ///
    /// # Errors
    /// When the connections cannot be read. One that the provider refuses is logged and counted: it
    /// must not keep the others from receiving.
    pub async fn register_callbacks(&self, done: &mut HashSet<ConnectionId>) -> Result<usize> {
        let mut failed = 0;
        for connection in self.connections().await?.iter() {
            let id = connection.id;
            if done.contains(&id) || connection.callback_elsewhere || !connection.status.is_usable() {
                continue;
            }
            match self.register_callback(id).await {
                Ok(()) => {
                    tracing::info!(connection = %id, "callback registered");
                    done.insert(id);
                }
                Err(error) => {
                    tracing::warn!(connection = %id, %error, "the callback cannot be registered; trying on");
                    failed += 1;
                }
            }
        }
        Ok(failed)
    }
}
