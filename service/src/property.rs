//! The hotel itself.

use bellhop_domain::audit::AuditAction;
use bellhop_domain::privacy::RetentionDays;
use bellhop_domain::rights::Right;
use bellhop_domain::settings::InDoubtPolicy;
use bellhop_domain::{Country, PropertyId};
use bellhop_entity::property;
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryOrder,
    QuerySelect,
};
use serde_json::{Value, json};

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::event::Scope;

/// A hotel.
#[derive(Debug, Clone)]
pub struct PropertyView {
    pub property_id: PropertyId,
    pub name: String,
    /// IANA name.
    pub time_zone: String,
    pub default_country: Option<String>,
    pub default_language: String,
    pub in_doubt_policy: InDoubtPolicy,
    /// Marketing goes only to guests who have agreed to it.
    pub require_opt_in: bool,
    /// How long words and files are kept; for good where absent.
    pub messages_days: Option<RetentionDays>,
    pub media_days: Option<RetentionDays>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What to change; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct PropertyChange {
    pub name: Option<String>,
    pub time_zone: Option<String>,
    pub default_country: Option<String>,
    pub default_language: Option<String>,
    pub in_doubt_policy: Option<InDoubtPolicy>,
    pub require_opt_in: Option<bool>,
    pub retention: RetentionChange,
}

/// `Some(None)`: for good.
#[derive(Debug, Clone, Copy, Default)]
pub struct RetentionChange {
    pub messages_days: Option<Option<i64>>,
    pub media_days: Option<Option<i64>>,
}

impl From<property::Model> for PropertyView {
    fn from(row: property::Model) -> Self {
        Self {
            property_id: row.id,
            name: row.name,
            time_zone: row.time_zone,
            default_country: row.default_country,
            default_language: row.default_language,
            in_doubt_policy: row.in_doubt_policy,
            require_opt_in: row.require_opt_in,
            messages_days: row.messages_days.and_then(|days| i64::from(days).try_into().ok()),
            media_days: row.media_days.and_then(|days| i64::from(days).try_into().ok()),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl PropertyChange {
    fn check(&self) -> Result<()> {
        if let Some(name) = &self.name
            && !(1..=200).contains(&name.trim().chars().count())
        {
            return Err(Error::field("name", "must have 1 to 200 characters"));
        }
        if let Some(zone) = &self.time_zone
            && zone.parse::<chrono_tz::Tz>().is_err()
        {
            return Err(Error::field("time_zone", "must be an IANA name such as Asia/Jerusalem or UTC"));
        }
        if let Some(country) = &self.default_country {
            country
                .to_ascii_uppercase()
                .parse::<Country>()
                .map_err(|error| Error::field("default_country", error))?;
        }
        if let Some(language) = &self.default_language
            && !is_language_code(language)
        {
            return Err(Error::field("default_language", "must be a code such as en, en_US or he"));
        }
        for (field, days) in self.retention.fields() {
            days.flatten()
                .map(RetentionDays::try_from)
                .transpose()
                .map_err(|error| Error::field(field, error))?;
        }
        Ok(())
    }

    fn apply(self, row: &mut property::ActiveModel) {
        if let Some(name) = self.name {
            row.name = Set(name.trim().to_owned());
        }
        if let Some(zone) = self.time_zone {
            row.time_zone = Set(zone);
        }
        if let Some(country) = self.default_country {
            row.default_country = Set(Some(country.to_ascii_uppercase()));
        }
        if let Some(language) = self.default_language {
            row.default_language = Set(language);
        }
        if let Some(policy) = self.in_doubt_policy {
            row.in_doubt_policy = Set(policy);
        }
        if let Some(require) = self.require_opt_in {
            row.require_opt_in = Set(require);
        }
        // Checked before.
        let stored = |days: Option<i64>| days.and_then(|days| i32::try_from(days).ok());
        if let Some(days) = self.retention.messages_days {
            row.messages_days = Set(stored(days));
        }
        if let Some(days) = self.retention.media_days {
            row.media_days = Set(stored(days));
        }
    }
}

impl RetentionChange {
    fn fields(self) -> [(&'static str, Option<Option<i64>>); 2] {
        [("retention.messages_days", self.messages_days), ("retention.media_days", self.media_days)]
    }
}

/// Meta's codes: two or three small letters, and a country where one is meant.
fn is_language_code(text: &str) -> bool {
    let (language, country) = text.split_once('_').map_or((text, None), |(l, c)| (l, Some(c)));
    (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_lowercase())
        && country.is_none_or(|c| c.len() == 2 && c.bytes().all(|b| b.is_ascii_uppercase()))
}

impl App {
    pub async fn property(&self, caller: &Caller) -> Result<PropertyView> {
        caller.require(Right::ReadProperty)?;
        Ok(load(self.db.reader(), caller.property_id).await?.into())
    }

    pub async fn change_property(&self, caller: &Caller, change: PropertyChange) -> Result<PropertyView> {
        caller.require(Right::ChangeProperty)?;
        change.check()?;
        let scope = Scope { property: caller.property_id, at: self.now() };
        let tx = self.db.begin().await?;
        let before = load_locked(&tx, scope.property).await?;
        let mut row = before.clone().into_active_model();
        change.apply(&mut row);
        row.updated_at = Set(scope.at);
        let row = row.update(&tx).await?;
        let entry = Entry::of(AuditAction::PropertyChanged, row.id).changed(told(&before), told(&row));
        audit::record(&tx, scope, caller, entry).await?;
        tx.commit().await?;
        Ok(row.into())
    }

    /// All hotels, in the order of their making, for whoever runs Bellhop.
    pub async fn properties(&self) -> Result<Vec<(PropertyId, String)>> {
        let rows = property::Entity::find().order_by_asc(property::Column::Id).all(self.db.reader()).await?;
        Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
    }

    /// Makes a hotel. Names and codes are checked as in [`App::change_property`].
    pub async fn create_property(&self, name: &str, change: PropertyChange) -> Result<PropertyId> {
        let change = PropertyChange { name: Some(name.to_owned()), ..change };
        change.check()?;
        let id = PropertyId::new();
        let mut row = property::ActiveModel {
            id: Set(id),
            time_zone: Set("UTC".to_owned()),
            default_country: Set(None),
            default_language: Set("en".to_owned()),
            in_doubt_policy: Set(InDoubtPolicy::Hold),
            require_opt_in: Set(false),
            created_at: Set(self.now()),
            updated_at: Set(self.now()),
            ..Default::default()
        };
        change.apply(&mut row);
        let tx = self.db.begin().await?;
        property::Entity::insert(row).exec_without_returning(&tx).await?;
        tx.commit().await?;
        Ok(id)
    }
}

/// As [`load`], locked until the transaction ends: what two change at once is told in the order in which it stood.
async fn load_locked(tx: &DatabaseTransaction, id: PropertyId) -> Result<property::Model> {
    // Rows that refer to the property are added meanwhile.
    let row = property::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await?;
    row.ok_or_else(|| Error::not_found("property"))
}

/// What the audit trail tells of a hotel's settings.
fn told(row: &property::Model) -> Value {
    json!({
        "name": row.name, "time_zone": row.time_zone, "default_country": row.default_country,
        "default_language": row.default_language, "in_doubt_policy": row.in_doubt_policy,
        "require_opt_in": row.require_opt_in,
        "messages_days": row.messages_days, "media_days": row.media_days,
    })
}

/// The property of a caller or of a row, which is there by foreign key.
pub(crate) async fn load(db: &impl ConnectionTrait, id: PropertyId) -> Result<property::Model> {
    property::Entity::find_by_id(id).one(db).await?.ok_or_else(|| Error::not_found("property"))
}

/// The property's time zone; UTC where the name is none that we know (any more).
pub(crate) fn zone(row: &property::Model) -> chrono_tz::Tz {
    row.time_zone.parse().unwrap_or(chrono_tz::Tz::UTC)
}

/// The country in which the property's national numbers are read.
pub(crate) fn home(row: &property::Model) -> Option<Country> {
    row.default_country.as_ref().and_then(|country| country.parse().ok())
}
