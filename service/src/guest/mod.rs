//! Guests, as the API shows them.

mod addresses;
pub(crate) mod identity;
mod merge;

use bellhop_domain::guest::{Identifier, IdentifierKind};
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::Right;
use bellhop_domain::{GuestId, PhoneNumber, PropertyId};
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
use crate::error::{Error, Result, shorten};
use crate::property;

pub(crate) use addresses::{Learned, identifiers_of};

/// A guest with all present identifiers.
#[derive(Debug, Clone)]
pub struct GuestView {
    pub guest_id: GuestId,
    pub name: Option<String>,
    /// E.164; `None` for a guest who hides it.
    pub phone: Option<String>,
    pub wa_id: Option<String>,
    pub bsuid: Option<String>,
    pub username: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl GuestView {
    fn new(row: guest::Model, identifiers: &[guest_identifier::Model]) -> Self {
        let value = |kind| {
            let mut mine = identifiers.iter().filter(|i| i.guest_id == row.id);
            mine.find(|i| i.kind == kind).map(|i| i.value.clone())
        };
        Self {
            guest_id: row.id,
            name: row.name.clone(),
            phone: value(IdentifierKind::Phone),
            wa_id: value(IdentifierKind::WaId),
            bsuid: value(IdentifierKind::Bsuid),
            username: value(IdentifierKind::Username),
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

    /// The guests with this phone number: one or none.
    pub async fn guests_by_phone(&self, caller: &Caller, phone: &str) -> Result<Vec<GuestView>> {
        caller.require(Right::ReadGuests)?;
        let phone = self.read_phone(caller.property_id, "phone", phone).await?;
        match identity::holder_of_number(self.db.reader(), caller.property_id, &phone.match_key()).await? {
            Some(id) => Ok(vec![self.guest(caller, id).await?]),
            None => Ok(Vec::new()),
        }
    }

    /// Reads a phone number as the property's staff write it.
    pub(crate) async fn read_phone(
        &self,
        property: PropertyId,
        field: &str,
        text: &str,
    ) -> Result<PhoneNumber> {
        let property = property::load(self.db.reader(), property).await?;
        PhoneNumber::parse(text, property::home(&property)).map_err(|error| {
            let text = shorten(text);
            let message = format!("\"{text}\" cannot be read as a phone number: {error}.");
            let details = json!({"field": field, "given": text, "reason": error.to_string()});
            Error::with(Problem::InvalidPhoneNumber, message, details)
        })
    }
}

/// A guest of the property; one that was joined into another is that other.
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
    Ok(rows.into_iter().map(|row| GuestView::new(row, &identifiers)).collect())
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
