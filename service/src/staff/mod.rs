//! People who work at the hotel, as admins look after them.

mod change;
mod password;
mod trail;

use bellhop_domain::rights::{Right, StaffRole};
use bellhop_domain::{PropertyId, StaffId};
use bellhop_entity::staff;
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use serde_json::Value;

pub use change::{StaffChange, StaffDraft};
pub use password::{AdminMade, FirstAdmin};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::page::{Page, PageRequest};

/// A person, without what they sign in by.
#[derive(Debug, Clone)]
pub struct StaffView {
    pub staff_id: StaffId,
    pub name: String,
    pub email: String,
    pub role: StaffRole,
    pub departments: Vec<String>,
    pub languages: Vec<String>,
    /// Whether they can sign in, if they are not disabled.
    pub has_password: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub disabled_at: Option<DateTime<Utc>>,
}

impl From<staff::Model> for StaffView {
    fn from(row: staff::Model) -> Self {
        Self {
            staff_id: row.id,
            name: row.name,
            email: row.email,
            role: row.role,
            departments: texts(row.departments),
            languages: texts(row.languages),
            has_password: row.password_hash.is_some(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            disabled_at: row.disabled_at,
        }
    }
}

fn texts(list: Value) -> Vec<String> {
    serde_json::from_value(list).unwrap_or_default()
}

impl App {
    /// Everybody who works or worked here, in the order of their making.
    pub async fn people(&self, caller: &Caller, page: PageRequest) -> Result<Page<StaffView>> {
        caller.require(Right::ManagePeople)?;
        use staff::Column;
        let mut query = staff::Entity::find().filter(Column::PropertyId.eq(caller.property_id));
        if let Some(after) = page.after::<StaffId>()? {
            query = query.filter(Column::Id.gt(after));
        }
        let rows = query.order_by_asc(Column::Id).limit(page.limit() + 1).all(self.db.reader()).await?;
        Ok(Page::cut(rows, &page, |row| row.id).map(Into::into))
    }

    pub async fn staff_member(&self, caller: &Caller, id: StaffId) -> Result<StaffView> {
        caller.require(Right::ManagePeople)?;
        self.person_of(caller.property_id, id).await
    }

    pub(crate) async fn person_of(&self, property: PropertyId, id: StaffId) -> Result<StaffView> {
        Ok(find(property, id).one(self.db.reader()).await?.ok_or_else(no_such_person)?.into())
    }
}

fn find(property: PropertyId, id: StaffId) -> Select<staff::Entity> {
    staff::Entity::find_by_id(id).filter(staff::Column::PropertyId.eq(property))
}

/// Locks a person of the property. Nothing else is locked with one.
pub(crate) async fn lock(
    tx: &DatabaseTransaction,
    property: PropertyId,
    id: StaffId,
) -> Result<staff::Model> {
    find(property, id).lock_exclusive().one(tx).await?.ok_or_else(no_such_person)
}

fn no_such_person() -> Error {
    Error::not_found("staff member")
}
