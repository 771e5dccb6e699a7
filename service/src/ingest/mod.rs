//! The way in: a verified webhook is stored and applied, change by change.

mod inbound;
mod status;

use std::sync::Arc;

use bellhop_domain::inbound::{Change, Item, Sender, Unreadable};
use bellhop_domain::ports::CipherError;
use bellhop_domain::problem::Problem;
use bellhop_domain::webhook::{BadSignature, ChangeOutcome, VerifiedWebhook};
use bellhop_domain::{ConversationId, GuestId, WebhookChangeId};
use bellhop_entity::webhook_change;
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use serde_json::json;

use crate::app::App;
use crate::auth::hash;
use crate::connection::OpenConnection;
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::failpoint;
use crate::guest;
use crate::numbers;

pub(crate) use status::apply_parked;

/// What is done only once a change is committed.
#[derive(Default)]
struct AfterCommit {
    /// Windows for the cache.
    windows: Vec<(ConversationId, DateTime<Utc>)>,
    /// Lanes whose head was settled by a status.
    lanes: Vec<ConversationId>,
    /// What statuses taught about guests. Learned apart: it may join guests, which locks in
    /// another order than a status does.
    addresses: Vec<(GuestId, Sender)>,
}

impl App {
    /// Takes a webhook of the provider: `Ok` only after everything in it is committed.
    ///
    /// `INVALID_SIGNATURE` when no known app signed the body; then nothing is stored. A body that
    /// is signed but is no webhook is `VALIDATION_FAILED`.
    pub async fn receive_webhook(&self, body: Vec<u8>, signature: Option<&str>) -> Result<()> {
        let connections = self.connections().await?;
        let secrets = connections.iter().map(|c| &c.app_secret);
        let webhook = VerifiedWebhook::verify(body, signature, secrets).map_err(refuse)?;
        let changes =
            self.ports.provider.read_webhook(&webhook).map_err(|error| Error::field("body", error))?;
        let mut failed = None;
        for change in changes {
            // One that cannot be stored now must not hold up the others: all come again.
            if let Err(error) = self.receive_change(&webhook, change).await {
                tracing::error!(%error, "webhook change not stored");
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn receive_change(&self, webhook: &VerifiedWebhook, change: Change) -> Result<()> {
        if let Some(connection) = owner(&self.connections().await?, webhook, &change) {
            return self.take_change(&connection, change).await;
        }
        // It may have been connected a moment ago, by another process.
        self.connections.forget();
        let connections = self.connections().await?;
        if let Some(connection) = owner(&connections, webhook, &change) {
            return self.take_change(&connection, change).await;
        }
        let number = change.phone_number_id.as_deref();
        let known = number.is_some_and(|number| connections.iter().any(|c| c.line.phone_number_id == number));
        if !known && self.is_stored(number).await? {
            // Ours, but its credentials cannot be read: the provider shall try again.
            return Err(CipherError.into());
        }
        self.keep_foreign(change, known).await
    }

    async fn take_change(&self, connection: &Arc<OpenConnection>, change: Change) -> Result<()> {
        self.note_webhook(connection.id).await?;
        let scope = Scope { property: connection.property_id, at: self.now() };
        let digest = digest(&change);
        let tx = self.db.begin().await?;
        if is_applied(&tx, &digest).await? {
            return Ok(());
        }
        numbers::webhook_lag(&change.items, scope.at);
        let mut after = AfterCommit::default();
        let mut unreadable: Vec<Unreadable> = Vec::new();
        for item in change.items {
            match item {
                Ok(Item::Message(message)) => {
                    inbound::apply(&tx, scope, connection, message, &mut after).await?;
                }
                Ok(Item::Status(update)) => status::apply(&tx, scope, connection, update, &mut after).await?,
                Ok(Item::Kept) => {}
                Err(error) => unreadable.push(error),
            }
        }
        let outcome =
            if unreadable.is_empty() { ChangeOutcome::Applied } else { ChangeOutcome::PartlyUnreadable };
        let error = unreadable.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        if !error.is_empty() {
            tracing::warn!(connection = %connection.id, items = unreadable.len(), "webhook items kept unread");
        }
        let row = webhook_change::ActiveModel {
            property_id: Set(Some(connection.property_id)),
            connection_id: Set(Some(connection.id)),
            outcome: Set(outcome),
            error: Set(Some(error).filter(|error| !error.is_empty())),
            ..kept(change.field, digest, change.raw, scope.at)
        };
        store(&tx, row).await?;
        failpoint::here("webhook_before_commit");
        tx.commit().await?;
        failpoint::here("webhook_applied");
        for (conversation, end) in after.windows {
            self.cache_window(conversation, Some(end)).await;
        }
        for lane in after.lanes {
            self.start_lane(lane);
        }
        for (guest, sender) in after.addresses {
            // A failure here must not make the provider repeat what is committed.
            let known = guest::identifiers(self.db.reader(), guest).await.unwrap_or_default();
            self.learn_addresses(scope, guest, &known, &sender).await;
        }
        Ok(())
    }

    /// Keeps a change that speaks of nobody's number, or of a number of another app. No effect.
    async fn keep_foreign(&self, change: Change, known_elsewhere: bool) -> Result<()> {
        let error = if known_elsewhere {
            "signed by an app that the number does not belong to"
        } else {
            "no connection has this number or account"
        };
        tracing::warn!(field = %change.field, error, "webhook change without effect");
        let digest = digest(&change);
        let tx = self.db.begin().await?;
        if is_applied(&tx, &digest).await? {
            return Ok(());
        }
        let row = webhook_change::ActiveModel {
            property_id: Set(None),
            connection_id: Set(None),
            outcome: Set(ChangeOutcome::Foreign),
            error: Set(Some(error.to_owned())),
            ..kept(change.field, digest, change.raw, self.now())
        };
        store(&tx, row).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The connection that a change speaks of, if the app that signed it is that connection's own.
///
/// Account-level changes name no number; messages without one could be anybody's.
fn owner(
    all: &[Arc<OpenConnection>],
    webhook: &VerifiedWebhook,
    change: &Change,
) -> Option<Arc<OpenConnection>> {
    let meant = |c: &&Arc<OpenConnection>| match &change.phone_number_id {
        Some(number) => c.line.phone_number_id == *number,
        None => change.field != MESSAGES && c.line.waba_id == change.waba_id,
    };
    all.iter().filter(meant).find(|c| webhook.signed_with(&c.app_secret)).cloned()
}

/// Meta's field for messages and their statuses.
const MESSAGES: &str = "messages";

fn refuse(error: BadSignature) -> Error {
    let problem = Problem::InvalidSignature;
    Error::with(problem, problem.row().meaning, json!({"reason": error.to_string()}))
}

/// The provider repeats itself with the same bytes; the account keeps equal ones of different
/// accounts apart.
fn digest(change: &Change) -> String {
    hash(format!("{}|{}", change.waba_id, change.raw))
}

/// Whether this very change had its effect already. One that was kept without effect, or partly
/// unread, gets another chance.
async fn is_applied(tx: &DatabaseTransaction, digest: &str) -> Result<bool> {
    let known = webhook_change::Entity::find()
        .filter(webhook_change::Column::Digest.eq(digest))
        .filter(webhook_change::Column::Outcome.eq(ChangeOutcome::Applied))
        .one(tx)
        .await?;
    Ok(known.is_some())
}

fn kept(
    field: String,
    digest: String,
    body: serde_json::Value,
    at: DateTime<Utc>,
) -> webhook_change::ActiveModel {
    webhook_change::ActiveModel {
        id: Set(WebhookChangeId::new()),
        field: Set(field),
        digest: Set(digest),
        body: Set(body),
        received_at: Set(at),
        ..Default::default()
    }
}

async fn store(tx: &DatabaseTransaction, row: webhook_change::ActiveModel) -> Result<()> {
    use webhook_change::Column;
    let again = OnConflict::column(Column::Digest)
        .update_columns([
            Column::PropertyId,
            Column::ConnectionId,
            Column::Outcome,
            Column::Error,
            Column::ReceivedAt,
        ])
        .to_owned();
    webhook_change::Entity::insert(row).on_conflict(again).exec_without_returning(tx).await?;
    Ok(())
}
