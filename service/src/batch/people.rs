//! Guests and conversations of many recipients, in a handful of statements.

use std::collections::{BTreeMap, HashMap};

use bellhop_domain::conversation::ConversationStatus;
use bellhop_domain::event::EventType;
use bellhop_domain::guest::{Identifier, IdentifierKind, Recipient};
use bellhop_domain::{ConnectionId, ConversationId, GuestId, PhoneNumber};
use bellhop_entity::{conversation, guest, guest_identifier as identifier};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::lines::{Candidate, Unusable, Who};
use crate::error::Result;
use crate::event::{self, Scope};
use crate::guest as guests;
use crate::rows::among;

/// Finds each candidate's guest, locked, and makes those whom nobody has met. In the order of the
/// candidates.
pub(super) async fn guests_of(
    tx: &DatabaseTransaction,
    scope: Scope,
    candidates: &[Candidate],
) -> Result<Vec<Result<GuestId, Unusable>>> {
    // In the order of the keys, so that two batches with the same people do not wait crosswise.
    let phones: BTreeMap<String, &PhoneNumber> = candidates
        .iter()
        .filter_map(|candidate| match &candidate.who {
            Who::Phone(phone) => Some((phone.match_key(), phone)),
            Who::Guest(_) => None,
        })
        .collect();
    let mut holders = holders(tx, scope, phones.keys()).await?;
    let unknown: Vec<_> = phones.into_iter().filter(|(key, _)| !holders.contains_key(key)).collect();
    if !unknown.is_empty() {
        holders.extend(create(tx, scope, unknown).await?);
    }
    let named = candidates.iter().filter_map(|candidate| match candidate.who {
        Who::Guest(id) => Some(id),
        Who::Phone(_) => None,
    });
    let present = lock(tx, scope, named.chain(holders.values().copied()).collect()).await?;
    let reachable = reachable(tx, candidates, &present).await?;
    let missing = |field| Unusable::new(field, "there is no such guest");
    Ok(candidates
        .iter()
        .map(|candidate| match &candidate.who {
            Who::Phone(phone) => {
                let holder = holders.get(&phone.match_key()).and_then(|id| present.get(id));
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

/// Who has these numbers now.
async fn holders(
    tx: &DatabaseTransaction,
    scope: Scope,
    keys: impl Iterator<Item = &String>,
) -> Result<HashMap<String, GuestId>> {
    let rows: Vec<(String, GuestId)> = identifier::Entity::find()
        .select_only()
        .columns([identifier::Column::MatchKey, identifier::Column::GuestId])
        .filter(identifier::Column::PropertyId.eq(scope.property))
        .filter(identifier::Column::Kind.is_in([IdentifierKind::Phone, IdentifierKind::WaId]))
        .filter(among(tx, identifier::Column::MatchKey, keys))
        .filter(identifier::Column::EndedAt.is_null())
        // Where both exist, the phone decides: it comes last into the map.
        .order_by_desc(identifier::Column::Kind)
        .into_tuple()
        .all(tx)
        .await?;
    Ok(rows.into_iter().collect())
}

/// Makes a guest for each number. Somebody else may make one in the same instant: the index decides
/// whose stays.
async fn create(
    tx: &DatabaseTransaction,
    scope: Scope,
    phones: Vec<(String, &PhoneNumber)>,
) -> Result<HashMap<String, GuestId>> {
    let mine: HashMap<String, GuestId> =
        phones.iter().map(|(key, _)| (key.clone(), GuestId::new())).collect();
    let rows = mine.values().map(|id| guest::ActiveModel {
        id: Set(*id),
        property_id: Set(scope.property),
        name: Set(None),
        merged_into: Set(None),
        created_at: Set(scope.at),
        updated_at: Set(scope.at),
    });
    guest::Entity::insert_many(rows).exec_without_returning(tx).await?;
    let claims = phones
        .iter()
        .map(|(key, phone)| guests::identity::row(scope, mine[key], &Identifier::Phone((*phone).clone())));
    let claimed = identifier::Entity::insert_many(claims)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    let mut holders = mine.clone();
    if claimed < phones.len() as u64 {
        holders = self::holders(tx, scope, mine.keys()).await?;
        let lost = mine.iter().filter(|(key, id)| holders.get(*key) != Some(id)).map(|(_, id)| *id);
        guest::Entity::delete_many().filter(among(tx, guest::Column::Id, lost)).exec(tx).await?;
    }
    let made: Vec<GuestId> =
        mine.iter().filter(|(key, id)| holders.get(*key) == Some(id)).map(|(_, id)| *id).collect();
    let told = made.iter().map(|id| json!({"guest_id": id, "name": null}));
    event::record_many(tx, scope, EventType::GuestCreated, told).await?;
    Ok(holders)
}

/// Locks guests in the order of their ids; each as it is now, under the id it was asked by.
async fn lock(
    tx: &DatabaseTransaction,
    scope: Scope,
    mut ids: Vec<GuestId>,
) -> Result<HashMap<GuestId, GuestId>> {
    ids.sort_unstable();
    ids.dedup();
    let rows: Vec<(GuestId, Option<GuestId>)> = guest::Entity::find()
        .select_only()
        .columns([guest::Column::Id, guest::Column::MergedInto])
        .filter(guest::Column::PropertyId.eq(scope.property))
        .filter(among(tx, guest::Column::Id, ids))
        .order_by_asc(guest::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .all(tx)
        .await?;
    let mut present = HashMap::with_capacity(rows.len());
    for (id, merged_into) in rows {
        let now = match merged_into {
            None => id,
            Some(_) => guests::lock(tx, scope.property, id).await?.id,
        };
        present.insert(id, now);
    }
    Ok(present)
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
    }
}
