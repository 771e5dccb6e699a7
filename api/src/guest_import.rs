//! Guests that a file brings.

use bellhop_service::guest::import::{ImportRefusal, ImportReport};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::Tag;
use crate::auth::{Authorized, ImportGuests};
use crate::envelope::ApiError;
use crate::upload::guests::GuestFile;

/// What became of a file of guests.
#[derive(Debug, Object)]
struct GuestImportResult {
    /// Without the header.
    lines: u64,
    /// Lines of which nothing was kept.
    refused: u64,
    /// Guests whom nobody had met.
    created: u64,
    /// Guests of whom something is said that no import had said before.
    changed: u64,
    /// Lines that prove an opt-in.
    opt_ins: u64,
    /// The first 1,000 refused lines, in the order of the file.
    refusals: Vec<RefusedGuest>,
}

/// A line that was not taken.
#[derive(Debug, Object)]
struct RefusedGuest {
    /// Counted from 1, the header.
    line: i32,
    field: String,
    reason: String,
}

impl From<ImportReport> for GuestImportResult {
    fn from(report: ImportReport) -> Self {
        Self {
            lines: report.lines as u64,
            refused: report.refused as u64,
            created: report.created as u64,
            changed: report.changed as u64,
            opt_ins: report.opt_ins as u64,
            refusals: report.refusals.into_iter().map(RefusedGuest::from).collect(),
        }
    }
}

impl From<ImportRefusal> for RefusedGuest {
    fn from(refusal: ImportRefusal) -> Self {
        Self { line: refusal.line, field: refusal.field, reason: refusal.reason }
    }
}

pub struct GuestImport;

#[OpenApi(tag = "Tag::Guests")]
impl GuestImport {
    /// Import guests
    ///
    /// For admins. The body is a CSV file (RFC 4180) in UTF-8, up to 64 MB, with a header; it is read as it comes.
    /// Columns: `phone` or `bsuid` name the guest, who is made if nobody has met them; `name`, `language`,
    /// `tier` and `notes` say something about them where the cell is not empty. What staff set goes before
    /// it. `opt_in` is `marketing`, `service` or `both`, with the proof beside it: `opt_in_at` (when, RFC 3339
    /// or a day), `opt_in_evidence` (what proves it, in words), and `opt_in_source` (`booking`, `website`,
    /// `front_desk` or `import`; `import` when empty). A line without that proof is refused, and nothing of
    /// it is kept; the others go in.
    ///
    /// The same file again changes nothing more. A file that cannot be read to its end (wrong quotes, another
    /// encoding, rows that do not fit the header …) is refused with the line where it fails; the lines before
    /// may have been imported by then.
    #[oai(path = "/guests/import", method = "post", operation_id = "import_guests")]
    async fn import(
        &self,
        auth: Authorized<ImportGuests>,
        file: GuestFile,
    ) -> Result<Json<GuestImportResult>, ApiError> {
        let import = auth.app.import_guests(&auth.caller).await?;
        Ok(Json(file.take_in(import).await?.into()))
    }
}
