//! What is held about a guest: taking it away, and handing it out.

use bellhop_domain::GuestId;
use bellhop_domain::privacy::ErasureStatus;
use bellhop_service::privacy::ErasureView;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use crate::Tag;
use crate::archive::ZipFile;
use crate::auth::{Authorized, EraseGuests, ExportGuests};
use crate::envelope::ApiError;
use crate::types::{Nullable, Timestamp};

/// A guest's erasure.
#[derive(Debug, Object)]
struct GuestErasure {
    guest_id: GuestId,
    erasure: Erasure,
}

/// How far an erasure is.
#[derive(Debug, Object)]
struct Erasure {
    status: ErasureStatus,
    requested_at: Timestamp,
    /// `null` while there is something left to overwrite.
    completed_at: Nullable<Timestamp>,
}

impl From<ErasureView> for GuestErasure {
    fn from(view: ErasureView) -> Self {
        let erasure = Erasure {
            status: view.status,
            requested_at: view.requested_at.into(),
            completed_at: Nullable::from(view.completed_at),
        };
        Self { guest_id: view.guest_id, erasure }
    }
}

#[derive(ApiResponse)]
enum Asked {
    /// The guest is gone; what is held is being overwritten
    #[oai(status = 202)]
    Accepted(Json<GuestErasure>),
}

pub struct Privacy;

#[OpenApi(tag = "Tag::Guests")]
impl Privacy {
    /// Erase a guest
    ///
    /// For admins. From this answer on the guest is 404, and so are their conversations; what was to be sent to them
    /// is cancelled, and whoever writes from their number is a new guest. What is held about them is then
    /// overwritten: messages, events, raw webhooks, partners' answers, audit details, files. Numbers of days stay.
    /// It cannot be taken back. Asked for again, it is the same erasure; partners are told by `guest_erased`.
    #[oai(path = "/guests/:guest_id/erase", method = "post", operation_id = "erase_guest")]
    async fn erase(&self, auth: Authorized<EraseGuests>, guest_id: Path<GuestId>) -> Result<Asked, ApiError> {
        Ok(Asked::Accepted(Json(auth.app.erase_guest(&auth.caller, guest_id.0).await?.into())))
    }

    /// How far an erasure is
    ///
    /// For admins. 404 where none was asked for.
    #[oai(path = "/guests/:guest_id/erase", method = "get", operation_id = "get_guest_erasure")]
    async fn erasure(
        &self,
        auth: Authorized<EraseGuests>,
        guest_id: Path<GuestId>,
    ) -> Result<Json<GuestErasure>, ApiError> {
        Ok(Json(auth.app.erasure(&auth.caller, guest_id.0).await?.into()))
    }

    /// All that is held about a guest
    ///
    /// For admins. A ZIP file with `guest.json` (who the guest is, identifiers, consent, stays, conversations, all
    /// messages, events and to whom they were delivered) and every file to and from the guest under `media/`.
    /// Guests who turned out to be this one are in it. An archive that breaks off is not whole: fetch it again.
    #[oai(path = "/guests/:guest_id/export", method = "get", operation_id = "export_guest")]
    async fn export(
        &self,
        auth: Authorized<ExportGuests>,
        guest_id: Path<GuestId>,
    ) -> Result<ZipFile, ApiError> {
        let archive = auth.app.export_guest(&auth.caller, guest_id.0).await?;
        Ok(ZipFile::of(guest_id.0, archive))
    }
}
