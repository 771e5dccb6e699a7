//! Guests.

use bellhop_domain::GuestId;
use bellhop_domain::profile::Fact;
use bellhop_domain::stay::{Stay, StayStatus};
use bellhop_service::guest::{GuestChange, GuestFilter, GuestView};
use bellhop_service::page::PageRequest;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};

use crate::Tag;
use crate::auth::{Authorized, ChangeGuests, ReadGuests};
use crate::body::JsonBody;
use crate::consent::GuestConsent;
use crate::envelope::ApiError;
use crate::list::List;
use crate::types::{Limit, LocalDate, Nullable, PhoneQuery, Timestamp};

/// A guest with all that identifies them now, and what is known about the person. Of several sources the
/// best counts: what staff set, then what was imported, then what the PMS says, then the name at WhatsApp.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Guest {
    guest_id: GuestId,
    name: Nullable<String>,
    /// As templates write it, such as `en_US`.
    language: Nullable<String>,
    /// The hotel's own word for how much of a regular the guest is.
    tier: Nullable<String>,
    /// For staff only.
    notes: Nullable<String>,
    /// The current one: the guest is in the house, or comes next.
    stay: Nullable<CurrentStay>,
    /// With `+` and country code; `null` for a guest who hides it.
    phone: Nullable<String>,
    /// WhatsApp's own form of the number.
    wa_id: Option<String>,
    /// The id under which WhatsApp knows the guest towards this business.
    bsuid: Option<String>,
    username: Option<String>,
    consent: GuestConsent,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The stay that a guest's messages are about.
#[derive(Debug, Object)]
struct CurrentStay {
    source: String,
    reservation_id: String,
    status: StayStatus,
    room: Nullable<String>,
    arrival: LocalDate,
    departure: LocalDate,
    booking_reference: Nullable<String>,
}

/// What staff say about a guest. A field that is absent stays as it is; `null` takes back what staff said, so
/// that the next best source shows.
#[derive(Debug, Object)]
struct ChangeOfGuest {
    /// At most 200 characters.
    name: MaybeUndefined<String>,
    /// BCP 47 or as templates write it.
    language: MaybeUndefined<String>,
    /// At most 64 characters.
    tier: MaybeUndefined<String>,
    /// At most 4,000 characters; shown to staff only.
    notes: MaybeUndefined<String>,
}

impl From<Stay> for CurrentStay {
    fn from(stay: Stay) -> Self {
        Self {
            source: stay.source,
            reservation_id: stay.reservation_id,
            status: stay.status,
            room: Nullable(stay.room),
            arrival: LocalDate(stay.arrival),
            departure: LocalDate(stay.departure),
            booking_reference: Nullable(stay.booking_reference),
        }
    }
}

impl From<ChangeOfGuest> for GuestChange {
    fn from(change: ChangeOfGuest) -> Self {
        let given = [
            (Fact::Name, change.name),
            (Fact::Language, change.language),
            (Fact::Tier, change.tier),
            (Fact::Notes, change.notes),
        ];
        let changed = given.into_iter().filter_map(|(fact, given)| match given {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some((fact, None)),
            MaybeUndefined::Value(text) => Some((fact, Some(text))),
        });
        Self(changed.collect())
    }
}

impl From<GuestView> for Guest {
    fn from(view: GuestView) -> Self {
        Self {
            guest_id: view.guest_id,
            name: Nullable(view.name),
            language: Nullable(view.language),
            tier: Nullable(view.tier),
            notes: Nullable(view.notes),
            stay: Nullable::from(view.stay),
            phone: Nullable(view.phone),
            wa_id: view.wa_id,
            bsuid: view.bsuid,
            username: view.username,
            consent: view.consent.into(),
            created_at: view.created_at.into(),
            updated_at: view.updated_at.into(),
        }
    }
}

pub struct Guests;

#[OpenApi(tag = "Tag::Guests")]
impl Guests {
    /// Guests, the newest first
    ///
    /// With `phone`, a list of one or none.
    #[oai(path = "/guests", method = "get", operation_id = "list_guests")]
    #[expect(clippy::too_many_arguments, reason = "each query parameter is an argument")]
    async fn list(
        &self,
        auth: Authorized<ReadGuests>,
        phone: Query<Option<PhoneQuery>>,
        /// Of the current stay
        room: Query<Option<String>>,
        tier: Query<Option<String>>,
        /// Exactly this one: `en` finds no `en_US`
        language: Query<Option<String>>,
        limit: Query<Option<Limit>>,
        /// `next_cursor` of the page before
        cursor: Query<Option<String>>,
    ) -> Result<Json<List<Guest>>, ApiError> {
        let phone = phone.0.map(|phone| phone.0);
        let filter = GuestFilter { phone, room: room.0, tier: tier.0, language: language.0 };
        let page = PageRequest::parse(limit.0.map(|limit| limit.0), cursor.0)?;
        Ok(Json(auth.app.guests(&auth.caller, filter, page).await?.into()))
    }

    /// A guest
    #[oai(path = "/guests/:guest_id", method = "get", operation_id = "get_guest")]
    async fn get(
        &self,
        auth: Authorized<ReadGuests>,
        guest_id: Path<GuestId>,
    ) -> Result<Json<Guest>, ApiError> {
        Ok(Json(auth.app.guest(&auth.caller, guest_id.0).await?.into()))
    }

    /// Say something about a guest
    ///
    /// What staff say goes before every other source. Phone numbers are not changed here.
    #[oai(path = "/guests/:guest_id", method = "patch", operation_id = "update_guest")]
    async fn update(
        &self,
        auth: Authorized<ChangeGuests>,
        guest_id: Path<GuestId>,
        body: JsonBody<ChangeOfGuest>,
    ) -> Result<Json<Guest>, ApiError> {
        Ok(Json(auth.app.change_guest(&auth.caller, guest_id.0, body.value.into()).await?.into()))
    }
}
