//! Writing down what was said, and what stands after it.

use bellhop_domain::consent::{ConsentKind, ConsentSource, ConsentState};
use bellhop_domain::event::EventType;
use bellhop_domain::{ConversationId, GuestId, MessageId, PropertyId, TokenId};
use bellhop_entity::{consent_change as change, conversation, guest_consent};
use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, LockType, OnConflict};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use crate::db::real_now;
use crate::error::Result;
use crate::event::{self, Scope};
use crate::guest;

/// Something that is said about a guest's will.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub kind: ConsentKind,
    pub state: ConsentState,
    pub source: ConsentSource,
    /// When; `None` for right now.
    pub at: Option<DateTime<Utc>>,
    pub evidence: Option<String>,
    pub message_id: Option<MessageId>,
    pub staff_member_id: Option<String>,
    pub token_id: Option<TokenId>,
}

impl Said {
    /// About marketing, by other ways than a call.
    pub fn of_marketing(state: ConsentState, source: ConsentSource, at: Option<DateTime<Utc>>) -> Self {
        let (evidence, message_id, staff_member_id, token_id) = (None, None, None, None);
        let kind = ConsentKind::Marketing;
        Self { kind, state, source, at, evidence, message_id, staff_member_id, token_id }
    }
}

/// Locks a guest and all their conversations, in everybody's order: nothing is accepted for the guest
/// meanwhile, and nothing begins to leave. Comes before any message is locked. The guest as it is now.
pub(crate) async fn hold(tx: &DatabaseTransaction, property: PropertyId, guest: GuestId) -> Result<GuestId> {
    let guest = guest::lock(tx, property, guest).await?.id;
    lock_conversations(tx, &[guest]).await?;
    Ok(guest)
}

/// As [`hold`], for several guests.
pub(crate) async fn hold_all(tx: &DatabaseTransaction, mut guests: Vec<(GuestId, PropertyId)>) -> Result<()> {
    guests.sort_unstable_by_key(|(guest, _)| *guest);
    guests.dedup();
    let mut present = Vec::with_capacity(guests.len());
    for (guest, property) in guests {
        if guest::is_erased(tx, guest).await? {
            continue;
        }
        present.push(guest::lock(tx, property, guest).await?.id);
    }
    lock_conversations(tx, &present).await
}

/// The conversations of locked guests, in the order of their ids.
pub(crate) async fn lock_conversations(tx: &DatabaseTransaction, guests: &[GuestId]) -> Result<()> {
    if guests.is_empty() {
        return Ok(());
    }
    conversation::Entity::find()
        .select_only()
        .column(conversation::Column::Id)
        .filter(conversation::Column::GuestId.is_in(guests.iter().copied()))
        .order_by_asc(conversation::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple::<ConversationId>()
        .all(tx)
        .await?;
    Ok(())
}

/// Records what is said of a guest who is held. What is known already, to the letter, adds nothing; what was
/// said before something that is known is history, and changes nothing else. Whether it is new.
pub(crate) async fn record(
    tx: &DatabaseTransaction,
    scope: Scope,
    guest: GuestId,
    said: Said,
) -> Result<bool> {
    // The provider tells of whole seconds: within one, what was recorded last was said last. Its clock may be
    // ahead of ours; nobody speaks in the future, and whoever speaks now is heard.
    let at = said.at.map_or(scope.at, |at| at.min(scope.at)).trunc_subsecs(0);
    if is_known(tx, guest, (&said, at)).await? {
        return Ok(false);
    }
    let kind = said.kind;
    let row = change::ActiveModel {
        id: Set(Uuid::now_v7()),
        property_id: Set(scope.property),
        guest_id: Set(guest),
        kind: Set(kind),
        state: Set(said.state),
        source: Set(said.source),
        at: Set(at),
        recorded_at: Set(real_now()),
        evidence: Set(said.evidence),
        message_id: Set(said.message_id),
        staff_member_id: Set(said.staff_member_id),
        token_id: Set(said.token_id),
    };
    change::Entity::insert(row).exec_without_returning(tx).await?;
    settle(tx, scope, guest, kind).await?;
    Ok(true)
}

/// A webhook comes twice, and so does a call. One without a time of its own says what stands, or something new.
async fn is_known(
    tx: &DatabaseTransaction,
    guest: GuestId,
    (said, at): (&Said, DateTime<Utc>),
) -> Result<bool> {
    let same = |row: &change::Model| {
        row.state == said.state
            && row.source == said.source
            && row.evidence == said.evidence
            && row.message_id == said.message_id
    };
    if said.at.is_none() {
        return Ok(newest(tx, guest, said.kind).await?.as_ref().is_some_and(same));
    }
    let then = change::Entity::find()
        .filter(change::Column::GuestId.eq(guest))
        .filter(change::Column::Kind.eq(said.kind))
        .filter(change::Column::At.eq(at))
        .all(tx)
        .await?;
    Ok(then.iter().any(same))
}

/// What was said last of a kind; of two at the same time, what was recorded last.
async fn newest(
    tx: &DatabaseTransaction,
    guest: GuestId,
    kind: ConsentKind,
) -> Result<Option<change::Model>> {
    Ok(change::Entity::find()
        .filter(change::Column::GuestId.eq(guest))
        .filter(change::Column::Kind.eq(kind))
        .order_by_desc(change::Column::At)
        .order_by_desc(change::Column::Id)
        .limit(1)
        .one(tx)
        .await?)
}

/// Works out from the history what stands, and tells of it where that is new.
async fn settle(tx: &DatabaseTransaction, scope: Scope, guest: GuestId, kind: ConsentKind) -> Result<()> {
    let Some(newest) = newest(tx, guest, kind).await? else { return Ok(()) };
    let before = guest_consent::Entity::find_by_id((guest, kind)).one(tx).await?;
    let row = guest_consent::ActiveModel {
        guest_id: Set(guest),
        kind: Set(kind),
        state: Set(newest.state),
        source: Set(newest.source),
        at: Set(newest.at),
    };
    use guest_consent::Column;
    let known = OnConflict::columns([Column::GuestId, Column::Kind])
        .update_columns([Column::State, Column::Source, Column::At])
        .to_owned();
    guest_consent::Entity::insert(row).on_conflict(known).exec_without_returning(tx).await?;
    let event = match newest.state {
        _ if before.is_some_and(|before| before.state == newest.state) => return Ok(()),
        ConsentState::OptedIn => EventType::GuestOptedIn,
        ConsentState::OptedOut => EventType::GuestOptedOut,
        // Nobody says so: it is what stands before anything was said.
        ConsentState::Unknown => return Ok(()),
    };
    let data = json!({
        "guest_id": guest, "kind": kind, "source": newest.source, "at": event::rfc3339(newest.at),
        "message_id": newest.message_id, "staff_member_id": newest.staff_member_id,
    });
    event::record(tx, scope, event, data).await
}

/// Gives a guest's history to the one who stays, both held; the changes that moved.
pub(crate) async fn move_history(
    tx: &DatabaseTransaction,
    scope: Scope,
    kept: GuestId,
    gone: GuestId,
) -> Result<Vec<Uuid>> {
    let moved = change::Entity::update_many()
        .col_expr(change::Column::GuestId, Expr::value(kept))
        .filter(change::Column::GuestId.eq(gone))
        .exec_with_returning(tx)
        .await?;
    if moved.is_empty() {
        return Ok(Vec::new());
    }
    guest_consent::Entity::delete_many().filter(guest_consent::Column::GuestId.eq(gone)).exec(tx).await?;
    for kind in ConsentKind::ALL {
        settle(tx, scope, kept, *kind).await?;
    }
    Ok(moved.into_iter().map(|row| row.id).collect())
}
