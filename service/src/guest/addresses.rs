//! What answers and statuses teach about the addresses of guests who are known already.
//!
//! Learned in transactions of their own: to learn may join guests, and must not cost the news that brought
//! it. What fails here is learned with the next message.

use std::collections::{HashMap, HashSet};

use bellhop_domain::guest::{Identifier, IdentifierKind};
use bellhop_domain::inbound::Sender;
use bellhop_domain::{GuestId, PhoneNumber, PropertyId};
use bellhop_entity::{guest, guest_identifier as identifier};
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::{identity, read_identifier};
use crate::app::App;
use crate::db::in_time;
use crate::error::Result;
use crate::event::Scope;
use crate::rows::among;

/// What somebody said about a guest.
#[derive(Debug, Clone)]
pub(crate) struct Learned {
    pub property: PropertyId,
    pub guest: GuestId,
    pub sender: Sender,
}

impl App {
    /// Learns beside the addresses that are known. Almost always there is nothing new, and nothing is
    /// written.
    pub(crate) async fn learn_addresses(&self, known: &[Identifier], learned: Learned) {
        if !is_new(known, &learned.sender) {
            return;
        }
        if let Err(error) = self.attach(&learned).await {
            tracing::warn!(guest = %learned.guest, %error, "an address was not learned");
        }
    }

    /// The same for many.
    pub(crate) async fn learn_addresses_of_many(&self, learned: Vec<Learned>) {
        let guests = learned.len();
        if let Err(error) = in_time(self.learn_many(learned)).await {
            tracing::warn!(%error, guests, "addresses were not learned");
        }
    }

    async fn learn_many(&self, learned: Vec<Learned>) -> Result<()> {
        let guests = learned.iter().map(|learned| learned.guest).collect();
        let known = identifiers_of(self.db.reader(), guests).await?;
        // What was said last about a guest counts, beside what it leaves open.
        let mut news: HashMap<(PropertyId, GuestId), Learned> = HashMap::new();
        for learned in learned {
            if is_new(known.get(&learned.guest).map_or(&[], Vec::as_slice), &learned.sender) {
                let known = news.entry((learned.property, learned.guest)).or_insert_with(|| learned.clone());
                known.sender.wa_id = learned.sender.wa_id.or(known.sender.wa_id.take());
                known.sender.bsuid = learned.sender.bsuid.or(known.sender.bsuid.take());
            }
        }
        let mut by_property: HashMap<PropertyId, Vec<Learned>> = HashMap::new();
        for ((property, _), learned) in news {
            by_property.entry(property).or_default().push(learned);
        }
        for (property, news) in by_property {
            let rest = match self.add_first_addresses(property, &news).await {
                Ok(added) => news.into_iter().filter(|learned| !added.contains(&learned.guest)).collect(),
                Err(error) => {
                    tracing::debug!(%error, "addresses not learned together, one by one then");
                    news
                }
            };
            for learned in rest {
                self.learn_addresses(&[], learned).await;
            }
        }
        Ok(())
    }

    async fn attach(&self, learned: &Learned) -> Result<()> {
        let scope = Scope { property: learned.property, at: self.now() };
        let tx = self.db.begin().await?;
        identity::attach(&tx, scope, learned.guest, &learned.sender).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The usual case, for all at once: the account behind a number that was written to, which had none
    /// so far. Returns whose was added.
    async fn add_first_addresses(&self, property: PropertyId, news: &[Learned]) -> Result<HashSet<GuestId>> {
        let tx = self.db.begin().await?;
        let present = lock_present(&tx, property, news).await?;
        let known = identifiers_of(&tx, present.iter().copied().collect()).await?;
        let mut added: HashMap<GuestId, Vec<Identifier>> = news
            .iter()
            .filter(|learned| present.contains(&learned.guest))
            .filter_map(|learned| {
                Some((learned.guest, first_addresses(known.get(&learned.guest)?, &learned.sender)?))
            })
            .collect();
        let keys = added.values().flatten().map(Identifier::match_key).collect();
        let held = held(&tx, property, keys).await?;
        added.retain(|_, new| !new.iter().any(|new| held.contains(&(new.kind(), new.match_key()))));
        let at = self.now();
        let rows: Vec<_> = added
            .iter()
            .flat_map(|(guest, new)| new.iter().map(|new| identity::row(Scope { property, at }, *guest, new)))
            .collect();
        if rows.is_empty() {
            return Ok(HashSet::new());
        }
        let wanted = rows.len() as u64;
        let written = identifier::Entity::insert_many(rows)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&tx)
            .await?;
        if written < wanted {
            // Somebody took one in the same instant: they are looked at one by one.
            tx.rollback().await?;
            return Ok(HashSet::new());
        }
        tx.commit().await?;
        Ok(added.into_keys().collect())
    }
}

fn is_new(known: &[Identifier], sender: &Sender) -> bool {
    let new = |identifier: Identifier| !known.contains(&identifier);
    sender.wa_id.clone().is_some_and(|id| new(Identifier::WaId(id)))
        || sender.bsuid.clone().is_some_and(|id| new(Identifier::Bsuid(id)))
}

/// What is added when the guest has that number and no account yet; `None` for anything else.
fn first_addresses(known: &[Identifier], sender: &Sender) -> Option<Vec<Identifier>> {
    let phone = known.iter().find(|known| known.kind() == IdentifierKind::Phone)?;
    if known.iter().any(|known| known.kind() != IdentifierKind::Phone) {
        return None;
    }
    let wa_id = match &sender.wa_id {
        Some(wa_id) => {
            let number = PhoneNumber::from_wa_id(wa_id).ok()?;
            if number.match_key() != phone.match_key() {
                return None;
            }
            Some(Identifier::WaId(number.digits().to_owned()))
        }
        None => None,
    };
    Some(wa_id.into_iter().chain(sender.bsuid.clone().map(Identifier::Bsuid)).collect())
}

/// Locks the guests in the order of their ids. Those that are not joined into another.
async fn lock_present(
    tx: &DatabaseTransaction,
    property: PropertyId,
    news: &[Learned],
) -> Result<HashSet<GuestId>> {
    let rows: Vec<GuestId> = guest::Entity::find()
        .select_only()
        .column(guest::Column::Id)
        .filter(guest::Column::PropertyId.eq(property))
        .filter(among(tx, guest::Column::Id, news.iter().map(|learned| learned.guest)))
        .filter(guest::Column::MergedInto.is_null())
        .filter(guest::Column::ErasedAt.is_null())
        .order_by_asc(guest::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .all(tx)
        .await?;
    Ok(rows.into_iter().collect())
}

/// Which of these somebody has.
async fn held(
    tx: &DatabaseTransaction,
    property: PropertyId,
    keys: Vec<String>,
) -> Result<HashSet<(IdentifierKind, String)>> {
    use identifier::Column;
    let rows: Vec<(IdentifierKind, String)> = identifier::Entity::find()
        .select_only()
        .columns([Column::Kind, Column::MatchKey])
        .filter(Column::PropertyId.eq(property))
        .filter(among(tx, Column::MatchKey, keys))
        .filter(Column::EndedAt.is_null())
        .into_tuple()
        .all(tx)
        .await?;
    Ok(rows.into_iter().collect())
}

/// The present identifiers of guests, newest first.
pub(crate) async fn identifiers_of(
    db: &impl ConnectionTrait,
    mut ids: Vec<GuestId>,
) -> Result<HashMap<GuestId, Vec<Identifier>>> {
    ids.sort_unstable();
    ids.dedup();
    let mut known: HashMap<GuestId, Vec<Identifier>> = HashMap::with_capacity(ids.len());
    if ids.is_empty() {
        return Ok(known);
    }
    let rows = identifier::Entity::find()
        .filter(among(db, identifier::Column::GuestId, ids))
        .filter(identifier::Column::EndedAt.is_null())
        .order_by_desc(identifier::Column::Id)
        .all(db)
        .await?;
    for row in rows {
        let guest = row.guest_id;
        known.entry(guest).or_default().extend(read_identifier(row));
    }
    Ok(known)
}
