//! The way in: a verified webhook is stored and applied, change by change.

mod group;
mod inbound;
mod preference;
mod revision;
mod status;

use std::sync::Arc;

use bellhop_domain::inbound::{Change, Item, Sender, StatusUpdate, Unreadable};
use bellhop_domain::ports::CipherError;
use bellhop_domain::problem::Problem;
use bellhop_domain::webhook::{BadSignature, ChangeOutcome, VerifiedWebhook};
use bellhop_domain::{ConnectionId, ConversationId, GuestId, MessageId, PropertyId, WebhookChangeId};
use bellhop_entity::webhook_change;
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{DatabaseTransaction, EntityTrait};
use serde_json::json;

use crate::app::App;
use crate::auth::hash;
use crate::connection::OpenConnection;
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::failpoint;
use crate::guest::{self, Learned};
use crate::numbers;
use crate::privacy::{self, Known};
use crate::template;

pub(crate) use group::Statuses;
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
    addresses: Vec<Learned>,
    /// Whether the templates have to be read anew: the news said less than the list does.
    sync_templates: bool,
    /// Whether guests' files are to be fetched.
    fetch: bool,
    /// Whether it told of something that was erased: then nothing is kept of what it said.
    erased: bool,
}

impl AfterCommit {
    fn learn(&mut self, guest: GuestId, property: PropertyId, update: &StatusUpdate) {
        if let Some(bsuid) = update.bsuid.clone() {
            let sender = Sender { wa_id: update.wa_id.clone(), bsuid: Some(bsuid), ..Sender::default() };
            self.addresses.push(Learned { property, guest, sender });
        }
    }
}

impl App {
    /// Takes a webhook of the provider: `Ok` only after everything in it is committed.
    ///
    /// `INVALID_SIGNATURE` when no known app signed the body; then nothing is stored. A body that
    /// is signed but is no webhook is `VALIDATION_FAILED`.
    pub async fn receive_webhook(&self, body: Vec<u8>, signature: Option<&str>) -> Result<()> {
        let connections = self.connections().await?;
        let secrets = connections.iter().filter_map(|c| c.app_secret.as_ref());
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
        let known = connections.iter().find(|c| number == Some(c.line.phone_number_id.as_str()));
        match known {
            // Signed by another number's app, which may be this one's too: the provider shall try again.
            Some(known) if known.app_secret.is_none() => Err(refuse(BadSignature::Mismatch)),
            // Numbers of one account have one app: its secret is being changed, one number after the other.
            Some(known) if connections.iter().any(|c| is_kin(c, known) && signed_by(webhook, c)) => {
                Err(refuse(BadSignature::Mismatch))
            }
            // Ours, but its credentials cannot be read, or it is being connected: the provider shall try again.
            None if self.is_stored(number).await? => Err(CipherError.into()),
            Some(_) | None => self.keep_foreign(change, known).await,
        }
    }

    async fn take_change(&self, connection: &Arc<OpenConnection>, change: Change) -> Result<()> {
        self.note_webhook(connection.id).await?;
        let digest = digest(&change);
        let is_about_limits = change.field == LIMITS;
        if group::is_of_statuses(&change) {
            return self.take_statuses(connection, change, digest).await;
        }
        // On the heap: as part of every caller's frame it would fill a thread's stack in a debug build.
        Box::pin(self.take_alone(connection, change, digest)).await?;
        if is_about_limits {
            self.sync_account(connection.line.waba_id.clone());
        }
        Ok(())
    }

    async fn take_alone(
        &self,
        connection: &Arc<OpenConnection>,
        change: Change,
        digest: String,
    ) -> Result<()> {
        let scope = Scope { property: connection.property_id, at: self.now() };
        let time = change.time;
        let (items, unreadable): (Vec<Item>, Vec<Unreadable>) = split(change.items);
        let outcome =
            if unreadable.is_empty() { ChangeOutcome::Applied } else { ChangeOutcome::PartlyUnreadable };
        let error = unreadable.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let row = webhook_change::ActiveModel {
            property_id: Set(Some(connection.property_id)),
            connection_id: Set(Some(connection.id)),
            outcome: Set(outcome),
            error: Set(Some(error).filter(|error| !error.is_empty())),
            ..kept(change.field, digest.clone(), change.raw, scope.at)
        };
        // Before the transaction, which has the one connection that it may use.
        let of_templates = items.iter().any(|item| matches!(item, Item::Template(_)));
        let numbers = if of_templates { self.numbers_of_account(connection).await? } else { Vec::new() };
        let tx = self.db.begin().await?;
        if !keep(&tx, row).await? {
            return Ok(());
        }
        if !unreadable.is_empty() {
            tracing::warn!(connection = %connection.id, items = unreadable.len(), "webhook items kept unread");
        }
        let told: Vec<_> = items.iter().filter_map(message_of).collect();
        let mut after = self.apply_items(&tx, (connection, scope), items, (&numbers, time)).await?;
        after.erased |= !privacy::forget_statuses(&tx, told).await?.is_empty();
        if after.erased {
            privacy::blank_changes(&tx, [digest]).await?;
        }
        failpoint::here("webhook_before_commit");
        tx.commit().await?;
        failpoint::here("webhook_applied");
        if after.sync_templates {
            self.sync_templates_soon(connection.line.waba_id.clone());
        }
        self.after_commit(after).await;
        Ok(())
    }

    /// Applies what a change tells, item by item.
    async fn apply_items(
        &self,
        tx: &DatabaseTransaction,
        (connection, scope): (&OpenConnection, Scope),
        mut items: Vec<Item>,
        (numbers, time): (&[ConnectionId], Option<i64>),
    ) -> Result<AfterCommit> {
        let mut after = AfterCommit::default();
        status::hold_guests(tx, items.iter().filter_map(|item| status::of(connection, item))).await?;
        hold_senders(tx, scope, &mut items).await?;
        for item in items {
            match item {
                Item::Message(message) => {
                    numbers::webhook_lag(message.timestamp, scope.at);
                    let stops = self.config.stop_words.are_in(&message.content);
                    // The same again.
                    Box::pin(inbound::apply(tx, scope, connection, (*message, stops), &mut after)).await?;
                }
                Item::Revision(revision) => {
                    after.erased |=
                        revision::apply(tx, scope, connection.id, revision).await? == Known::Erased;
                }
                Item::Status(update) => {
                    numbers::webhook_lag(update.timestamp, scope.at);
                    status::apply(tx, scope, connection, update, &mut after).await?;
                }
                Item::Template(news) => {
                    after.sync_templates |= !template::apply_news(tx, scope, numbers, (&news, time)).await?
                        || template::asks_for_sync(&news);
                }
                Item::Preference(preference) => preference::apply(tx, scope, preference).await?,
                Item::Kept => {}
            }
        }
        Ok(after)
    }

    /// The numbers of the account that a connection's app may speak for.
    async fn numbers_of_account(&self, connection: &OpenConnection) -> Result<Vec<ConnectionId>> {
        let all = self.connections().await?;
        let same = |c: &&Arc<OpenConnection>| {
            c.line.waba_id == connection.line.waba_id && c.app_secret == connection.app_secret
        };
        Ok(all.iter().filter(same).map(|c| c.id).collect())
    }

    async fn after_commit(&self, after: AfterCommit) {
        for (conversation, end) in after.windows {
            self.cache_window(conversation, Some(end)).await;
        }
        for lane in after.lanes {
            self.start_lane(lane);
        }
        if after.fetch {
            self.start_fetching();
        }
        self.learn_addresses_of_many(after.addresses).await;
    }

    /// Keeps a change that speaks of nobody's number, or of a number of another app. No effect.
    async fn keep_foreign(&self, change: Change, known: Option<&Arc<OpenConnection>>) -> Result<()> {
        let error = if known.is_some() {
            "signed by an app that the number does not belong to"
        } else {
            "no connection has this number or account"
        };
        tracing::warn!(field = %change.field, error, "webhook change without effect");
        let digest = digest(&change);
        let row = webhook_change::ActiveModel {
            property_id: Set(known.map(|known| known.property_id)),
            connection_id: Set(known.map(|known| known.id)),
            outcome: Set(ChangeOutcome::Foreign),
            error: Set(Some(error.to_owned())),
            ..kept(change.field, digest, change.raw, self.now())
        };
        let tx = self.db.begin().await?;
        keep(&tx, row).await?;
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
    let signed = |c: &&Arc<OpenConnection>| c.app_secret.as_ref().is_some_and(|own| webhook.signed_with(own));
    all.iter().filter(meant).find(signed).cloned()
}

fn is_kin(a: &OpenConnection, b: &OpenConnection) -> bool {
    a.property_id == b.property_id && a.line.waba_id == b.line.waba_id
}

fn signed_by(webhook: &VerifiedWebhook, connection: &OpenConnection) -> bool {
    connection.app_secret.as_ref().is_some_and(|secret| webhook.signed_with(secret))
}

/// Meta's field for news about what a number may send. They name the number for people to read only, so the
/// limits themselves are asked for.
const LIMITS: &str = "phone_number_quality_update";

/// Meta's field for messages and their statuses.
const MESSAGES: &str = "messages";

fn refuse(error: BadSignature) -> Error {
    let problem = Problem::InvalidSignature;
    Error::with(problem, problem.row().meaning, json!({"reason": error.to_string()}))
}

/// The provider repeats itself with the same bytes; the account keeps equal ones of different accounts apart,
/// and the time those that say the same again, such as a template's second approval.
fn digest(change: &Change) -> String {
    match change.time {
        Some(time) => hash(format!("{}|{time}|{}", change.waba_id, change.raw)),
        None => hash(format!("{}|{}", change.waba_id, change.raw)),
    }
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

/// Keeps a change as it came. `false` when this very change had its effect already; one that was kept
/// without effect, or partly unread, gets another chance. A copy that comes in the same instant waits here.
async fn keep(tx: &DatabaseTransaction, row: webhook_change::ActiveModel) -> Result<bool> {
    use webhook_change::Column;
    let again = OnConflict::column(Column::Digest)
        .update_columns([
            Column::PropertyId,
            Column::ConnectionId,
            Column::Outcome,
            Column::Error,
            Column::ReceivedAt,
        ])
        .action_and_where(Expr::col((webhook_change::Entity, Column::Outcome)).ne(ChangeOutcome::Applied))
        .to_owned();
    let kept = webhook_change::Entity::insert(row).on_conflict(again).exec_without_returning(tx).await?;
    Ok(kept == 1)
}

/// Locks the guests of a change that is about several. Two changes about the same ones must not wait for each
/// other: the known ones are locked in their order, and new ones are made in the order of what is told of them.
async fn hold_senders(tx: &DatabaseTransaction, scope: Scope, items: &mut [Item]) -> Result<()> {
    // What one guest did stays in its order.
    items.sort_by_cached_key(|item| {
        item.sender().map(|(sender, _)| (sender.wa_id.clone(), sender.bsuid.clone()))
    });
    let senders: Vec<_> = items.iter().filter_map(Item::sender).collect();
    if senders.len() > 1 {
        guest::lock_all(tx, scope, &senders).await?;
    }
    Ok(())
}

/// Our message that a status tells of.
fn message_of(item: &Item) -> Option<MessageId> {
    match item {
        Item::Status(update) => update.attempt.map(|attempt| attempt.message),
        Item::Message(_) | Item::Revision(_) | Item::Template(_) | Item::Preference(_) | Item::Kept => None,
    }
}

fn split(items: Vec<std::result::Result<Item, Unreadable>>) -> (Vec<Item>, Vec<Unreadable>) {
    let (mut readable, mut unreadable) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        match item {
            Ok(item) => readable.push(item),
            Err(error) => unreadable.push(error),
        }
    }
    (readable, unreadable)
}
