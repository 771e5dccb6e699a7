//! Guests, as the API shows them.

mod addresses;
mod change;
mod facts;
pub(crate) mod identity;
pub mod import;
mod list;
pub(crate) mod many;
mod merge;
mod moved;

use bellhop_domain::consent::Consents;
use bellhop_domain::guest::{Identifier, IdentifierKind};
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::stay::Stay;
use bellhop_domain::{Country, GuestId, PhoneNumber, PropertyId};
use bellhop_entity::{guest, guest_identifier};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::LockType;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use serde_json::json;

use crate::app::App;
use crate::auth::Caller;
use crate::consent::consents_of;
use crate::error::{Error, Result, shorten};
use crate::property;

pub use change::GuestChange;
pub use list::GuestFilter;

pub(crate) use addresses::{Learned, identifiers_of};
pub(crate) use facts::{event_facts, file_conversations, refresh};
pub(crate) use list::read_language;
pub(crate) use moved::{follow_move, lock_all};

/// A guest with all present identifiers and what is known about the person: of several sources, the word
/// of the best (`bellhop_domain::profile`).
#[derive(Debug, Clone)]
pub struct GuestView {
    pub guest_id: GuestId,
    pub name: Option<String>,
    pub language: Option<String>,
    pub tier: Option<String>,
    /// For staff only.
    pub notes: Option<String>,
    /// The current one.
    pub stay: Option<Stay>,
    /// E.164; `None` for a guest who hides it.
    pub phone: Option<String>,
    pub wa_id: Option<String>,
    pub bsuid: Option<String>,
    pub username: Option<String>,
    pub consent: Consents,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl GuestView {
    fn new(row: guest::Model, identifiers: &[guest_identifier::Model], consent: Consents) -> Self {
        let value = |kind| {
            let mut mine = identifiers.iter().filter(|i| i.guest_id == row.id);
            mine.find(|i| i.kind == kind).map(|i| i.value.clone())
        };
        Self {
            guest_id: row.id,
            name: row.told_name.or(row.name),
            language: row.language,
            tier: row.tier,
            notes: row.notes,
            stay: row.stay,
            phone: value(IdentifierKind::Phone),
            wa_id: value(IdentifierKind::WaId),
            bsuid: value(IdentifierKind::Bsuid),
            username: value(IdentifierKind::Username),
            consent,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl App {
    pub async fn guest(&self, caller: &Caller, id: GuestId) -> Result<GuestView> {
        caller.require(Right::ReadGuests)?;
        let row = find(self.db.reader(), caller.property_id, id).await?;
        let mut views = views(self.db.reader(), vec![row]).await?;
        views.pop().ok_or_else(|| Error::not_found("guest"))
    }

    /// Reads a phone number as the property's staff write it.
    pub(crate) async fn read_phone(
        &self,
        property: PropertyId,
        field: &str,
        text: &str,
    ) -> Result<PhoneNumber> {
        let property = property::load(self.db.reader(), property).await?;
        parse_phone(property::home(&property), field, text)
    }
}

/// Reads a phone number in the country in which national ones are meant.
pub(crate) fn parse_phone(home: Option<Country>, field: &str, text: &str) -> Result<PhoneNumber> {
    PhoneNumber::parse(text, home).map_err(|error| {
        let text = shorten(text);
        let message = format!("\"{text}\" cannot be read as a phone number: {error}.");
        let details = json!({"field": field, "given": text, "reason": error.to_string()});
        Error::with(Problem::InvalidPhoneNumber, message, details)
    })
}

/// Whether nothing is known of a guest any more. What still comes of them changes nothing.
pub(crate) async fn is_erased(db: &impl ConnectionTrait, id: GuestId) -> Result<bool> {
    let erased = guest::Entity::find_by_id(id).filter(guest::Column::ErasedAt.is_not_null());
    Ok(erased.one(db).await?.is_some())
}

/// A guest of the property; one that was joined into another is that other. An erased one is not there.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    property: PropertyId,
    id: GuestId,
) -> Result<guest::Model> {
    follow(db, property, id, None).await
}

/// The guest as it is now, locked until the transaction ends. Whoever writes identifiers,
/// conversations or messages of a guest holds this first: a merge that ran meanwhile would leave
/// them with somebody who is gone.
pub(crate) async fn lock(
    tx: &DatabaseTransaction,
    property: PropertyId,
    id: GuestId,
) -> Result<guest::Model> {
    // Weaker than FOR UPDATE: rows that refer to the guest may still be inserted.
    follow(tx, property, id, Some(LockType::NoKeyUpdate)).await
}

async fn follow(
    db: &impl ConnectionTrait,
    property: PropertyId,
    mut id: GuestId,
    lock: Option<LockType>,
) -> Result<guest::Model> {
    loop {
        let row = guest::Entity::find_by_id(id)
            .filter(guest::Column::PropertyId.eq(property))
            .apply_if(lock, QuerySelect::lock)
            .one(db)
            .await?
            .ok_or_else(|| Error::not_found("guest"))?;
        match row.merged_into {
            Some(into) => id = into,
            None if row.erased_at.is_some() => return Err(Error::not_found("guest")),
            None => return Ok(row),
        }
    }
}

/// The guests of some rows, with their identifiers, in the order given.
pub(crate) async fn views(db: &impl ConnectionTrait, rows: Vec<guest::Model>) -> Result<Vec<GuestView>> {
    let identifiers = guest_identifier::Entity::find()
        .filter(guest_identifier::Column::GuestId.is_in(rows.iter().map(|row| row.id)))
        .filter(guest_identifier::Column::EndedAt.is_null())
        .order_by_desc(guest_identifier::Column::Id)
        .all(db)
        .await?;
    let consents = consents_of(db, rows.iter().map(|row| row.id)).await?;
    let view = |row: guest::Model| {
        let consent = consents.get(&row.id).copied().unwrap_or(Consents::UNKNOWN);
        GuestView::new(row, &identifiers, consent)
    };
    Ok(rows.into_iter().map(view).collect())
}

/// The present identifiers of a guest, newest first.
pub(crate) async fn identifiers(db: &impl ConnectionTrait, id: GuestId) -> Result<Vec<Identifier>> {
    let rows = guest_identifier::Entity::find()
        .filter(guest_identifier::Column::GuestId.eq(id))
        .filter(guest_identifier::Column::EndedAt.is_null())
        .order_by_desc(guest_identifier::Column::Id)
        .all(db)
        .await?;
    Ok(rows.into_iter().filter_map(read_identifier).collect())
}

pub(crate) fn read_identifier(row: guest_identifier::Model) -> Option<Identifier> {
    match row.kind {
        IdentifierKind::Phone => PhoneNumber::parse(&row.value, None).ok().map(Identifier::Phone),
        IdentifierKind::WaId => Some(Identifier::WaId(row.value)),
        IdentifierKind::Bsuid => Some(Identifier::Bsuid(row.value)),
        IdentifierKind::Username => Some(Identifier::Username(row.value)),
    }
}
