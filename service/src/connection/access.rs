//! An access token that the provider no longer accepts, and what waits for another.

use bellhop_domain::connection::ConnectionStatus;
use bellhop_domain::event::EventType;
use bellhop_domain::ports::ProviderFailure;
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::{BatchId, ConnectionId, MessageId, MessageStatus};
use bellhop_entity::{batch, batch_chunk, connection, message, outbox};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde_json::json;

use super::OpenConnection;
use super::liveness::stored;
use crate::app::App;
use crate::batch::stop_of_connection;
use crate::db::real_now;
use crate::error::Result;
use crate::event::{self, Scope};
use crate::rows::{among, returning};

/// Messages that are made due in one transaction.
const RELEASED: u64 = 500;

/// What the refusal of a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The token in use: the connection waits for another.
    TokenInUse,
    /// One that was replaced meanwhile. It says nothing any more.
    FormerToken,
}

impl App {
    /// Awaits a call other than a send, and heeds an answer that says that the token is dead.
    pub(crate) async fn asked<T>(
        &self,
        connection: &OpenConnection,
        call: impl Future<Output = Result<T, ProviderFailure>>,
    ) -> Result<T, ProviderFailure> {
        let answer = call.await;
        if let Err(ProviderFailure::Refused(error)) = &answer
            && error.says_token_is_dead()
        {
            self.token_refused(connection, error).await;
        }
        answer
    }

    /// The provider refused the token with which it was called.
    pub(crate) async fn token_refused(&self, connection: &OpenConnection, error: &ProviderError) -> Refused {
        match self.lose_access(connection, error).await {
            Ok(refused) => refused,
            Err(failed) => {
                tracing::error!(connection = %connection.id, error = %failed, "refused token not noted");
                Refused::TokenInUse
            }
        }
    }

    /// Marks the connection, once, and stops its batches.
    async fn lose_access(&self, connection: &OpenConnection, error: &ProviderError) -> Result<Refused> {
        let tx = self.db.begin().await?;
        let row = connection::Entity::find_by_id(connection.id).lock(LockType::NoKeyUpdate).one(&tx).await?;
        let Some(row) = row.filter(|row| row.token_version == connection.token_version) else {
            tx.rollback().await?;
            self.connections.forget();
            return Ok(Refused::FormerToken);
        };
        if row.status == ConnectionStatus::Active {
            let scope = Scope { property: row.property_id, at: self.now() };
            let mut new = row.into_active_model();
            new.status = Set(ConnectionStatus::NeedsCredentials);
            new.last_error = Set(Some(stored(error)));
            new.last_error_at = Set(Some(real_now()));
            let row = new.update(&tx).await?;
            tell(&tx, scope, &row, ConnectionStatus::Active).await?;
            tx.commit().await?;
            self.connections.forget();
            tracing::warn!(
                connection = %row.id, code = error.code, "WhatsApp refuses the access token; a new one is needed"
            );
        } else {
            tx.rollback().await?;
        }
        stop_of_connection(self, connection.id, &format!("{} ({})", error.title, error.code)).await?;
        Ok(Refused::TokenInUse)
    }

    /// After a refusal of a token was stored: had a new one come in the same moment, nobody would look at
    /// the message for minutes.
    pub(crate) async fn release_if_renewed(&self, message: MessageId) -> Result<()> {
        let id: Option<ConnectionId> = message::Entity::find_by_id(message)
            .select_only()
            .column(message::Column::ConnectionId)
            .into_tuple()
            .one(self.db.reader())
            .await?;
        let Some(id) = id else { return Ok(()) };
        match self.status_of_connection(id).await? {
            Some(ConnectionStatus::Active) => self.release_waiting(id).await,
            Some(
                ConnectionStatus::NeedsCredentials | ConnectionStatus::Connecting | ConnectionStatus::Removed,
            )
            | None => Ok(()),
        }
    }

    /// Makes what waits for a connection due at once: to leave with the new token, or to fail because the
    /// number was taken away. May be repeated.
    pub(crate) async fn release_waiting(&self, id: ConnectionId) -> Result<()> {
        let mut after = None;
        loop {
            // What was sent by hand and is not settled stands in the outbox, which is small.
            let mut unsettled = outbox::Entity::find()
                .select_only()
                .column(outbox::Column::MessageId)
                .order_by_asc(outbox::Column::MessageId)
                .limit(RELEASED);
            if let Some(after) = after {
                unsettled = unsettled.filter(outbox::Column::MessageId.gt(after));
            }
            let unsettled: Vec<MessageId> = unsettled.into_tuple().all(self.db.reader()).await?;
            let Some(last) = unsettled.last().copied() else { break };
            after = Some(last);
            self.release_singles(id, unsettled).await?;
        }
        let batches: Vec<BatchId> = batch::Entity::find()
            .select_only()
            .column(batch::Column::Id)
            .filter(batch::Column::ConnectionId.eq(id))
            .filter(batch::Column::FinishedAt.is_null())
            .into_tuple()
            .all(self.db.reader())
            .await?;
        for batch in batches {
            self.release_batch(batch).await?;
        }
        self.wake.notify_one();
        Ok(())
    }

    async fn release_singles(&self, id: ConnectionId, unsettled: Vec<MessageId>) -> Result<()> {
        use message::Column;
        let now = real_now();
        let tx = self.db.begin().await?;
        let due = message::Entity::update_many()
            .col_expr(Column::DueAt, Expr::value(now))
            .filter(among(&tx, Column::Id, unsettled))
            .filter(Column::ConnectionId.eq(id))
            .filter(Column::Status.eq(MessageStatus::Queued))
            .filter(Column::DueAt.gt(now));
        let due: Vec<MessageId> = returning(&tx, due, [Column::Id]).await?;
        outbox::Entity::update_many()
            .col_expr(outbox::Column::PublishAt, Expr::value(now))
            .filter(among(&tx, outbox::Column::MessageId, due))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn release_batch(&self, id: BatchId) -> Result<()> {
        let now = real_now();
        let tx = self.db.begin().await?;
        // As everybody does who writes many of a batch's messages.
        batch::Entity::find_by_id(id).lock_shared().one(&tx).await?;
        message::Entity::update_many()
            .col_expr(message::Column::DueAt, Expr::value(now))
            .filter(message::Column::BatchId.eq(id))
            .filter(message::Column::Status.eq(MessageStatus::Queued))
            .filter(message::Column::BatchChunk.is_not_null())
            .filter(message::Column::DueAt.gt(now))
            .exec(&tx)
            .await?;
        batch_chunk::Entity::update_many()
            .col_expr(batch_chunk::Column::PublishAt, Expr::value(now))
            .filter(batch_chunk::Column::BatchId.eq(id))
            .filter(batch_chunk::Column::PublishAt.gt(now))
            .filter(batch_chunk::Column::LeaseToken.is_null())
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Writes the event of a change of status.
pub(super) async fn tell(
    tx: &DatabaseTransaction,
    scope: Scope,
    row: &connection::Model,
    before: ConnectionStatus,
) -> Result<()> {
    let data = json!({
        "connection_id": row.id,
        "status": row.status,
        "previous_status": before,
        "phone_number_id": row.phone_number_id,
        "reason": row.last_error.as_ref().filter(|_| row.status == ConnectionStatus::NeedsCredentials),
    });
    event::record(tx, scope, EventType::ConnectionStatusChanged, data).await
}
