//! Stays, as property management systems tell them.

use bellhop_domain::GuestId;
use bellhop_domain::stay::{StayOutcome, StayStatus};
use bellhop_service::page::PageRequest;
use bellhop_service::stay::{NamedGuest, StayFilter, StayGuestView, StayUpdate, StayView};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::Tag;
use crate::auth::{Authorized, ManageStays, ReadGuests};
use crate::body::JsonBody;
use crate::envelope::ApiError;
use crate::list::List;
use crate::types::{Limit, LocalDate, Nullable, Timestamp};

/// A reservation, as its PMS told it last.
#[derive(Debug, Object)]
struct StayInfo {
    source: String,
    reservation_id: String,
    version: i64,
    status: StayStatus,
    room: Nullable<String>,
    arrival: LocalDate,
    departure: LocalDate,
    booking_reference: Nullable<String>,
    /// In the order in which the PMS names them.
    guests: Vec<StayGuest>,
    updated_at: Timestamp,
}

/// A guest of a stay, and what the PMS says in it about the guest. What is shown of the guest may differ.
#[derive(Debug, Object)]
struct StayGuest {
    guest_id: GuestId,
    name: Nullable<String>,
    language: Nullable<String>,
    tier: Nullable<String>,
}

/// A stay after an update.
#[derive(Debug, Object)]
struct StayResult {
    /// `applied`; `unchanged`: this version is known, whatever the body says; `stale`: a later version is known.
    /// Only `applied` changed anything.
    outcome: StayOutcome,
    #[oai(flatten)]
    stay: StayInfo,
}

/// A reservation as it is now, whole: what is absent is not known any more.
#[derive(Debug, Object)]
#[oai(example)]
struct StayBody {
    /// Grows with each change; a time in milliseconds will do.
    version: i64,
    status: StayStatus,
    /// At most 32 characters.
    room: Option<String>,
    /// In the property's own calendar.
    arrival: LocalDate,
    departure: LocalDate,
    /// At most 64 characters.
    booking_reference: Option<String>,
    /// All of them, at most 100: who is not named is no guest of the stay any more. None when absent.
    guests: Option<Vec<StayGuestBody>>,
}

/// A guest, by phone or by BSUID. One whom nobody has met is made.
#[derive(Debug, Default, Object)]
struct StayGuestBody {
    phone: Option<String>,
    bsuid: Option<String>,
    /// At most 200 characters.
    name: Option<String>,
    /// BCP 47 or as templates write it.
    language: Option<String>,
    /// At most 64 characters.
    tier: Option<String>,
}

impl poem_openapi::types::Example for StayBody {
    fn example() -> Self {
        let day = chrono::NaiveDate::from_ymd_opt(2026, 3, 31).unwrap_or_default();
        let guest = StayGuestBody {
            phone: Some("+1234567890".to_owned()),
            name: Some("Ana Silva".to_owned()),
            language: Some("pt_BR".to_owned()),
            tier: Some("gold".to_owned()),
            ..StayGuestBody::default()
        };
        Self {
            version: 7,
            status: StayStatus::InHouse,
            room: Some("205".to_owned()),
            arrival: LocalDate(day.into()),
            departure: LocalDate((day + chrono::Days::new(3)).into()),
            booking_reference: Some("BK-1001".to_owned()),
            guests: Some(vec![guest]),
        }
    }
}

impl From<StayView> for StayInfo {
    fn from(view: StayView) -> Self {
        let stay = view.stay;
        Self {
            source: stay.source,
            reservation_id: stay.reservation_id,
            version: view.version,
            status: stay.status,
            room: Nullable(stay.room),
            arrival: LocalDate(stay.arrival),
            departure: LocalDate(stay.departure),
            booking_reference: Nullable(stay.booking_reference),
            guests: view.guests.into_iter().map(StayGuest::from).collect(),
            updated_at: view.updated_at.into(),
        }
    }
}

impl From<StayGuestView> for StayGuest {
    fn from(view: StayGuestView) -> Self {
        Self {
            guest_id: view.guest_id,
            name: Nullable(view.said.name),
            language: Nullable(view.said.language),
            tier: Nullable(view.said.tier),
        }
    }
}

impl From<StayBody> for StayUpdate {
    fn from(body: StayBody) -> Self {
        let named = |guest: StayGuestBody| NamedGuest {
            phone: guest.phone,
            bsuid: guest.bsuid,
            name: guest.name,
            language: guest.language,
            tier: guest.tier,
        };
        Self {
            version: body.version,
            status: body.status,
            room: body.room,
            arrival: body.arrival.0,
            departure: body.departure.0,
            booking_reference: body.booking_reference,
            guests: body.guests.unwrap_or_default().into_iter().map(named).collect(),
        }
    }
}

pub struct Stays;

#[OpenApi(tag = "Tag::Stays")]
impl Stays {
    /// Tell a reservation as it is now
    ///
    /// For admins and partners: as an adapter of a property management system calls it, at each change, as often
    /// as it likes and in any order. The highest `version` stands: an older one is `stale` and changes
    /// nothing, and so does the same one again. `source` is a short word for the system (a-z, 0-9, `-`, `_`).
    #[oai(path = "/stays/:source/:reservation_id", method = "put", operation_id = "put_stay")]
    async fn put(
        &self,
        auth: Authorized<ManageStays>,
        source: Path<String>,
        reservation_id: Path<String>,
        body: JsonBody<StayBody>,
    ) -> Result<Json<StayResult>, ApiError> {
        let name = (source.0.as_str(), reservation_id.0.as_str());
        let (outcome, view) = auth.app.put_stay(&auth.caller, name, body.value.into()).await?;
        Ok(Json(StayResult { outcome, stay: view.into() }))
    }

    /// A stay
    #[oai(path = "/stays/:source/:reservation_id", method = "get", operation_id = "get_stay")]
    async fn get(
        &self,
        auth: Authorized<ReadGuests>,
        source: Path<String>,
        reservation_id: Path<String>,
    ) -> Result<Json<StayInfo>, ApiError> {
        Ok(Json(auth.app.stay(&auth.caller, &source.0, &reservation_id.0).await?.into()))
    }

    /// Stays, the latest arrival first
    #[oai(path = "/stays", method = "get", operation_id = "list_stays")]
    #[expect(clippy::too_many_arguments, reason = "each query parameter is an argument")]
    async fn list(
        &self,
        auth: Authorized<ReadGuests>,
        status: Query<Option<StayStatus>>,
        room: Query<Option<String>>,
        guest_id: Query<Option<GuestId>>,
        /// Included
        arrival_from: Query<Option<LocalDate>>,
        /// Included
        arrival_to: Query<Option<LocalDate>>,
        /// In the house on that day, arrival and departure included; not those that were cancelled or not used
        date: Query<Option<LocalDate>>,
        source: Query<Option<String>>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<StayInfo>>, ApiError> {
        let filter = StayFilter {
            source: source.0,
            status: status.0,
            room: room.0,
            guest_id: guest_id.0,
            arrival_from: arrival_from.0.map(|day| day.0),
            arrival_to: arrival_to.0.map(|day| day.0),
            date: date.0.map(|day| day.0),
        };
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        Ok(Json(auth.app.stays(&auth.caller, filter, page).await?.into()))
    }
}
