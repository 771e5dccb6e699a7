//! Taking a number away.

use bellhop_domain::ConnectionId;
use bellhop_domain::audit::AuditAction;
use bellhop_domain::connection::ConnectionStatus;
use bellhop_domain::error_table::OwnReason;
use bellhop_domain::rights::Right;
use sea_orm::ActiveModelTrait;
use sea_orm::ActiveValue::Set;
use sea_orm::IntoActiveModel;

use super::access::tell;
use super::{lock, trail};
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::batch::stop_of_connection;
use crate::error::Result;
use crate::event::Scope;
use crate::failpoint;

impl App {
    /// Takes a number away: its secrets are gone, its history stays, and it may be connected again. What
    /// has not left fails, one by one and with the reason; its batches stop with what they have left.
    pub async fn remove_connection(&self, caller: &Caller, id: ConnectionId) -> Result<()> {
        caller.require(Right::ManageConnections)?;
        let scope = Scope { property: caller.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        let row = lock(&tx, caller.property_id, id).await?;
        let entry = Entry::of(AuditAction::ConnectionRemoved, id).gone(trail::told(&row));
        let before = row.status;
        let mut new = row.into_active_model();
        new.status = Set(ConnectionStatus::Removed);
        new.removed_at = Set(Some(scope.at));
        new.updated_at = Set(Some(scope.at));
        new.is_default = Set(false);
        new.access_token = Set(Vec::new());
        new.app_secret = Set(Vec::new());
        new.verify_token = Set(Vec::new());
        let row = new.update(&tx).await?;
        tell(&tx, scope, &row, before).await?;
        audit::record(&tx, scope, caller, entry).await?;
        tx.commit().await?;
        self.connections.forget();
        failpoint::here("connection_removed");
        // Were the process to die here, each batch would stop at its next chunk, each message when it is due.
        stop_of_connection(self, id, OwnReason::NumberRemoved.title()).await?;
        self.release_waiting(id).await
    }
}
