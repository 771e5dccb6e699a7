//! Guests as a file: read as it comes, and taken in by parts.

use bellhop_domain::problem::Problem;
use bellhop_domain::profile::Fact;
use bellhop_service::guest::import::{Import, ImportLine, ImportReport, OptInLine, PART};
use futures_util::StreamExt;
use poem::{Body, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::json;

use super::file::{Fault, Kind, Start};
use super::records::Record;
use super::table::{Table, check_cell, shown, shown_at_most};
use super::{PIECE, kind_of};
use crate::deadline::Progress;
use crate::envelope::ApiError;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Phone,
    Bsuid,
    Fact(Fact),
    OptIn,
    OptInAt,
    OptInSource,
    OptInEvidence,
}

/// All columns, by their names.
const COLUMNS: [(&str, Column); 10] = [
    ("phone", Column::Phone),
    ("bsuid", Column::Bsuid),
    ("name", Column::Fact(Fact::Name)),
    ("language", Column::Fact(Fact::Language)),
    ("tier", Column::Fact(Fact::Tier)),
    ("notes", Column::Fact(Fact::Notes)),
    ("opt_in", Column::OptIn),
    ("opt_in_at", Column::OptInAt),
    ("opt_in_source", Column::OptInSource),
    ("opt_in_evidence", Column::OptInEvidence),
];

/// A body that is a file of guests, not read yet.
pub struct GuestFile {
    body: Body,
    progress: Option<Progress>,
}

impl<'a> ApiExtractor<'a> for GuestFile {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        let content = vec![MetaMediaType { content_type: "text/csv", schema }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if kind_of(request)? != Kind::Csv {
            let message = "The content type must be text/csv.";
            return Err(ApiError::because(Problem::UnsupportedMediaType, message).into());
        }
        // A request without a body is an empty file, and refused as one.
        let body = body.take().unwrap_or_else(|_| Body::empty());
        Ok(Self { body, progress: request.data().cloned() })
    }
}

impl GuestFile {
    /// Takes the file in, as far as it can be read. Nobody holds more of it than a part.
    pub async fn take_in(self, mut import: Import) -> Result<ImportReport, ApiError> {
        let mut pieces = self.body.into_bytes_stream();
        let (mut reader, mut lines) = (Reader::new(), Vec::new());
        while let Some(bytes) = pieces.next().await {
            let bytes = bytes.map_err(|_| broken_off())?;
            for piece in bytes.chunks(PIECE) {
                let read = reader.push(piece, &mut lines);
                while lines.len() >= PART {
                    let rest = lines.split_off(PART);
                    import.take(std::mem::replace(&mut lines, rest)).await?;
                    if let Some(progress) = &self.progress {
                        progress.made();
                    }
                }
                read.map_err(refuse)?;
            }
        }
        reader.finish(&mut lines).map_err(refuse)?;
        import.take(lines).await?;
        Ok(import.report())
    }
}

fn broken_off() -> ApiError {
    ApiError::field("body", "broke off before its end; send it again, what was imported changes nothing more")
}

/// A file that cannot be read on. What stands before that line may have been imported: the whole file again
/// repeats it without harm.
fn refuse(fault: Fault) -> ApiError {
    let Fault { line, reason } = fault;
    let reason = format!("line {line}: {reason}");
    let details = json!({"line": line, "fields": [{"field": "body", "reason": reason}]});
    let message = format!(
        "The file cannot be read on. {reason}. Lines before may have been imported: correct the file and send \
         it again whole."
    );
    ApiError::new(Problem::ValidationFailed, message, details)
}

struct Reader {
    start: Start,
    table: Table,
    columns: Option<Vec<Column>>,
}

impl Reader {
    fn new() -> Self {
        Self { start: Start::new(), table: Table::default(), columns: None }
    }

    fn push(&mut self, bytes: &[u8], lines: &mut Vec<ImportLine>) -> Result<(), Fault> {
        let (bytes, mut records) = (self.start.push(bytes)?, Vec::new());
        let read = self.table.push(&bytes, &mut records);
        self.read(records, lines)?;
        read
    }

    fn finish(mut self, lines: &mut Vec<ImportLine>) -> Result<(), Fault> {
        let (held, mut records) = (self.start.finish()?, Vec::new());
        let mut table = std::mem::take(&mut self.table);
        let read = table.push(&held, &mut records).and_then(|()| table.finish(&mut records));
        self.read(records, lines)?;
        read
    }

    fn read(&mut self, records: Vec<Record>, lines: &mut Vec<ImportLine>) -> Result<(), Fault> {
        for record in records {
            match &self.columns {
                None => self.columns = Some(read_header(record)?),
                Some(columns) => lines.push(read_row(columns, record)),
            }
        }
        Ok(())
    }
}

fn read_header(header: Record) -> Result<Vec<Column>, Fault> {
    let fault = |reason: String| Fault::at(header.line, reason);
    let mut columns = Vec::with_capacity(header.cells.len());
    for cell in &header.cells {
        let name = cell.trim();
        let Some((_, column)) = COLUMNS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = COLUMNS.iter().map(|(known, _)| *known).collect();
            let known = known.join(", ");
            return Err(fault(format!("there is no column \"{}\"; the columns are {known}", shown(name))));
        };
        if columns.contains(column) {
            return Err(fault(format!("the column \"{}\" stands there twice", shown(name))));
        }
        columns.push(*column);
    }
    if columns.contains(&Column::Phone) || columns.contains(&Column::Bsuid) {
        return Ok(columns);
    }
    let names = shown_at_most(&header.cells.join(", "), 200);
    Err(fault(format!("a column \"phone\" or \"bsuid\" is missing; the header has {names}")))
}

fn read_row(columns: &[Column], record: Record) -> ImportLine {
    let mut line = ImportLine { number: record.line, ..ImportLine::default() };
    let mut opt_in = OptInLine::default();
    for (column, cell) in columns.iter().zip(record.cells) {
        if let Err(reason) = check_cell(&cell) {
            let name = COLUMNS.iter().find(|(_, known)| known == column).map_or("", |(name, _)| name);
            line.unusable.get_or_insert((name, reason));
        }
        let cell = cell.trim().to_owned();
        if cell.is_empty() {
            continue;
        }
        match column {
            Column::Phone => line.phone = Some(cell),
            Column::Bsuid => line.bsuid = Some(cell),
            Column::Fact(fact) => line.facts.push((*fact, cell)),
            Column::OptIn => opt_in.kinds = Some(cell),
            Column::OptInAt => opt_in.at = Some(cell),
            Column::OptInSource => opt_in.source = Some(cell),
            Column::OptInEvidence => opt_in.evidence = Some(cell),
        }
    }
    line.opt_in = opt_in;
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Result<Vec<ImportLine>, Fault> {
        let (mut reader, mut lines) = (Reader::new(), Vec::new());
        reader.push(file.as_bytes(), &mut lines)?;
        reader.finish(&mut lines)?;
        Ok(lines)
    }

    #[test]
    fn rows_are_read_by_their_columns() {
        let lines = read("\u{feff}phone;name;opt_in\r\n+1;\" Ana; Silva \";both\r\n+2;=1+1;\r\n").unwrap();
        assert_eq!((lines[0].number, lines[0].phone.as_deref()), (2, Some("+1")));
        assert_eq!(lines[0].facts, [(Fact::Name, "Ana; Silva".to_owned())]);
        assert_eq!(lines[0].opt_in.kinds.as_deref(), Some("both"));
        assert_eq!(lines[1].unusable.as_ref().unwrap().0, "name");
    }

    #[test]
    fn headers_that_are_wrong_say_how() {
        for (file, reason) in [
            ("", "empty"),
            ("phone\n", "no rows"),
            ("phone,room\n+1,205\n", "no column \"room\""),
            ("phone,phone\n+1,+2\n", "twice"),
            ("name\nAna\n", "\"phone\" or \"bsuid\" is missing"),
            ("phone,name\n+1\n", "has 1 cells"),
        ] {
            let fault = read(file).unwrap_err();
            assert!(fault.reason.contains(reason), "{file:?}: {}", fault.reason);
        }
    }
}
