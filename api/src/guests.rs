//! Guests.

use bellhop_domain::GuestId;
use bellhop_service::guest::GuestView;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::Tag;
use crate::auth::{Authorized, ReadGuests};
use crate::envelope::ApiError;
use crate::list::List;
use crate::types::{Nullable, PhoneQuery, Timestamp};

/// A guest with all that identifies them now.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Guest {
    guest_id: GuestId,
    name: Nullable<String>,
    /// With `+` and country code; `null` for a guest who hides it.
    phone: Nullable<String>,
    /// WhatsApp's own form of the number.
    wa_id: Option<String>,
    /// The id under which WhatsApp knows the guest towards this business.
    bsuid: Option<String>,
    username: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<GuestView> for Guest {
    fn from(view: GuestView) -> Self {
        Self {
            guest_id: view.guest_id,
            name: Nullable(view.name),
            phone: Nullable(view.phone),
            wa_id: view.wa_id,
            bsuid: view.bsuid,
            username: view.username,
            created_at: view.created_at.into(),
            updated_at: view.updated_at.into(),
        }
    }
}

pub struct Guests;

#[OpenApi(tag = "Tag::Guests")]
impl Guests {
    /// The guest with a phone number
    ///
    /// A list of one or none.
    #[oai(path = "/guests", method = "get", operation_id = "find_guests")]
    async fn find(
        &self,
        auth: Authorized<ReadGuests>,
        phone: Query<PhoneQuery>,
    ) -> Result<Json<List<Guest>>, ApiError> {
        Ok(Json(auth.app.guests_by_phone(&auth.caller, &phone.0.0).await?.into()))
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
}
