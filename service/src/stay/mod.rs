//! Stays, as property management systems (PMS) tell them.

mod put;
mod trail;

use std::collections::HashMap;

use bellhop_domain::profile::Profile;
use bellhop_domain::rights::Right;
use bellhop_domain::stay::{Date, Stay, StayStatus};
use bellhop_domain::{GuestId, PropertyId, StayId};
use bellhop_entity::{stay, stay_guest};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Query;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select,
};

pub use put::{NamedGuest, StayUpdate};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::guest;
use crate::page::{Page, PageRequest};
use crate::rows::among;

/// A stay with its guests.
#[derive(Debug, Clone)]
pub struct StayView {
    pub stay: Stay,
    pub version: i64,
    /// In the order in which the PMS names them.
    pub guests: Vec<StayGuestView>,
    pub updated_at: DateTime<Utc>,
}

/// A guest of a stay; what the PMS says may differ from what is shown of the guest.
#[derive(Debug, Clone)]
pub struct StayGuestView {
    pub guest_id: GuestId,
    pub said: Profile,
}

/// What a stay has to be. All that is given must fit.
#[derive(Debug, Clone, Default)]
pub struct StayFilter {
    pub source: Option<String>,
    pub status: Option<StayStatus>,
    pub room: Option<String>,
    pub guest_id: Option<GuestId>,
    pub arrival_from: Option<Date>,
    /// Included.
    pub arrival_to: Option<Date>,
    /// Those that are in the house on that day: from the arrival to the departure, both included, but not
    /// those that were cancelled or not used.
    pub date: Option<Date>,
}

impl App {
    /// Stays, the latest arrival first.
    pub async fn stays(
        &self,
        caller: &Caller,
        filter: StayFilter,
        page: PageRequest,
    ) -> Result<Page<StayView>> {
        caller.require(Right::ReadGuests)?;
        use stay::Column;
        let after: Option<(Date, StayId)> = page.after()?;
        let mut query = stay::Entity::find().filter(Column::PropertyId.eq(caller.property_id));
        if let Some(id) = filter.guest_id {
            let guest = guest::find(self.db.reader(), caller.property_id, id).await?;
            query = query.filter(Column::Id.in_subquery(stays_of(guest.id)));
        }
        let rows = fit(query, filter)
            .apply_if(after, |query, (arrival, id)| {
                let same_day = Condition::all().add(Column::Arrival.eq(arrival)).add(Column::Id.lt(id));
                let rest = Condition::any().add(Column::Arrival.lt(arrival)).add(same_day);
                // Says again what the alternatives say, so that an index begins there.
                query.filter(Column::Arrival.lte(arrival)).filter(rest)
            })
            .order_by_desc(Column::Arrival)
            .order_by_desc(Column::Id)
            .limit(page.limit() + 1)
            .all(self.db.reader())
            .await?;
        let rows = Page::cut(rows, &page, |row| (row.arrival, row.id));
        Ok(Page { data: views(self.db.reader(), rows.data).await?, next_cursor: rows.next_cursor })
    }

    /// A stay by the name that its PMS gave it.
    pub async fn stay(&self, caller: &Caller, source: &str, reservation_id: &str) -> Result<StayView> {
        caller.require(Right::ReadGuests)?;
        let db = self.db.reader();
        let row = find(db, caller.property_id, (source, reservation_id)).await?;
        view(db, row.ok_or_else(|| Error::not_found("stay"))?).await
    }
}

fn stays_of(guest: GuestId) -> sea_orm::sea_query::SelectStatement {
    use stay_guest::Column;
    Query::select()
        .column(Column::StayId)
        .from(stay_guest::Entity)
        .and_where(Column::GuestId.eq(guest))
        .to_owned()
}

fn fit(query: Select<stay::Entity>, filter: StayFilter) -> Select<stay::Entity> {
    use stay::Column;
    query
        .apply_if(filter.source, |query, source| query.filter(Column::Source.eq(source)))
        .apply_if(filter.status, |query, status| query.filter(Column::Status.eq(status)))
        .apply_if(filter.room, |query, room| query.filter(Column::Room.eq(room)))
        .apply_if(filter.arrival_from, |query, day| query.filter(Column::Arrival.gte(day)))
        .apply_if(filter.arrival_to, |query, day| query.filter(Column::Arrival.lte(day)))
        .apply_if(filter.date, |query, day| {
            let holding = StayStatus::ALL.iter().copied().filter(|status| status.holds());
            query
                .filter(Column::Arrival.lte(day))
                .filter(Column::Departure.gte(day))
                .filter(Column::Status.is_in(holding))
        })
}

/// A stay of the property by its source and reservation.
async fn find(
    db: &impl ConnectionTrait,
    property: PropertyId,
    (source, reservation_id): (&str, &str),
) -> Result<Option<stay::Model>> {
    Ok(stay::Entity::find()
        .filter(stay::Column::PropertyId.eq(property))
        .filter(stay::Column::Source.eq(source))
        .filter(stay::Column::ReservationId.eq(reservation_id))
        .one(db)
        .await?)
}

async fn view(db: &impl ConnectionTrait, row: stay::Model) -> Result<StayView> {
    views(db, vec![row]).await?.pop().ok_or_else(|| Error::not_found("stay"))
}

async fn views(db: &impl ConnectionTrait, rows: Vec<stay::Model>) -> Result<Vec<StayView>> {
    let links = stay_guest::Entity::find()
        .filter(among(db, stay_guest::Column::StayId, rows.iter().map(|row| row.id)))
        .order_by_asc(stay_guest::Column::Place)
        .all(db)
        .await?;
    let mut guests: HashMap<StayId, Vec<StayGuestView>> = HashMap::new();
    for link in links {
        let said = Profile { name: link.name, language: link.language, tier: link.tier, notes: None };
        guests.entry(link.stay_id).or_default().push(StayGuestView { guest_id: link.guest_id, said });
    }
    Ok(rows
        .into_iter()
        .map(|row| StayView {
            guests: guests.remove(&row.id).unwrap_or_default(),
            version: row.version,
            updated_at: row.updated_at,
            stay: plain(row),
        })
        .collect())
}

/// The stay of a row.
pub(crate) fn plain(row: stay::Model) -> Stay {
    Stay {
        source: row.source,
        reservation_id: row.reservation_id,
        status: row.status,
        room: row.room,
        arrival: row.arrival,
        departure: row.departure,
        booking_reference: row.booking_reference,
    }
}
