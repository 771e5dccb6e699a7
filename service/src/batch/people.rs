//! Guests and conversations of many recipients, in a handful of statements.

use std::collections::HashMap;

use bellhop_domain::conversation::ConversationStatus;
use bellhop_domain::event::EventType;
use bellhop_domain::guest::{Identifier, Recipient};
use bellhop_domain::{ConnectionId, ConversationId, GuestId};
use bellhop_entity::conversation;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use serde_json::json;

use super::lines::{Candidate, Unusable, Who};
use crate::error::Result;
use crate::event::{self, Scope};
use crate::guest::{self as guests, many};
use crate::rows::among;

/// Finds each candidate's guest, locked, and makes those whom nobody has met. In the order of the
/// candidates.
pub(super) async fn guests_of(
    tx: &DatabaseTransaction,
    scope: Scope,
    candidates: &[Candidate],
) -> Result<Vec<Result<GuestId, Unusable>>> {
    let phone = |candidate: &Candidate| match &candidate.who {
        Who::Phone(phone) => Some(Identifier::Phone(phone.clone())),
        Who::Guest(_) => None,
    };
    let phones = candidates.iter().filter_map(phone).map(|phone| (many::key(&phone), phone)).collect();
    let holders = many::find_or_create(tx, scope, phones).await?.guests;
    let named = candidates.iter().filter_map(|candidate| match candidate.who {
        Who::Guest(id) => Some(id),
        Who::Phone(_) => None,
    });
    let present = many::lock(tx, scope, named.chain(holders.values().copied()).collect()).await?;
    let reachable = reachable(tx, candidates, &present).await?;
    let missing = |field| Unusable::new(field, "there is no such guest");
    Ok(candidates
        .iter()
        .map(|candidate| match &candidate.who {
            Who::Phone(phone) => {
                let key = many::key(&Identifier::Phone(phone.clone()));
                let holder = holders.get(&key).and_then(|id| present.get(id));
                holder.copied().ok_or_else(|| missing("phone"))
            }
            Who::Guest(id) => {
                let guest = present.get(id).copied().ok_or_else(|| missing("guest_id"))?;
                if reachable.contains(&guest) {
                    Ok(guest)
                } else {
                    Err(Unusable::new(
                        "guest_id",
                        "nothing is known under which WhatsApp could reach this guest",
                    ))
                }
            }
        })
        .collect())
}

/// Those among the guests named by id who can be reached. Whoever was named by phone can.
async fn reachable(
    tx: &DatabaseTransaction,
    candidates: &[Candidate],
    present: &HashMap<GuestId, GuestId>,
) -> Result<std::collections::HashSet<GuestId>> {
    let named: Vec<GuestId> = candidates
        .iter()
        .filter_map(|candidate| match candidate.who {
            Who::Guest(id) => present.get(&id).copied(),
            Who::Phone(_) => None,
        })
        .collect();
    let known = guests::identifiers_of(tx, named).await?;
    Ok(known.into_iter().filter(|(_, known)| Recipient::choose(known).is_some()).map(|(id, _)| id).collect())
}

/// A conversation of a locked guest: its id, and the end of its window.
pub(super) type Found = (ConversationId, Option<chrono::DateTime<chrono::Utc>>);

/// The conversations of locked guests on a connection, made where there are none.
pub(super) async fn conversations_of(
    tx: &DatabaseTransaction,
    scope: Scope,
    connection: ConnectionId,
    mut guests: Vec<GuestId>,
) -> Result<HashMap<GuestId, Found>> {
    guests.sort_unstable();
    guests.dedup();
    let mut found = find_conversations(tx, connection, &guests).await?;
    let missing: Vec<GuestId> = guests.into_iter().filter(|guest| !found.contains_key(guest)).collect();
    if missing.is_empty() {
        return Ok(found);
    }
    let rows: Vec<_> = missing.iter().map(|guest| new_conversation(scope, connection, *guest)).collect();
    let opened =
        rows.iter().map(|row| json!({"conversation_id": row.id.as_ref(), "guest_id": row.guest_id.as_ref()}));
    let opened: Vec<_> = opened.collect();
    let rows = conversation::Entity::insert_many(rows);
    rows.exec_without_returning(tx).await?;
    event::record_many(tx, scope, EventType::ConversationOpened, opened).await?;
    guests::file_conversations(tx, &missing).await?;
    found.extend(find_conversations(tx, connection, &missing).await?);
    Ok(found)
}

async fn find_conversations(
    tx: &DatabaseTransaction,
    connection: ConnectionId,
    guests: &[GuestId],
) -> Result<HashMap<GuestId, Found>> {
    use conversation::Column;
    let rows: Vec<(GuestId, ConversationId, Option<chrono::DateTime<chrono::Utc>>)> =
        conversation::Entity::find()
            .select_only()
            .columns([Column::GuestId, Column::Id, Column::WindowExpiresAt])
            .filter(Column::ConnectionId.eq(connection))
            .filter(among(tx, Column::GuestId, guests.iter().copied()))
            .into_tuple()
            .all(tx)
            .await?;
    Ok(rows.into_iter().map(|(guest, id, window)| (guest, (id, window))).collect())
}

/// Its guest is locked, so nobody makes another in the same instant.
fn new_conversation(scope: Scope, connection: ConnectionId, guest: GuestId) -> conversation::ActiveModel {
    conversation::ActiveModel {
        id: Set(ConversationId::new()),
        property_id: Set(scope.property),
        connection_id: Set(connection),
        guest_id: Set(guest),
        status: Set(ConversationStatus::Active),
        metadata: Set(json!({})),
        window_expires_at: Set(None),
        last_inbound_at: Set(None),
        last_activity_at: Set(scope.at),
        next_seq: Set(1),
        resolution_notes: Set(None),
        satisfaction_rating: Set(None),
        follow_up_required: Set(false),
        resolved_at: Set(None),
        merged_into: Set(None),
        created_at: Set(scope.at),
        // Filed under what is known of the guest when all are made.
        ..Default::default()
    }
}
