//! Conversations: one for each guest and number, for good.

mod analytics;
mod assign;
mod closing;
mod read;
mod touch;

use std::collections::HashMap;

use bellhop_domain::audit::AuditAction;
use bellhop_domain::conversation::ConversationStatus;
use bellhop_domain::event::EventType;
use bellhop_domain::rights::Right;
use bellhop_domain::stay::StayStatus;
use bellhop_domain::window::WindowState;
use bellhop_domain::{ConnectionId, ConversationId, GuestId, PropertyId, StaffId, window};
use bellhop_entity::{conversation, guest, message};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use serde_json::{Value, json};

pub use analytics::{ConversationAnalytics, DeliveryRates, ResponseTimes, Satisfaction};
pub use assign::AssigneeFilter;
pub use read::ReadView;

pub(crate) use analytics::{by_hand, reaches};
pub(crate) use assign::tell as tell_assigned;
pub(crate) use touch::{Touch, touch};

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::event::{self, Scope};
use crate::guest::{GuestView, file_conversations, identity, read_language, views};
use crate::message::MessageView;
use crate::page::{Page, PageRequest};

#[derive(Debug, Clone)]
pub struct ConversationView {
    pub conversation_id: ConversationId,
    pub connection_id: ConnectionId,
    pub status: ConversationStatus,
    pub guest: GuestView,
    /// An object.
    pub metadata: Value,
    pub window_expires_at: Option<DateTime<Utc>>,
    pub last_inbound_at: Option<DateTime<Utc>>,
    pub last_activity_at: DateTime<Utc>,
    pub resolution: Option<ResolutionView>,
    pub assignee: Option<StaffId>,
    pub created_at: DateTime<Utc>,
}

/// How staff closed a conversation.
#[derive(Debug, Clone)]
pub struct ResolutionView {
    pub notes: Option<String>,
    /// 1 to 5.
    pub satisfaction_rating: Option<i16>,
    pub follow_up_required: bool,
    pub resolved_at: DateTime<Utc>,
}

/// A conversation with its newest messages.
#[derive(Debug, Clone)]
pub struct ConversationDetail {
    pub conversation: ConversationView,
    /// Oldest first; the cursor leads to older ones.
    pub messages: Page<MessageView>,
    /// The `staff_member_id`s that wrote in it.
    pub staff: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
pub struct WindowStatus {
    pub within_window: bool,
    pub window_expires_at: Option<DateTime<Utc>>,
    pub hours_remaining: f64,
}

/// What staff say when they close a conversation.
#[derive(Debug, Clone, Default)]
pub struct Resolution {
    pub notes: Option<String>,
    pub satisfaction_rating: Option<i64>,
    pub follow_up_required: bool,
}

#[derive(Debug, Clone, Default)]
pub struct ConversationFilter {
    pub guest_phone: Option<String>,
    pub status: Option<ConversationStatus>,
    pub window: Option<WindowState>,
    /// Of the guest's current stay.
    pub room: Option<String>,
    pub stay_status: Option<StayStatus>,
    pub tier: Option<String>,
    pub language: Option<String>,
    pub assignee: Option<AssigneeFilter>,
}

impl App {
    /// Newest activity first.
    pub async fn conversations(
        &self,
        caller: &Caller,
        filter: ConversationFilter,
        page: PageRequest,
    ) -> Result<Page<ConversationView>> {
        caller.require(Right::ReadConversations)?;
        use conversation::Column;
        let after: Option<(DateTime<Utc>, ConversationId)> = page.after()?;
        let mut query = conversation::Entity::find()
            .filter(Column::PropertyId.eq(caller.property_id))
            .filter(Column::MergedInto.is_null())
            .filter(Column::ErasedAt.is_null())
            // Nothing was said yet: its first message waits in a batch, or was never sent.
            .filter(Column::NextSeq.gt(1));
        if let Some(status) = filter.status {
            query = query.filter(Column::Status.eq(status));
        }
        if let Some(phone) = &filter.guest_phone {
            let phone = self.read_phone(caller.property_id, "guest_phone", phone).await?;
            let key = phone.match_key();
            match identity::holder_of_number(self.db.reader(), caller.property_id, &key).await? {
                Some(guest) => query = query.filter(Column::GuestId.eq(guest)),
                None => return Ok(Page { data: Vec::new(), next_cursor: None }),
            }
        }
        if let Some(window) = filter.window {
            query = query.filter(in_window(window, self.now()));
        }
        query = query
            .apply_if(filter.assignee, |query, assignee| query.filter(assignee.condition()))
            .apply_if(filter.room, |query, room| query.filter(Column::Room.eq(room)))
            .apply_if(filter.tier, |query, tier| query.filter(Column::Tier.eq(tier)))
            .apply_if(filter.stay_status, |query, status| query.filter(Column::StayStatus.eq(status)))
            .apply_if(read_language(filter.language)?, |query, language| {
                query.filter(Column::Language.eq(language))
            });
        if let Some((at, id)) = after {
            let same_time = Condition::all().add(Column::LastActivityAt.eq(at)).add(Column::Id.lt(id));
            let rest = Condition::any().add(Column::LastActivityAt.lt(at)).add(same_time);
            // Says again what the alternatives say, so that an index begins there.
            query = query.filter(Column::LastActivityAt.lte(at)).filter(rest);
        }
        let rows = query
            .order_by_desc(Column::LastActivityAt)
            .order_by_desc(Column::Id)
            .limit(page.limit() + 1)
            .all(self.db.reader())
            .await?;
        let rows = Page::cut(rows, &page, |row| (row.last_activity_at, row.id));
        let data = show(self.db.reader(), rows.data).await?;
        Ok(Page { data, next_cursor: rows.next_cursor })
    }

    /// A conversation with a page of its messages.
    pub async fn conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
        page: PageRequest,
    ) -> Result<ConversationDetail> {
        caller.require(Right::ReadConversations)?;
        let row = find(self.db.reader(), caller.property_id, id).await?;
        let messages = self.messages_of(row.id, page).await?;
        let staff: Vec<Option<String>> = message::Entity::find()
            .select_only()
            .column(message::Column::StaffMemberId)
            .distinct()
            .filter(message::Column::ConversationId.eq(row.id))
            .filter(message::Column::StaffMemberId.is_not_null())
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let conversation = show_one(self.db.reader(), row).await?;
        Ok(ConversationDetail { conversation, messages, staff: staff.into_iter().flatten().collect() })
    }

    pub async fn resolve_conversation(
        &self,
        caller: &Caller,
        id: ConversationId,
        resolution: Resolution,
    ) -> Result<ConversationView> {
        caller.require(Right::ResolveConversations)?;
        let rating = match resolution.satisfaction_rating {
            None => None,
            Some(rating @ 1..=5) => Some(rating as i16),
            Some(_) => return Err(Error::field("satisfaction_rating", "must be 1 to 5")),
        };
        if resolution.notes.as_ref().is_some_and(|notes| notes.chars().count() > 4000) {
            return Err(Error::field("resolution_notes", "must have at most 4,000 characters"));
        }
        let now = self.now();
        let tx = self.db.begin().await?;
        let before = lock(&tx, caller.property_id, id).await?;
        let told_before = told(&before);
        let mut row = before.into_active_model();
        row.status = Set(ConversationStatus::Resolved);
        row.resolution_notes = Set(resolution.notes);
        row.satisfaction_rating = Set(rating);
        row.follow_up_required = Set(resolution.follow_up_required);
        row.resolved_at = Set(Some(now));
        let row = row.update(&tx).await?;
        let data = json!({
            "conversation_id": row.id, "guest_id": row.guest_id, "satisfaction_rating": rating,
            "follow_up_required": row.follow_up_required,
        });
        let scope = Scope { property: caller.property_id, at: now };
        event::record(&tx, scope, EventType::ConversationResolved, data).await?;
        let entry = Entry::of(AuditAction::ConversationResolved, row.id).about(row.guest_id);
        audit::record(&tx, scope, caller, entry.changed(told_before, told(&row))).await?;
        let view = show_one(&tx, row).await?;
        tx.commit().await?;
        Ok(view)
    }

    pub async fn window_status(&self, caller: &Caller, id: ConversationId) -> Result<WindowStatus> {
        caller.require(Right::ReadConversations)?;
        let row = find(self.db.reader(), caller.property_id, id).await?;
        let now = self.now();
        Ok(WindowStatus {
            within_window: window::is_open(row.window_expires_at, now),
            window_expires_at: row.window_expires_at,
            hours_remaining: window::hours_remaining(row.window_expires_at, now),
        })
    }
}

fn in_window(state: WindowState, now: DateTime<Utc>) -> Condition {
    use conversation::Column::WindowExpiresAt as Ends;
    match state {
        WindowState::Open => Condition::all().add(Ends.gt(now)),
        WindowState::Closing => Condition::all().add(Ends.gt(now)).add(Ends.lte(now + window::CLOSING)),
        WindowState::Closed => Condition::any().add(Ends.is_null()).add(Ends.lte(now)),
    }
}

/// What the audit trail tells of a conversation that somebody closes.
fn told(row: &conversation::Model) -> Value {
    json!({
        "status": row.status, "resolution_notes": row.resolution_notes,
        "satisfaction_rating": row.satisfaction_rating, "follow_up_required": row.follow_up_required,
    })
}

/// A conversation of the property; one that was folded into another is that other.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    property: PropertyId,
    id: ConversationId,
) -> Result<conversation::Model> {
    follow(db, property, id, None).await
}

/// As [`find`], locked until the transaction ends.
pub(crate) async fn lock(
    tx: &DatabaseTransaction,
    property: PropertyId,
    id: ConversationId,
) -> Result<conversation::Model> {
    follow(tx, property, id, Some(LockType::NoKeyUpdate)).await
}

async fn follow(
    db: &impl ConnectionTrait,
    property: PropertyId,
    mut id: ConversationId,
    lock: Option<LockType>,
) -> Result<conversation::Model> {
    loop {
        let row = conversation::Entity::find_by_id(id)
            .filter(conversation::Column::PropertyId.eq(property))
            .apply_if(lock, QuerySelect::lock)
            .one(db)
            .await?
            .ok_or_else(|| Error::not_found("conversation"))?;
        match row.merged_into {
            Some(into) => id = into,
            None if row.erased_at.is_some() => return Err(Error::not_found("conversation")),
            None => return Ok(row),
        }
    }
}

/// The guest's conversation on one of these numbers; of several the one in which something happened last.
pub(crate) async fn latest_of_guest(
    db: &impl ConnectionTrait,
    numbers: Vec<ConnectionId>,
    guest: GuestId,
) -> Result<Option<conversation::Model>> {
    Ok(conversation::Entity::find()
        .filter(conversation::Column::GuestId.eq(guest))
        .filter(conversation::Column::ConnectionId.is_in(numbers))
        .filter(conversation::Column::MergedInto.is_null())
        .order_by_desc(conversation::Column::LastActivityAt)
        .order_by_desc(conversation::Column::Id)
        .one(db)
        .await?)
}

/// The conversation of a locked guest on a connection, made if there is none; locked. Two first
/// messages in the same instant make one.
pub(crate) async fn lock_or_create(
    tx: &DatabaseTransaction,
    scope: Scope,
    connection: ConnectionId,
    guest: GuestId,
) -> Result<conversation::Model> {
    if let Some(row) = lock_of_guest(tx, connection, guest).await? {
        return Ok(row);
    }
    let id = ConversationId::new();
    let row = conversation::ActiveModel {
        id: Set(id),
        property_id: Set(scope.property),
        connection_id: Set(connection),
        guest_id: Set(guest),
        status: Set(ConversationStatus::Active),
        metadata: Set(json!({})),
        last_activity_at: Set(scope.at),
        next_seq: Set(1),
        follow_up_required: Set(false),
        created_at: Set(scope.at),
        ..Default::default()
    };
    let made = conversation::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    if made == 1 {
        let data = json!({"conversation_id": id, "guest_id": guest});
        event::record(tx, scope, EventType::ConversationOpened, data).await?;
        file_conversations(tx, &[guest]).await?;
        return lock(tx, scope.property, id).await;
    }
    lock_of_guest(tx, connection, guest).await?.ok_or_else(|| Error::not_found("conversation"))
}

/// The conversation of a locked guest. It cannot be folded into another meanwhile: a merge would
/// need the guest.
async fn lock_of_guest(
    tx: &DatabaseTransaction,
    connection: ConnectionId,
    guest: GuestId,
) -> Result<Option<conversation::Model>> {
    Ok(conversation::Entity::find()
        .filter(conversation::Column::ConnectionId.eq(connection))
        .filter(conversation::Column::GuestId.eq(guest))
        .lock(LockType::NoKeyUpdate)
        .one(tx)
        .await?)
}

async fn show_one(db: &impl ConnectionTrait, row: conversation::Model) -> Result<ConversationView> {
    show(db, vec![row]).await?.pop().ok_or_else(|| Error::not_found("conversation"))
}

async fn show(db: &impl ConnectionTrait, rows: Vec<conversation::Model>) -> Result<Vec<ConversationView>> {
    let guests = guest::Entity::find()
        .filter(guest::Column::Id.is_in(rows.iter().map(|row| row.guest_id)))
        .all(db)
        .await?;
    let guests: HashMap<GuestId, GuestView> =
        views(db, guests).await?.into_iter().map(|view| (view.guest_id, view)).collect();
    rows.into_iter()
        .map(|row| {
            // Cloned: one guest may have a conversation on each of several numbers.
            let guest = guests.get(&row.guest_id).cloned().ok_or_else(|| Error::not_found("guest"))?;
            Ok(ConversationView {
                conversation_id: row.id,
                connection_id: row.connection_id,
                status: row.status,
                guest,
                metadata: row.metadata,
                window_expires_at: row.window_expires_at,
                last_inbound_at: row.last_inbound_at,
                last_activity_at: row.last_activity_at,
                assignee: row.assignee,
                resolution: row.resolved_at.map(|resolved_at| ResolutionView {
                    notes: row.resolution_notes,
                    satisfaction_rating: row.satisfaction_rating,
                    follow_up_required: row.follow_up_required,
                    resolved_at,
                }),
                created_at: row.created_at,
            })
        })
        .collect()
}
