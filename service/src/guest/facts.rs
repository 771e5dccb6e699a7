//! What is shown of guests: derived from what staff, imports and the PMS say, in the transaction of every
//! change, and kept where lists look.

use std::collections::HashMap;

use bellhop_domain::event::EventType;
use bellhop_domain::profile::{Booked, Fact, Profile, Shown, shown};
use bellhop_domain::stay::{Date, Stay, StayStatus};
use bellhop_domain::{ConversationId, GuestId};
use bellhop_entity::{conversation, guest, stay, stay_guest};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use sea_orm::sea_query::LockType;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::event::{self, Scope};
use crate::property;
use crate::rows::{Rows, among};

/// Derives again what is shown of guests, who are locked, and tells of what changed. Whatever came before
/// means nothing: only what is known now.
pub(crate) async fn refresh(tx: &DatabaseTransaction, scope: Scope, ids: &[GuestId]) -> Result<()> {
    let zone = property::zone(&property::load(tx, scope.property).await?);
    let today = Date::from(scope.at.with_timezone(&zone).date_naive());
    let mut booked = booked(tx, ids).await?;
    let rows = guest::Entity::find()
        .filter(guest::Column::PropertyId.eq(scope.property))
        .filter(among(tx, guest::Column::Id, ids.iter().copied()))
        .order_by_asc(guest::Column::Id)
        .all(tx)
        .await?;
    let mut changes = Vec::new();
    for row in rows {
        let (staff, import) = (row.staff.clone().unwrap_or_default(), row.import.clone().unwrap_or_default());
        let now = shown(&staff, &import, booked.remove(&row.id).unwrap_or_default(), today);
        let lapses_at = now.stay.as_ref().and_then(|stay| lapses_at(stay, zone));
        let changed = changed(&row, &now);
        if !changed.is_empty() || row.stay_lapses_at != lapses_at {
            changes.push(Change { row, now, lapses_at, changed });
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    store(tx, scope, &changes).await?;
    let ids: Vec<GuestId> = changes.iter().map(|change| change.row.id).collect();
    file_conversations(tx, &ids).await?;
    let told = changes.iter().filter(|change| !change.changed.is_empty());
    let told = told.map(Change::told);
    event::record_many(tx, scope, EventType::GuestUpdated, told).await
}

/// What is new about a guest.
struct Change {
    row: guest::Model,
    now: Shown,
    lapses_at: Option<DateTime<Utc>>,
    changed: Vec<&'static str>,
}

impl Change {
    fn told(&self) -> Value {
        let profile = &self.now.profile;
        let name = profile.name.as_ref().or(self.row.name.as_ref());
        let person = Person { name, language: profile.language.as_ref(), tier: profile.tier.as_ref() };
        told(self.row.id, &self.changed, &person, self.now.stay.as_ref())
    }
}

/// What an event says about a guest. Notes are for staff: events go to partners too.
struct Person<'a> {
    name: Option<&'a String>,
    language: Option<&'a String>,
    tier: Option<&'a String>,
}

impl<'a> Person<'a> {
    fn of(row: &'a guest::Model) -> Self {
        Self {
            name: row.told_name.as_ref().or(row.name.as_ref()),
            language: row.language.as_ref(),
            tier: row.tier.as_ref(),
        }
    }

    fn json(&self) -> Value {
        json!({"name": self.name, "language": self.language, "tier": self.tier})
    }
}

fn told(guest: GuestId, changed: &[&'static str], person: &Person, stay: Option<&Stay>) -> Value {
    json!({
        "guest_id": guest, "name": person.name, "changed": changed,
        "guest": person.json(), "stay": stay.map(stay_json),
    })
}

fn stay_json(stay: &Stay) -> Value {
    json!({
        "room": stay.room, "arrival": stay.arrival, "departure": stay.departure,
        "booking_reference": stay.booking_reference, "status": stay.status,
    })
}

/// Tells that a guest changed, as it is now.
pub(super) async fn tell(
    tx: &DatabaseTransaction,
    scope: Scope,
    guest: GuestId,
    changed: &[&'static str],
) -> Result<()> {
    let row = super::find(tx, scope.property, guest).await?;
    let data = told(row.id, changed, &Person::of(&row), row.stay.as_ref());
    event::record(tx, scope, EventType::GuestUpdated, data).await
}

/// What an event about a guest says of them: `guest` with `name`, `language` and `tier`, and `stay` with
/// `room`, `arrival`, `departure`, `booking_reference` and `status`, or null.
pub(crate) async fn event_facts(tx: &DatabaseTransaction, guest: GuestId) -> Result<Value> {
    let row = guest::Entity::find_by_id(guest).one(tx).await?.ok_or_else(|| Error::not_found("guest"))?;
    Ok(json!({"guest": Person::of(&row).json(), "stay": row.stay.as_ref().map(stay_json)}))
}

/// Names of what is shown otherwise now.
fn changed(row: &guest::Model, now: &Shown) -> Vec<&'static str> {
    let before = Profile {
        name: row.told_name.clone(),
        language: row.language.clone(),
        tier: row.tier.clone(),
        notes: row.notes.clone(),
    };
    let differs = |fact: &&Fact| before.get(**fact) != now.profile.get(**fact);
    let facts = Fact::ALL.iter().filter(differs).map(|fact| fact.as_str());
    facts.chain((row.stay != now.stay).then_some("stay")).collect()
}

/// When nobody will believe any more that the guest is still to come.
fn lapses_at(stay: &Stay, zone: Tz) -> Option<DateTime<Utc>> {
    if stay.status != StayStatus::Reserved {
        return None;
    }
    let next_day = NaiveDate::from(stay.departure).checked_add_days(Days::new(1))?.and_time(NaiveTime::MIN);
    // Where a clock jumps over midnight, the day begins an hour later.
    let begins = [next_day, next_day + TimeDelta::hours(1)];
    let begins = begins.iter().find_map(|local| zone.from_local_datetime(local).earliest())?;
    Some(begins.with_timezone(&Utc))
}

/// The guests' stays, with what is said in each about the guest.
async fn booked(tx: &DatabaseTransaction, ids: &[GuestId]) -> Result<HashMap<GuestId, Vec<Booked>>> {
    let links = stay_guest::Entity::find()
        .filter(among(tx, stay_guest::Column::GuestId, ids.iter().copied()))
        .all(tx)
        .await?;
    let mut booked: HashMap<GuestId, Vec<Booked>> = HashMap::new();
    if links.is_empty() {
        return Ok(booked);
    }
    let stays = stay::Entity::find()
        .filter(among(tx, stay::Column::Id, links.iter().map(|link| link.stay_id)))
        .all(tx)
        .await?;
    let stays: HashMap<_, _> = stays.into_iter().map(|row| (row.id, crate::stay::plain(row))).collect();
    for link in links {
        if let Some(stay) = stays.get(&link.stay_id).cloned() {
            let said = Profile { name: link.name, language: link.language, tier: link.tier, notes: None };
            booked.entry(link.guest_id).or_default().push(Booked { stay, said });
        }
    }
    Ok(booked)
}

const COLUMNS: [(&str, &str); 9] = [
    ("gid", "uuid"),
    ("name", "text"),
    ("language", "text"),
    ("tier", "text"),
    ("notes", "text"),
    ("stay", "jsonb"),
    ("room", "text"),
    ("status", "text"),
    ("lapses", "timestamptz"),
];

const STORE: &str = "\
    UPDATE guests SET told_name = v.name, language = v.language, tier = v.tier, notes = v.notes, \
    stay = v.stay, room = v.room, stay_status = v.status, stay_lapses_at = v.lapses, updated_at = {0} \
    FROM v WHERE guests.id = v.gid";

async fn store(tx: &DatabaseTransaction, scope: Scope, changes: &[Change]) -> Result<()> {
    let row = |change: &Change| {
        let Shown { profile, stay } = change.now.clone();
        let json = stay.as_ref().and_then(|stay| serde_json::to_value(stay).ok());
        let status = stay.as_ref().map(|stay| stay.status.as_str());
        [
            change.row.id.into(),
            profile.name.into(),
            profile.language.into(),
            profile.tier.into(),
            profile.notes.into(),
            sea_orm::Value::Json(json.map(Box::new)),
            stay.and_then(|stay| stay.room).into(),
            status.into(),
            change.lapses_at.into(),
        ]
    };
    Rows::new(COLUMNS, changes.iter().map(row)).run(tx, STORE, [scope.at.into()]).await?;
    Ok(())
}

/// Conversations that are filed under something else than their guest is.
const MISFILED: &str = "\
    SELECT c.id AS id FROM v JOIN guests g ON g.id = v.gid JOIN conversations c ON c.guest_id = g.id \
    WHERE c.language IS DISTINCT FROM g.language OR c.tier IS DISTINCT FROM g.tier \
    OR c.room IS DISTINCT FROM g.room OR c.stay_status IS DISTINCT FROM g.stay_status";

const FILE: &str = "\
    UPDATE conversations SET language = g.language, tier = g.tier, room = g.room, \
    stay_status = g.stay_status \
    FROM v, guests g WHERE conversations.id = v.cid AND g.id = conversations.guest_id";

/// Files the conversations of locked guests under what is known of them: room, stay, tier and language.
pub(crate) async fn file_conversations(tx: &DatabaseTransaction, guests: &[GuestId]) -> Result<()> {
    let guests = Rows::new([("gid", "uuid")], guests.iter().map(|id| [(*id).into()]));
    let misfiled = guests.run(tx, MISFILED, []).await?;
    if misfiled.is_empty() {
        return Ok(());
    }
    let ids: Vec<ConversationId> =
        misfiled.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>()?;
    // In the order in which everybody locks them.
    let ids: Vec<ConversationId> = conversation::Entity::find()
        .select_only()
        .column(conversation::Column::Id)
        .filter(among(tx, conversation::Column::Id, ids))
        .order_by_asc(conversation::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .all(tx)
        .await?;
    Rows::new([("cid", "uuid")], ids.into_iter().map(|id| [id.into()])).run(tx, FILE, []).await?;
    Ok(())
}

/// Guests whose reservation has lapsed, with their property.
pub(super) async fn lapsed(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    most: u64,
) -> Result<Vec<(bellhop_domain::PropertyId, GuestId)>> {
    use guest::Column;
    Ok(guest::Entity::find()
        .select_only()
        .columns([Column::PropertyId, Column::Id])
        .filter(Column::StayLapsesAt.is_not_null())
        .filter(Column::StayLapsesAt.lte(now))
        .order_by_asc(Column::StayLapsesAt)
        .limit(most)
        .into_tuple()
        .all(db)
        .await?)
}
