//! Messages, as the API shows them.

use std::time::Duration;

use bellhop_domain::audit::AuditAction;
use bellhop_domain::conversation::Direction;
use bellhop_domain::error_table::OwnReason;
use bellhop_domain::inbound::{Origin, Saying};
use bellhop_domain::pricing::Pricing;
use bellhop_domain::problem::Problem;
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::rights::Right;
use bellhop_domain::status::Evidence;
use bellhop_domain::{Content, ConversationId, GuestId, MessageId, MessageStatus, PropertyId};
use bellhop_entity::message;
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::dispatch::{Change, settle};
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::links;
use crate::media::Arrival;
use crate::page::{Page, PageRequest};
use crate::schedule;

#[derive(Debug, Clone)]
pub struct MessageView {
    pub message_id: MessageId,
    pub conversation_id: ConversationId,
    pub guest_id: GuestId,
    pub direction: Direction,
    pub status: MessageStatus,
    pub content: Content,
    /// The provider's id.
    pub wamid: Option<String>,
    /// The wamid of the message that this one answers.
    pub reply_to: Option<String>,
    /// The same, where it is a message that we have.
    pub reply_to_message: Option<MessageId>,
    /// Where it comes from, if not simply from the guest.
    pub origin: Option<Origin>,
    /// When the guest changed it last.
    pub edited_at: Option<DateTime<Utc>>,
    /// When the guest deleted it for everyone; what it said is kept.
    pub revoked_at: Option<DateTime<Utc>>,
    /// What it said before, oldest first.
    pub revisions: Vec<Saying>,
    pub staff_member_id: Option<String>,
    pub metadata: Option<Value>,
    /// How often it went, or may have gone, on the wire.
    pub attempts: i32,
    /// When a queued message is tried next.
    pub due_at: Option<DateTime<Utc>>,
    /// When a scheduled message leaves.
    pub send_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
    pub delivered_at: Option<DateTime<Utc>>,
    pub read_at: Option<DateTime<Utc>>,
    pub failed_at: Option<DateTime<Utc>>,
    /// The last refusal; of a queued message the one after which it is tried again.
    pub failure: Option<ProviderError>,
    /// When it became uncertain whether the message had left.
    pub in_doubt_since: Option<DateTime<Utc>>,
    /// The provider took it twice.
    pub sent_twice: bool,
    /// Whether it costs and by which tariff, once the provider said so.
    pub pricing: Option<Pricing>,
    /// What was said is the template for a closed window.
    pub fell_back: bool,
    /// The message that was dropped for a closed window, instead of which this one went out.
    pub fallback_for: Option<MessageId>,
    /// Since when nothing is kept of what it said.
    pub erased_at: Option<DateTime<Utc>>,
    /// Where a message is asked for by itself and only a template reaches the guest.
    pub suggested_templates: Option<Vec<String>>,
    /// Of a message with a guest's file: what became of that.
    pub arrival: Option<Arrival>,
}

impl From<message::Model> for MessageView {
    fn from(row: message::Model) -> Self {
        Self {
            message_id: row.id,
            conversation_id: row.conversation_id,
            guest_id: row.guest_id,
            direction: row.direction,
            status: row.status,
            content: row.content,
            wamid: row.wamid,
            reply_to: row.reply_to,
            reply_to_message: None,
            origin: row.origin,
            edited_at: row.edited_at,
            revoked_at: row.revoked_at,
            revisions: row.revisions.unwrap_or_default().0,
            staff_member_id: row.staff_member_id,
            metadata: row.metadata,
            attempts: row.attempt,
            due_at: (row.status == MessageStatus::Queued).then_some(row.due_at),
            send_at: row.send_at,
            created_at: row.created_at,
            sent_at: row.sent_at,
            delivered_at: row.delivered_at,
            read_at: row.read_at,
            failed_at: row.failed_at,
            failure: row.failure.and_then(|failure| serde_json::from_value(failure).ok()),
            in_doubt_since: row.in_doubt_since,
            sent_twice: row.sent_twice,
            pricing: row.pricing.and_then(|pricing| serde_json::from_value(pricing).ok()),
            fell_back: row.fell_back,
            fallback_for: row.fallback_for,
            erased_at: row.erased_at,
            suggested_templates: None,
            arrival: None,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    pub conversation_id: Option<ConversationId>,
    pub guest_id: Option<GuestId>,
    pub status: Option<MessageStatus>,
    pub direction: Option<Direction>,
}

/// What staff decide about a message in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Send it again; the guest may get it twice.
    Resend,
    /// The guest has it, as somebody found out.
    MarkSent,
    /// Take it as failed; the guest may have it.
    MarkFailed,
}

impl App {
    pub async fn message(&self, caller: &Caller, id: MessageId) -> Result<MessageView> {
        caller.require(Right::ReadConversations)?;
        let row = find(self.db.reader(), caller.property_id, id).await?;
        let mut view = links::show_one(self.db.reader(), row).await?;
        if view.wants_template() {
            let suggested = self.suggest_templates(caller.property_id, Some(view.conversation_id)).await?;
            view.suggested_templates = Some(suggested);
        }
        self.show_arrivals(std::slice::from_mut(&mut view)).await?;
        Ok(view)
    }

    /// Newest first.
    pub async fn messages(
        &self,
        caller: &Caller,
        filter: MessageFilter,
        page: PageRequest,
    ) -> Result<Page<MessageView>> {
        caller.require(Right::ReadConversations)?;
        use message::Column;
        let mut query = message::Entity::find().filter(Column::PropertyId.eq(caller.property_id));
        if let Some(conversation) = filter.conversation_id {
            query = query.filter(Column::ConversationId.eq(conversation));
        }
        if let Some(guest) = filter.guest_id {
            query = query.filter(Column::GuestId.eq(guest));
        }
        if let Some(status) = filter.status {
            query = query.filter(Column::Status.eq(status));
        }
        if let Some(direction) = filter.direction {
            query = query.filter(Column::Direction.eq(direction));
        }
        if let Some(after) = page.after::<MessageId>()? {
            query = query.filter(Column::Id.lt(after));
        }
        let rows = query.order_by_desc(Column::Id).limit(page.limit() + 1).all(self.db.reader()).await?;
        let rows = Page::cut(rows, &page, |row| row.id);
        Ok(Page { data: self.show_messages(rows.data).await?, next_cursor: rows.next_cursor })
    }

    /// A page of one conversation: the newest, oldest first; the cursor leads to older ones.
    pub(crate) async fn messages_of(
        &self,
        id: ConversationId,
        page: PageRequest,
    ) -> Result<Page<MessageView>> {
        // What waits for its time has no place in the conversation yet.
        let mut query = message::Entity::find()
            .filter(message::Column::ConversationId.eq(id))
            .filter(message::Column::Seq.is_not_null());
        if let Some(before) = page.after::<i64>()? {
            query = query.filter(message::Column::Seq.lt(before));
        }
        let rows =
            query.order_by_desc(message::Column::Seq).limit(page.limit() + 1).all(self.db.reader()).await?;
        let mut rows = Page::cut(rows, &page, |row| row.seq);
        rows.data.reverse();
        Ok(Page { data: self.show_messages(rows.data).await?, next_cursor: rows.next_cursor })
    }

    async fn show_messages(&self, rows: Vec<message::Model>) -> Result<Vec<MessageView>> {
        let mut views = links::show(self.db.reader(), rows).await?;
        self.show_arrivals(&mut views).await?;
        Ok(views)
    }

    /// Staff decide what becomes of a message in doubt.
    pub async fn decide(&self, caller: &Caller, id: MessageId, decision: Decision) -> Result<MessageView> {
        caller.require(Right::SendMessages)?;
        let tx = self.db.begin().await?;
        find(&tx, caller.property_id, id).await?;
        let row = lock(&tx, id).await?;
        if row.status != MessageStatus::InDoubt {
            let details = json!({"status": row.status});
            let message = Problem::NotInDoubt.row().meaning;
            return Err(Error::with(Problem::NotInDoubt, message, details));
        }
        let to = match decision {
            Decision::Resend => MessageStatus::Queued,
            Decision::MarkSent => MessageStatus::Sent,
            Decision::MarkFailed => MessageStatus::Failed,
        };
        let failure = (decision == Decision::MarkFailed).then(given_up);
        let change = Change { failure, ..Change::to(to, Evidence::Decision) };
        let scope = Scope { property: caller.property_id, at: self.now() };
        let row = settle(&tx, scope, row, change).await?;
        audit::record(&tx, scope, caller, moved(AuditAction::DoubtResolved, MessageStatus::InDoubt, &row))
            .await?;
        tx.commit().await?;
        self.start_lane(row.conversation_id);
        Ok(row.into())
    }

    /// Sends a message again that failed; it goes out on its own, whatever it came from.
    pub async fn retry(&self, caller: &Caller, id: MessageId) -> Result<MessageView> {
        caller.require(Right::SendMessages)?;
        let tx = self.db.begin().await?;
        find(&tx, caller.property_id, id).await?;
        let (mut conversation, row) = schedule::lock_with_conversation(&tx, id).await?;
        if row.status != MessageStatus::Failed {
            let details = json!({"status": row.status});
            return Err(Error::with(Problem::NotFailed, Problem::NotFailed.row().meaning, details));
        }
        if row.erased_at.is_some() {
            return Err(Error::of(Problem::ContentErased));
        }
        if let Some(instead) = instead_of(&tx, id).await? {
            let message = "A template went out instead of this message; send that again, or write anew.";
            let details = json!({"status": row.status, "fallback_message_id": instead});
            return Err(Error::with(Problem::NotFailed, message, details));
        }
        let scope = Scope { property: caller.property_id, at: self.now() };
        // One of a batch may have failed before it had a place.
        let row = schedule::take_place(&tx, scope, &mut conversation, row).await?;
        let row = settle(&tx, scope, row, Change::to(MessageStatus::Queued, Evidence::Decision)).await?;
        audit::record(&tx, scope, caller, moved(AuditAction::MessageRetried, MessageStatus::Failed, &row))
            .await?;
        tx.commit().await?;
        self.start_lane(row.conversation_id);
        Ok(row.into())
    }

    /// Waits until something is known of a message, at most `limit`.
    pub async fn wait_for(&self, caller: &Caller, id: MessageId, limit: Duration) -> Result<MessageView> {
        let deadline = Instant::now() + limit;
        let mut pause = Duration::from_millis(10);
        loop {
            let view = self.message(caller, id).await?;
            let settled = !view.status.holds_the_lane() || view.failure.is_some();
            if settled || Instant::now() + pause > deadline {
                return Ok(view);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }
}

/// The message that went out, or will, because this one was dropped.
async fn instead_of(tx: &DatabaseTransaction, id: MessageId) -> Result<Option<MessageId>> {
    Ok(message::Entity::find()
        .select_only()
        .column(message::Column::Id)
        .filter(message::Column::FallbackFor.eq(id))
        .into_tuple()
        .one(tx)
        .await?)
}

/// What the audit trail tells of a message that somebody moved from one state to another.
pub(crate) fn moved(action: AuditAction, before: MessageStatus, row: &message::Model) -> Option<Entry> {
    let entry = Entry::of(action, row.id).about(row.guest_id);
    entry.changed(json!({"status": before}), json!({"status": row.status}))
}

fn given_up() -> ProviderError {
    ProviderError::own(OwnReason::GivenUp)
}

async fn find(db: &impl ConnectionTrait, property: PropertyId, id: MessageId) -> Result<message::Model> {
    message::Entity::find_by_id(id)
        .filter(message::Column::PropertyId.eq(property))
        .one(db)
        .await?
        .ok_or_else(|| Error::not_found("message"))
}

/// The message's row, locked until the transaction ends.
pub(crate) async fn lock(tx: &DatabaseTransaction, id: MessageId) -> Result<message::Model> {
    let row = message::Entity::find_by_id(id).lock_exclusive().one(tx).await?;
    row.ok_or_else(|| Error::not_found("message"))
}
