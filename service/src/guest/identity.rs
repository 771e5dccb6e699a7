//! Who is behind an identifier, and what a webhook teaches about it.

use bellhop_domain::event::EventType;
use bellhop_domain::guest::{Identifier, IdentifierKind};
use bellhop_domain::inbound::Sender;
use bellhop_domain::{GuestId, PhoneNumber, PropertyId};
use bellhop_entity::{guest, guest_identifier as identifier};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;

use super::{merge, moved};
use crate::error::Result;
use crate::event::{self, Scope};
use crate::rows::returning;

/// The guest who has this number now, as a phone or as a `wa_id`.
pub(crate) async fn holder_of_number(
    db: &impl ConnectionTrait,
    property: PropertyId,
    match_key: &str,
) -> Result<Option<GuestId>> {
    holder(db, property, &[IdentifierKind::Phone, IdentifierKind::WaId], match_key).await
}

async fn holder(
    db: &impl ConnectionTrait,
    property: PropertyId,
    kinds: &[IdentifierKind],
    match_key: &str,
) -> Result<Option<GuestId>> {
    let row = identifier::Entity::find()
        .filter(identifier::Column::PropertyId.eq(property))
        .filter(identifier::Column::Kind.is_in(kinds.iter().copied()))
        .filter(identifier::Column::MatchKey.eq(match_key))
        .filter(identifier::Column::EndedAt.is_null())
        // A phone is claimed under a unique index by everyone who makes a guest: it decides.
        .order_by_asc(identifier::Column::Kind)
        .one(db)
        .await?;
    Ok(row.map(|row| row.guest_id))
}

/// The guest with this number, locked, made if there is none. Safe when two do it in the same instant.
pub(crate) async fn find_or_create_by_phone(
    tx: &DatabaseTransaction,
    scope: Scope,
    phone: &PhoneNumber,
) -> Result<GuestId> {
    match holder_of_number(tx, scope.property, &phone.match_key()).await? {
        Some(id) => Ok(super::lock(tx, scope.property, id).await?.id),
        None => create(tx, scope, &Identifier::Phone(phone.clone()), None).await,
    }
}

/// What a webhook says about its sender, as identifiers; and who has them now.
pub(super) struct Facts {
    phone: Option<PhoneNumber>,
    bsuid: Option<String>,
    told: Vec<Identifier>,
    held: Vec<identifier::Model>,
    /// Who had them when it was said, and has left them for others since.
    pub(super) left_by: Option<GuestId>,
}

impl Facts {
    /// `said` is when the sender said something, by the provider's clock.
    pub(super) async fn find(
        db: &impl ConnectionTrait,
        scope: Scope,
        sender: &Sender,
        said: DateTime<Utc>,
    ) -> Result<Self> {
        let phone = sender.wa_id.as_deref().and_then(|wa_id| PhoneNumber::from_wa_id(wa_id).ok());
        let wa_id = phone.as_ref().map(|phone| Identifier::WaId(phone.digits().to_owned()));
        let bsuid = sender.bsuid.clone();
        let told: Vec<Identifier> = [
            phone.clone().map(Identifier::Phone),
            wa_id,
            bsuid.clone().map(Identifier::Bsuid),
            sender.username.clone().map(Identifier::Username),
        ]
        .into_iter()
        .flatten()
        .collect();
        let held = identifier::Entity::find()
            .filter(identifier::Column::PropertyId.eq(scope.property))
            .filter(identifier::Column::MatchKey.is_in(told.iter().map(Identifier::match_key)))
            .filter(identifier::Column::EndedAt.is_null())
            .all(db)
            .await?;
        let mut facts = Self { phone, bsuid, told, held, left_by: None };
        // A user id is one person's, so whoever has it now said it.
        if facts.by_bsuid().is_none() {
            facts.left_by = moved::left_by(db, scope, &facts.told, said).await?;
        }
        Ok(facts)
    }

    fn held(&self, kind: IdentifierKind, key: &str) -> Option<&identifier::Model> {
        self.held.iter().find(|row| row.kind == kind && row.match_key == key)
    }

    /// A phone is claimed under a unique index by everyone who makes a guest: it decides before a `wa_id`.
    pub(super) fn by_number(&self) -> Option<GuestId> {
        let key = self.phone.as_ref()?.match_key();
        let held = self.held(IdentifierKind::Phone, &key).or_else(|| self.held(IdentifierKind::WaId, &key));
        held.map(|row| row.guest_id)
    }

    /// Since when, by our clock, the number is its holder's.
    pub(super) fn number_is_known_since(&self) -> Option<DateTime<Utc>> {
        let key = self.phone.as_ref()?.match_key();
        let held = [IdentifierKind::Phone, IdentifierKind::WaId].map(|kind| self.held(kind, &key));
        held.into_iter().flatten().map(|row| row.first_seen_at).min()
    }

    pub(super) fn by_bsuid(&self) -> Option<GuestId> {
        self.held(IdentifierKind::Bsuid, self.bsuid.as_deref()?).map(|row| row.guest_id)
    }

    /// Makes what is not the guest's yet the guest's.
    pub(super) async fn add_to(
        &self,
        tx: &DatabaseTransaction,
        scope: Scope,
        guest: GuestId,
        wanted: impl Fn(IdentifierKind) -> bool,
    ) -> Result<()> {
        for new in self.told.iter().filter(|new| wanted(new.kind())) {
            add(tx, scope, guest, (new, self.held(new.kind(), &new.match_key()))).await?;
        }
        Ok(())
    }
}

/// The guest that a webhook speaks of. What it says is learned: new identifiers are added, and
/// two guests that it names as one are joined. Locked.
///
/// `said` is when they said it, by the provider's clock: what comes late is told of whoever the sender was then.
pub(crate) async fn learn(
    tx: &DatabaseTransaction,
    scope: Scope,
    sender: &Sender,
    said: DateTime<Utc>,
) -> Result<GuestId> {
    let mut facts = Facts::find(tx, scope, sender, said).await?;
    if let Some(guest) = facts.left_by {
        return Ok(super::lock(tx, scope.property, guest).await?.id);
    }
    let name = sender.name.as_deref();
    let (guest, is_named) = match (facts.by_number(), facts.by_bsuid()) {
        (Some(holder), Some(person)) if holder != person && moved::is_another(tx, holder, sender).await? => {
            let theirs = moved::part(tx, scope, (person, holder), sender, said).await?;
            facts = Facts::find(tx, scope, &theirs, said).await?;
            (super::find(tx, scope.property, person).await?.id, false)
        }
        (Some(a), Some(b)) if a != b => {
            let kept = merge::join(tx, scope, a, b).await?;
            facts = Facts::find(tx, scope, sender, said).await?;
            (kept, false)
        }
        (Some(id), _) | (None, Some(id)) => {
            let row = super::lock(tx, scope.property, id).await?;
            if row.id != id {
                // Joined into another before we had the lock.
                facts = Facts::find(tx, scope, sender, said).await?;
            }
            (row.id, row.name.is_some())
        }
        (None, None) => match facts.told.iter().find(|told| told.kind() != IdentifierKind::Username) {
            // Somebody may have made it in the same instant, without a name.
            Some(first) => (create(tx, scope, first, name).await?, false),
            // The parser refuses senders without a number and a BSUID.
            None => return Err(crate::error::Error::not_found("sender")),
        },
    };
    facts.add_to(tx, scope, guest, |_| true).await?;
    if let Some(name) = name.filter(|_| !is_named) {
        self::name(tx, scope, guest, name).await?;
    }
    Ok(guest)
}

async fn create(
    tx: &DatabaseTransaction,
    scope: Scope,
    first: &Identifier,
    name: Option<&str>,
) -> Result<GuestId> {
    let id = GuestId::new();
    let row = super::many::row(scope, id, name);
    guest::Entity::insert(row).exec_without_returning(tx).await?;
    if !claim(tx, scope, id, first).await? {
        // Somebody made this guest in the same instant, and the index let only one in.
        guest::Entity::delete_by_id(id).exec(tx).await?;
        let taken = holder(tx, scope.property, &[first.kind()], &first.match_key()).await?;
        let taken = taken.ok_or_else(|| crate::error::Error::not_found("guest"))?;
        return Ok(super::lock(tx, scope.property, taken).await?.id);
    }
    event::record(tx, scope, EventType::GuestCreated, json!({"guest_id": id, "name": name})).await?;
    Ok(id)
}

/// Writes an identifier as this guest's. `false` when somebody holds it.
async fn claim(tx: &DatabaseTransaction, scope: Scope, guest: GuestId, new: &Identifier) -> Result<bool> {
    let inserted = identifier::Entity::insert(row(scope, guest, new))
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(inserted == 1)
}

/// An identifier of a guest, as it is first seen.
pub(crate) fn row(scope: Scope, guest: GuestId, new: &Identifier) -> identifier::ActiveModel {
    identifier::ActiveModel {
        id: Set(Uuid::now_v7()),
        property_id: Set(scope.property),
        guest_id: Set(guest),
        kind: Set(new.kind()),
        value: Set(new.value().to_owned()),
        match_key: Set(new.match_key()),
        first_seen_at: Set(scope.at),
        ended_at: Set(None),
        left_at: Set(None),
    }
}

/// Makes `new` one of the guest's identifiers, from now on; `held` is who has it.
async fn add(
    tx: &DatabaseTransaction,
    scope: Scope,
    guest: GuestId,
    (new, held): (&Identifier, Option<&identifier::Model>),
) -> Result<()> {
    if let Some(row) = held {
        let same_value = row.value == new.value();
        match new.kind() {
            _ if row.guest_id == guest && same_value => return Ok(()),
            // The number as it was first written stays: its variants are in the key.
            IdentifierKind::Phone => return Ok(()),
            IdentifierKind::Bsuid | IdentifierKind::WaId | IdentifierKind::Username => {
                end(tx, scope, row).await?;
            }
        }
    }
    if matches!(new.kind(), IdentifierKind::Username | IdentifierKind::Bsuid) {
        end_others(tx, scope, guest, new).await?;
    }
    claim(tx, scope, guest, new).await.map(|_| ())
}

async fn end(tx: &DatabaseTransaction, scope: Scope, row: &identifier::Model) -> Result<()> {
    identifier::Entity::update_many()
        .col_expr(identifier::Column::EndedAt, Expr::value(scope.at))
        .filter(identifier::Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    Ok(())
}

/// A guest has one username and one BSUID at a time: a new one ends the old.
async fn end_others(tx: &DatabaseTransaction, scope: Scope, guest: GuestId, new: &Identifier) -> Result<()> {
    identifier::Entity::update_many()
        .col_expr(identifier::Column::EndedAt, Expr::value(scope.at))
        .filter(identifier::Column::GuestId.eq(guest))
        .filter(identifier::Column::Kind.eq(new.kind()))
        .filter(identifier::Column::MatchKey.ne(new.match_key()))
        .filter(identifier::Column::EndedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Takes the name that the guest gave to WhatsApp, if there is none yet.
async fn name(tx: &DatabaseTransaction, scope: Scope, guest: GuestId, name: &str) -> Result<()> {
    let named = guest::Entity::update_many()
        .col_expr(guest::Column::Name, Expr::value(name))
        .col_expr(guest::Column::UpdatedAt, Expr::value(scope.at))
        .filter(guest::Column::Id.eq(guest))
        .filter(guest::Column::Name.is_null());
    let told: Vec<(Option<String>,)> = returning(tx, named, [guest::Column::ToldName]).await?;
    // Somebody whose word weighs more has named the guest already.
    if let Some((None,)) = told.first() {
        super::facts::tell(tx, scope, guest, &["name"]).await?;
    }
    Ok(())
}

/// Learns addresses of a guest who is known already, from an answer or a status.
pub(crate) async fn attach(
    tx: &DatabaseTransaction,
    scope: Scope,
    guest: GuestId,
    sender: &Sender,
) -> Result<()> {
    if super::is_erased(tx, guest).await? {
        return Ok(());
    }
    let sender = &mut moved::without_left(tx, guest, sender, None).await?;
    let mut facts = Facts::find(tx, scope, sender, scope.at).await?;
    if let Some(holder) = facts.by_number().filter(|holder| *holder != guest)
        && moved::is_another(tx, holder, sender).await?
    {
        // It was the guest's when the message went out, and is somebody else's.
        sender.wa_id = None;
        facts = Facts::find(tx, scope, sender, scope.at).await?;
    }
    let (by_number, by_bsuid) = (facts.by_number(), facts.by_bsuid());
    // All in the order of their ids, as everybody locks them.
    let mut all: Vec<GuestId> = [Some(guest), by_number, by_bsuid].into_iter().flatten().collect();
    all.sort_unstable();
    for id in all {
        super::lock(tx, scope.property, id).await?;
    }
    let mut guest = super::find(tx, scope.property, guest).await?.id;
    for other in [by_number, by_bsuid].into_iter().flatten() {
        if other != guest {
            guest = merge::join(tx, scope, guest, other).await?;
            facts = Facts::find(tx, scope, sender, scope.at).await?;
        }
    }
    let has_phone = identifier::Entity::find()
        .filter(identifier::Column::GuestId.eq(guest))
        .filter(identifier::Column::Kind.eq(IdentifierKind::Phone))
        .filter(identifier::Column::EndedAt.is_null())
        .one(tx)
        .await?
        .is_some();
    facts.add_to(tx, scope, guest, |kind| kind != IdentifierKind::Phone || !has_phone).await
}
