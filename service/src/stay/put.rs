//! What a PMS tells of a reservation: whole, each time, and as often as it likes.

use std::collections::HashMap;

use bellhop_domain::content::Wrong;
use bellhop_domain::guest::Identifier;
use bellhop_domain::profile::{Fact, Profile};
use bellhop_domain::rights::Right;
use bellhop_domain::stay::{Date, Stay, StayOutcome, StayStatus};
use bellhop_domain::{Country, GuestId, StayId};
use bellhop_entity::{stay, stay_guest};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use super::trail::{self, Linked};
use super::{StayView, find, view};
use crate::app::App;
use crate::audit;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::guest::{many, parse_phone, refresh};
use crate::property;

/// The most characters of a room, of a reservation's id and of a booking's reference.
const ROOM_MAX: usize = 32;
const NAME_MAX: usize = 64;
/// The most guests of a stay.
const GUESTS_MAX: usize = 100;

/// A reservation as it is now.
#[derive(Debug, Clone)]
pub struct StayUpdate {
    /// Grows with each change at the PMS.
    pub version: i64,
    pub status: StayStatus,
    pub room: Option<String>,
    pub arrival: Date,
    pub departure: Date,
    pub booking_reference: Option<String>,
    /// All of them: who is not named is no guest of the stay any more.
    pub guests: Vec<NamedGuest>,
}

/// A guest whom a PMS names by phone or BSUID.
#[derive(Debug, Clone, Default)]
pub struct NamedGuest {
    pub phone: Option<String>,
    pub bsuid: Option<String>,
    pub name: Option<String>,
    pub language: Option<String>,
    pub tier: Option<String>,
}

/// An update that was read.
struct Told {
    version: i64,
    stay: Stay,
    guests: Vec<(Identifier, Profile)>,
}

impl App {
    /// Stores what a PMS tells, unless it told the same or later before: the version decides alone, so that
    /// updates may come twice and in any order.
    pub async fn put_stay(
        &self,
        caller: &Caller,
        (source, reservation_id): (&str, &str),
        update: StayUpdate,
    ) -> Result<(StayOutcome, StayView)> {
        caller.require(Right::ManageStays)?;
        let home = property::home(&property::load(self.db.reader(), caller.property_id).await?);
        let told = update.read((source, reservation_id), home)?;
        let db = self.db.reader();
        if let Some(known) = find(db, caller.property_id, (source, reservation_id)).await?
            && let Some(late) = late(told.version, known.version)
        {
            return Ok((late, view(db, known).await?));
        }
        let scope = Scope { property: caller.property_id, at: self.now() };
        let named = told.guests.iter().map(|(who, _)| (many::key(who), who.clone())).collect();
        let guests = self.guests_named(scope, named).await?.guests;
        let tx = self.db.begin().await?;
        let (outcome, row) = match claim(&tx, scope, &told).await? {
            Claimed::Late(outcome, row) => (outcome, row),
            Claimed::New(row, known) => {
                let linked = link(&tx, scope, row.id, (told.guests, guests)).await?;
                audit::record(&tx, scope, caller, trail::entry(known.as_ref(), &row, &linked)).await?;
                (StayOutcome::Applied, row)
            }
        };
        let shown = view(&tx, row).await?;
        tx.commit().await?;
        Ok((outcome, shown))
    }
}

/// What becomes of a version that is not later than the one that is known.
fn late(told: i64, known: i64) -> Option<StayOutcome> {
    match told.cmp(&known) {
        std::cmp::Ordering::Less => Some(StayOutcome::Stale),
        std::cmp::Ordering::Equal => Some(StayOutcome::Unchanged),
        std::cmp::Ordering::Greater => None,
    }
}

enum Claimed {
    /// Written and locked, with what it was before; its guests are still those of then.
    New(stay::Model, Option<stay::Model>),
    Late(StayOutcome, stay::Model),
}

/// Locks the stay's row, or makes it, and writes what is told unless it is late. Two updates of a stay come
/// after each other here.
async fn claim(tx: &DatabaseTransaction, scope: Scope, told: &Told) -> Result<Claimed> {
    let name = (told.stay.source.as_str(), told.stay.reservation_id.as_str());
    let made = stay::Entity::insert(new_row(scope, told))
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    let known = stay::Entity::find()
        .filter(stay::Column::PropertyId.eq(scope.property))
        .filter(stay::Column::Source.eq(name.0))
        .filter(stay::Column::ReservationId.eq(name.1))
        .lock(LockType::NoKeyUpdate)
        .one(tx)
        .await?
        .ok_or_else(|| Error::not_found("stay"))?;
    if made == 1 {
        return Ok(Claimed::New(known, None));
    }
    if let Some(outcome) = late(told.version, known.version) {
        return Ok(Claimed::Late(outcome, known));
    }
    let mut row = known.clone().into_active_model();
    row.version = Set(told.version);
    row.status = Set(told.stay.status);
    row.room = Set(told.stay.room.clone());
    row.arrival = Set(told.stay.arrival);
    row.departure = Set(told.stay.departure);
    row.booking_reference = Set(told.stay.booking_reference.clone());
    row.updated_at = Set(scope.at);
    Ok(Claimed::New(stay::Entity::update(row).exec(tx).await?, Some(known)))
}

fn new_row(scope: Scope, told: &Told) -> stay::ActiveModel {
    let stay = told.stay.clone();
    stay::ActiveModel {
        id: Set(StayId::new()),
        property_id: Set(scope.property),
        source: Set(stay.source),
        reservation_id: Set(stay.reservation_id),
        version: Set(told.version),
        status: Set(stay.status),
        room: Set(stay.room),
        arrival: Set(stay.arrival),
        departure: Set(stay.departure),
        booking_reference: Set(stay.booking_reference),
        created_at: Set(scope.at),
        updated_at: Set(scope.at),
    }
}

/// Makes these the guests of a locked stay, and shows those who were and those who are as they are now. Who they
/// were, and who they are.
async fn link(
    tx: &DatabaseTransaction,
    scope: Scope,
    stay: StayId,
    (told, known): (Vec<(Identifier, Profile)>, HashMap<many::Key, GuestId>),
) -> Result<Linked> {
    use stay_guest::Column;
    let before: Vec<GuestId> = stay_guest::Entity::find()
        .select_only()
        .column(Column::GuestId)
        .filter(Column::StayId.eq(stay))
        .order_by_asc(Column::Place)
        .into_tuple()
        .all(tx)
        .await?;
    let all = before.iter().copied().chain(known.values().copied()).collect();
    let present = many::lock(tx, scope, all).await?;
    let mut said: Vec<(GuestId, Profile)> = Vec::with_capacity(told.len());
    for (who, profile) in told {
        let guest = known.get(&many::key(&who)).and_then(|id| present.get(id));
        let guest = *guest.ok_or_else(|| Error::not_found("guest"))?;
        // A family with one phone is one guest: the first that is named, and what only others say.
        match said.iter_mut().find(|(known, _)| *known == guest) {
            Some((_, first)) => *first = std::mem::take(first).or(&profile),
            None => said.push((guest, profile)),
        }
    }
    let linked = Linked { before, after: said.iter().map(|(guest, _)| *guest).collect() };
    stay_guest::Entity::delete_many().filter(Column::StayId.eq(stay)).exec(tx).await?;
    let rows = (0..).zip(said).map(|(place, (guest, said))| stay_guest::ActiveModel {
        stay_id: Set(stay),
        guest_id: Set(guest),
        property_id: Set(scope.property),
        place: Set(place),
        name: Set(said.name),
        language: Set(said.language),
        tier: Set(said.tier),
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        stay_guest::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    let mut present: Vec<GuestId> = present.into_values().collect();
    present.sort_unstable();
    present.dedup();
    refresh(tx, scope, &present).await?;
    Ok(linked)
}

impl StayUpdate {
    /// Names everything that is wrong; a phone number has an error of its own.
    fn read(self, (source, reservation_id): (&str, &str), home: Option<Country>) -> Result<Told> {
        let mut wrong = Vec::new();
        if !is_source(source) {
            wrong.push(Wrong::new("source", "must be 1 to 32 of a-z, 0-9, - and _"));
        }
        if !is_name(reservation_id) {
            wrong.push(Wrong::new(
                "reservation_id",
                format_args!("must be 1 to {NAME_MAX} printable characters"),
            ));
        }
        if self.departure < self.arrival {
            wrong.push(Wrong::new("departure", "must not be before the arrival"));
        }
        if self.guests.len() > GUESTS_MAX {
            wrong.push(Wrong::new("guests", format_args!("must have at most {GUESTS_MAX}")));
        }
        let mut text = |field: &str, given: Option<String>, max: usize| {
            let given = given.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
            if given.as_ref().is_some_and(|text| text.chars().count() > max) {
                wrong.push(Wrong::new(field, format_args!("must have at most {max} characters")));
            }
            given
        };
        let stay = Stay {
            source: source.to_owned(),
            reservation_id: reservation_id.to_owned(),
            status: self.status,
            room: text("room", self.room, ROOM_MAX),
            arrival: self.arrival,
            departure: self.departure,
            booking_reference: text("booking_reference", self.booking_reference, NAME_MAX),
        };
        let mut guests = Vec::with_capacity(self.guests.len().min(GUESTS_MAX));
        for (place, guest) in self.guests.into_iter().enumerate().take(GUESTS_MAX) {
            let field = format!("guests.{place}");
            guests.extend(guest.read(&field, home, &mut wrong)?);
        }
        if wrong.is_empty() {
            Ok(Told { version: self.version, stay, guests })
        } else {
            Err(Error::fields(&wrong))
        }
    }
}

impl NamedGuest {
    /// `None` for one that is wrong in some way; how, is added to `wrong`.
    fn read(
        self,
        field: &str,
        home: Option<Country>,
        wrong: &mut Vec<Wrong>,
    ) -> Result<Option<(Identifier, Profile)>> {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let who = match (given(self.phone), given(self.bsuid)) {
            (Some(phone), None) => {
                Some(Identifier::Phone(parse_phone(home, &format!("{field}.phone"), &phone)?))
            }
            (None, Some(bsuid)) => match Identifier::read_bsuid(&bsuid) {
                Ok(bsuid) => Some(bsuid),
                Err(error) => {
                    wrong.push(Wrong::new(format!("{field}.bsuid"), error));
                    None
                }
            },
            (None, None) => {
                wrong.push(Wrong::new(format!("{field}.phone"), "is required, unless bsuid is given"));
                None
            }
            (Some(_), Some(_)) => {
                wrong.push(Wrong::new(format!("{field}.bsuid"), "name the phone or the BSUID, not both"));
                None
            }
        };
        let mut said = Profile::default();
        for (fact, text) in
            [(Fact::Name, self.name), (Fact::Language, self.language), (Fact::Tier, self.tier)]
        {
            match text.map(|text| fact.read(&text)).transpose() {
                Ok(read) => said.set(fact, read.flatten()),
                Err(error) => wrong.push(error.within(field)),
            }
        }
        Ok(who.map(|who| (who, said)))
    }
}

fn is_source(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(fits)
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= NAME_MAX && !text.chars().any(char::is_control)
}
