//! Making and changing people.

use bellhop_domain::StaffId;
use bellhop_domain::content::Wrong;
use bellhop_domain::problem::Problem;
use bellhop_domain::rights::{Right, StaffRole};
use bellhop_domain::staff::{EmailAddress, NewPassword};
use bellhop_domain::{PropertyId, Secret};
use bellhop_entity::staff;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel,
    QueryFilter,
};
use serde_json::json;

use super::{StaffView, lock, trail};
use crate::app::App;
use crate::audit;
use crate::auth::{Caller, end_all};
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::idempotency::IdempotencyKey;

const NAME_MAX: usize = 100;
/// Departments, and languages, of one person.
const LIST_MAX: usize = 20;
const ITEM_MAX: usize = 64;

/// A person to be made.
#[derive(Debug, Clone)]
pub struct StaffDraft {
    pub name: String,
    pub email: String,
    pub role: StaffRole,
    pub departments: Vec<String>,
    pub languages: Vec<String>,
    /// Without one nobody can sign in until it is set.
    pub password: Option<Secret>,
    pub idempotency_key: Option<IdempotencyKey>,
}

/// What to change; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct StaffChange {
    pub name: Option<String>,
    pub email: Option<String>,
    pub role: Option<StaffRole>,
    pub departments: Option<Vec<String>>,
    pub languages: Option<Vec<String>>,
    pub disabled: Option<bool>,
}

/// What was read of a draft or a change.
#[derive(Default)]
pub(super) struct Facts {
    name: Option<String>,
    email: Option<EmailAddress>,
    departments: Option<Vec<String>>,
    languages: Option<Vec<String>>,
}

impl Facts {
    /// Reads all that is given, and names all that is wrong.
    pub fn read(change: StaffChange) -> Result<Self> {
        let mut wrong = Vec::new();
        let mut keep = |field: &str, reason: Option<String>| {
            wrong.extend(reason.map(|reason| Wrong { field: field.to_owned(), reason }));
        };
        let name = change.name.map(|name| name.trim().to_owned());
        let good = name.as_ref().is_none_or(|name| (1..=NAME_MAX).contains(&name.chars().count()));
        keep("name", (!good).then(|| format!("must have 1 to {NAME_MAX} characters")));
        let email = change.email.map(|email| email.parse::<EmailAddress>()).transpose();
        keep("email", email.as_ref().err().map(ToString::to_string));
        for (field, list) in [("departments", &change.departments), ("languages", &change.languages)] {
            keep(field, list.as_deref().and_then(list_fault));
        }
        match email {
            Ok(email) if wrong.is_empty() => {
                Ok(Self { name, email, departments: change.departments, languages: change.languages })
            }
            Ok(_) | Err(_) => Err(Error::fields(&wrong)),
        }
    }

    pub fn apply(self, row: &mut staff::Model) {
        if let Some(name) = self.name {
            row.name = name;
        }
        if let Some(email) = self.email {
            row.email_key = email.key();
            row.email = email.as_str().to_owned();
        }
        if let Some(departments) = self.departments {
            row.departments = json!(departments);
        }
        if let Some(languages) = self.languages {
            row.languages = json!(languages);
        }
    }
}

fn list_fault(list: &[String]) -> Option<String> {
    if list.len() > LIST_MAX {
        return Some(format!("must name at most {LIST_MAX}"));
    }
    let bad = list.iter().any(|item| item.trim().is_empty() || item.chars().count() > ITEM_MAX);
    bad.then(|| format!("each must have 1 to {ITEM_MAX} characters"))
}

/// A row of nobody yet.
pub(super) fn blank(property: PropertyId, role: StaffRole, now: DateTime<Utc>) -> staff::Model {
    staff::Model {
        id: StaffId::new(),
        property_id: property,
        name: String::new(),
        email: String::new(),
        email_key: String::new(),
        role,
        departments: json!([]),
        languages: json!([]),
        password_hash: None,
        created_at: now,
        updated_at: now,
        disabled_at: None,
    }
}

impl StaffDraft {
    fn read(&self) -> Result<Facts> {
        let draft = self.clone();
        Facts::read(StaffChange {
            name: Some(draft.name),
            email: Some(draft.email),
            departments: Some(draft.departments),
            languages: Some(draft.languages),
            ..StaffChange::default()
        })
    }
}

impl App {
    /// Makes a person.
    pub async fn add_staff_member(&self, caller: &Caller, mut draft: StaffDraft) -> Result<StaffView> {
        caller.require(Right::ManagePeople)?;
        let (key, now) = (draft.idempotency_key.take(), self.now());
        if let Some(key) = &key
            && let Some(id) = key.find::<StaffId>(self.db.reader(), caller, now).await?
        {
            return self.staff_member(caller, id).await;
        }
        let mut row = blank(caller.property_id, draft.role, now);
        draft.read()?.apply(&mut row);
        row.password_hash = match &draft.password {
            Some(password) => Some(self.passwords.hash(&read_password("password", password)?).await?),
            None => None,
        };
        let tx = self.db.begin().await?;
        insert(&tx, &row).await?;
        let scope = Scope { property: row.property_id, at: now };
        audit::record(&tx, scope, caller, trail::made(&row)).await?;
        if let Some(key) = key
            && !key.take(&tx, caller, row.id.uuid(), now).await?
        {
            return Err(Error::of(Problem::IdempotencyKeyInFlight));
        }
        tx.commit().await?;
        Ok(row.into())
    }

    /// Changes a person. Another role, and being disabled, end their sessions.
    pub async fn change_staff_member(
        &self,
        caller: &Caller,
        id: StaffId,
        change: StaffChange,
    ) -> Result<StaffView> {
        caller.require(Right::ManagePeople)?;
        let (role, disabled) = (change.role, change.disabled);
        let facts = Facts::read(change)?;
        let tx = self.db.begin().await?;
        let before = lock(&tx, caller.property_id, id).await?;
        let mut row = before.clone();
        facts.apply(&mut row);
        row.role = role.unwrap_or(before.role);
        row.disabled_at = match disabled {
            Some(true) => before.disabled_at.or(Some(self.now())),
            Some(false) => None,
            None => before.disabled_at,
        };
        let loses = row.role != before.role || row.disabled_at.is_some();
        if loses && caller.staff_id() == Some(id) {
            let message = "Nobody takes their own rights away: ask another admin.";
            return Err(Error::because(Problem::Forbidden, message));
        }
        if row.email_key != before.email_key {
            check_free(&tx, &row).await?;
        }
        row.updated_at = self.now();
        let row = store(&tx, row).await?;
        if loses {
            end_all(&tx, id).await?;
        }
        let scope = Scope { property: row.property_id, at: row.updated_at };
        audit::record(&tx, scope, caller, trail::changed(&before, &row)).await?;
        tx.commit().await?;
        tracing::info!(staff = %id, by = %caller.uuid(), "a staff account was changed");
        Ok(row.into())
    }
}

pub(super) fn read_password(field: &str, given: &Secret) -> Result<NewPassword> {
    NewPassword::read(given).map_err(|error| Error::field(field, error))
}

/// Writes a new person, whose address must be free.
pub(super) async fn insert(tx: &DatabaseTransaction, row: &staff::Model) -> Result<()> {
    let made = staff::Entity::insert(staff::ActiveModel::from(row.clone()))
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    if made == 0 {
        check_free(tx, row).await?;
        return Err(Error::of(Problem::EmailTaken));
    }
    Ok(())
}

/// Writes a whole row over the one that is locked.
pub(super) async fn store(tx: &DatabaseTransaction, row: staff::Model) -> Result<staff::Model> {
    let stored = row.into_active_model().reset_all().update(tx).await;
    stored.map_err(|error| match error.sql_err() {
        // Somebody took the address since it was looked at.
        Some(sea_orm::SqlErr::UniqueConstraintViolation(_)) => Error::of(Problem::EmailTaken),
        Some(_) | None => error.into(),
    })
}

/// That nobody else at the hotel has the row's address.
async fn check_free(db: &impl ConnectionTrait, row: &staff::Model) -> Result<()> {
    let holder = by_email(db, row.property_id, &row.email_key).await?;
    match holder {
        Some(holder) if holder.id != row.id => {
            let problem = Problem::EmailTaken;
            Err(Error::with(problem, problem.row().meaning, json!({"staff_member_id": holder.id})))
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) async fn by_email(
    db: &impl ConnectionTrait,
    property: PropertyId,
    key: &str,
) -> Result<Option<staff::Model>> {
    let found = staff::Entity::find()
        .filter(staff::Column::EmailKey.eq(key))
        .filter(staff::Column::PropertyId.eq(property));
    Ok(found.one(db).await?)
}
