//! Many guests, in a handful of statements.

use std::collections::{BTreeMap, HashMap};

use bellhop_domain::GuestId;
use bellhop_domain::event::EventType;
use bellhop_domain::guest::{Identifier, IdentifierKind};
use bellhop_entity::{guest, guest_identifier as identifier};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;

use super::identity;
use crate::app::App;
use crate::error::Result;
use crate::event::{self, Scope};
use crate::rows::among;

/// Under what one person is found: `phone` and a number's key, or `bsuid` and the id.
pub(crate) type Key = (&'static str, String);

/// Who was named, and how many of them nobody had met.
pub(crate) struct Named {
    pub guests: HashMap<Key, GuestId>,
    pub made: usize,
}

pub(crate) fn key(of: &Identifier) -> Key {
    (kind(of.kind()).as_str(), of.match_key())
}

/// A number is one key, whoever wrote it.
fn kind(kind: IdentifierKind) -> IdentifierKind {
    match kind {
        IdentifierKind::Phone | IdentifierKind::WaId => IdentifierKind::Phone,
        IdentifierKind::Bsuid => IdentifierKind::Bsuid,
        IdentifierKind::Username => IdentifierKind::Username,
    }
}

impl App {
    /// The guests with these numbers and BSUIDs, made where nobody has met them. Not locked, and committed:
    /// whoever locks guests after this waits for no other's claim of a number while holding them.
    pub(crate) async fn guests_named(&self, scope: Scope, named: BTreeMap<Key, Identifier>) -> Result<Named> {
        let known = holders(self.db.reader(), scope, &named).await?;
        if known.len() == named.len() {
            return Ok(Named { guests: known, made: 0 });
        }
        let tx = self.db.begin().await?;
        let known = find_or_create(&tx, scope, named).await?;
        tx.commit().await?;
        Ok(known)
    }
}

/// Finds guests, and makes those whom nobody has met.
pub(crate) async fn find_or_create(
    tx: &DatabaseTransaction,
    scope: Scope,
    named: BTreeMap<Key, Identifier>,
) -> Result<Named> {
    let mut known = holders(tx, scope, &named).await?;
    // In the order of the keys, so that two who name the same people do not wait crosswise.
    let unknown: BTreeMap<_, _> = named.into_iter().filter(|(key, _)| !known.contains_key(key)).collect();
    let mut made = 0;
    if !unknown.is_empty() {
        let new = create(tx, scope, unknown).await?;
        known.extend(new.guests);
        made = new.made;
    }
    Ok(Named { guests: known, made })
}

/// Who has these now.
async fn holders(
    db: &impl ConnectionTrait,
    scope: Scope,
    named: &BTreeMap<Key, Identifier>,
) -> Result<HashMap<Key, GuestId>> {
    use identifier::Column;
    if named.is_empty() {
        return Ok(HashMap::new());
    }
    let kinds = [IdentifierKind::Phone, IdentifierKind::WaId, IdentifierKind::Bsuid];
    let rows: Vec<(IdentifierKind, String, GuestId)> = identifier::Entity::find()
        .select_only()
        .columns([Column::Kind, Column::MatchKey, Column::GuestId])
        .filter(Column::PropertyId.eq(scope.property))
        .filter(Column::Kind.is_in(kinds))
        .filter(among(db, Column::MatchKey, named.keys().map(|(_, key)| key.clone())))
        .filter(Column::EndedAt.is_null())
        // Where both exist, the phone decides: it comes last into the map.
        .order_by_desc(Column::Kind)
        .into_tuple()
        .all(db)
        .await?;
    let rows = rows.into_iter().map(|(of, key, guest)| ((kind(of).as_str(), key), guest));
    Ok(rows.filter(|(key, _)| named.contains_key(key)).collect())
}

/// Makes a guest for each. Somebody else may make one in the same instant: the index decides whose stays.
async fn create(tx: &DatabaseTransaction, scope: Scope, named: BTreeMap<Key, Identifier>) -> Result<Named> {
    let mine: HashMap<Key, GuestId> = named.keys().map(|key| (key.clone(), GuestId::new())).collect();
    guest::Entity::insert_many(mine.values().map(|id| row(scope, *id, None)))
        .exec_without_returning(tx)
        .await?;
    let claims = named.iter().map(|(key, named)| identity::row(scope, mine[key], named));
    let claimed = identifier::Entity::insert_many(claims)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    let mut holders = mine.clone();
    if claimed < named.len() as u64 {
        holders = self::holders(tx, scope, &named).await?;
        let lost = mine.iter().filter(|(key, id)| holders.get(*key) != Some(id)).map(|(_, id)| *id);
        guest::Entity::delete_many().filter(among(tx, guest::Column::Id, lost)).exec(tx).await?;
    }
    let made = mine.iter().filter(|(key, id)| holders.get(*key) == Some(id)).map(|(_, id)| *id);
    let told: Vec<_> = made.map(|id| json!({"guest_id": id, "name": null})).collect();
    let made = told.len();
    event::record_many(tx, scope, EventType::GuestCreated, told).await?;
    Ok(Named { guests: holders, made })
}

/// A guest of whom nothing is known yet but perhaps the name at WhatsApp.
pub(super) fn row(scope: Scope, id: GuestId, name: Option<&str>) -> guest::ActiveModel {
    guest::ActiveModel {
        id: Set(id),
        property_id: Set(scope.property),
        name: Set(name.map(str::to_owned)),
        merged_into: Set(None),
        created_at: Set(scope.at),
        updated_at: Set(scope.at),
        ..Default::default()
    }
}

/// Locks guests in the order of their ids; each as it is now, under the id it was asked by.
pub(crate) async fn lock(
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
        .filter(guest::Column::ErasedAt.is_null())
        .order_by_asc(guest::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .all(tx)
        .await?;
    let mut present = HashMap::with_capacity(rows.len());
    for (id, merged_into) in rows {
        let now = match merged_into {
            None => id,
            Some(_) => super::lock(tx, scope.property, id).await?.id,
        };
        present.insert(id, now);
    }
    Ok(present)
}
