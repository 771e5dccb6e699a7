//! CSV: a header, and a row for each recipient.

use std::collections::BTreeMap;

use bellhop_domain::template::Given;
use bellhop_service::batch::{Line, LineContent, LineRecipient, Unusable};
use bellhop_service::send::TemplateSend;

use super::file::{Defaults, Fault};
use super::records::Record;
use super::table::{Table, check_cell, shown, shown_at_most};
use crate::line::text_of;

/// More than any template has parameters.
const COLUMNS_MAX: usize = 256;

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Phone,
    GuestId,
    Reference,
    Content,
    TemplateName,
    Language,
    /// A template's parameter of this name.
    Parameter(String),
}

impl Column {
    fn of(name: &str) -> Self {
        match name {
            "phone" => Self::Phone,
            "guest_id" => Self::GuestId,
            "reference" => Self::Reference,
            "content" => Self::Content,
            "template_name" => Self::TemplateName,
            "language" => Self::Language,
            other => Self::Parameter(other.to_owned()),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Phone => "phone",
            Self::GuestId => "guest_id",
            Self::Reference => "reference",
            Self::Content => "content",
            Self::TemplateName => "template_name",
            Self::Language => "language",
            Self::Parameter(name) => name,
        }
    }
}

pub struct Csv {
    defaults: Defaults,
    table: Table,
    columns: Option<Vec<Column>>,
}

impl Csv {
    pub fn new(defaults: Defaults) -> Self {
        Self { defaults, table: Table::default(), columns: None }
    }

    pub fn push(&mut self, bytes: &[u8], lines: &mut Vec<Line>) -> Result<(), Fault> {
        let mut records = Vec::new();
        let read = self.table.push(bytes, &mut records);
        // What stands before a fault may have one of its own, which comes first.
        self.read(records, lines)?;
        read
    }

    pub fn finish(mut self, lines: &mut Vec<Line>) -> Result<(), Fault> {
        let mut records = Vec::new();
        let read = std::mem::take(&mut self.table).finish(&mut records);
        self.read(records, lines)?;
        read
    }

    /// The lines of rows; the first record of all is the header.
    fn read(&mut self, records: Vec<Record>, lines: &mut Vec<Line>) -> Result<(), Fault> {
        for record in records {
            match &self.columns {
                None => self.columns = Some(read_header(record)?),
                Some(columns) => {
                    let recipient = read_row(columns, record.cells, &self.defaults);
                    lines.push(Line { number: record.line, recipient });
                }
            }
        }
        Ok(())
    }
}

fn read_header(header: Record) -> Result<Vec<Column>, Fault> {
    let fault = |reason: String| Fault::at(header.line, reason);
    if header.cells.len() > COLUMNS_MAX {
        return Err(fault(format!("has {} columns; at most {COLUMNS_MAX} are taken", header.cells.len())));
    }
    let mut columns: Vec<Column> = Vec::with_capacity(header.cells.len());
    for (number, cell) in (1..).zip(&header.cells) {
        let name = cell.trim();
        if name.is_empty() {
            return Err(fault(format!("column {number} has no name")));
        }
        let column = Column::of(name);
        if columns.contains(&column) {
            return Err(fault(format!("the column \"{}\" stands there twice", shown(name))));
        }
        columns.push(column);
    }
    if columns.contains(&Column::Phone) || columns.contains(&Column::GuestId) {
        return Ok(columns);
    }
    let names: Vec<_> = columns.iter().map(|column| format!("\"{}\"", shown(column.name()))).collect();
    let names = shown_at_most(&names.join(", "), 200);
    Err(fault(format!("a column \"phone\" or \"guest_id\" is missing; the header has {names}")))
}

fn read_row(columns: &[Column], cells: Vec<String>, defaults: &Defaults) -> Result<LineRecipient, Unusable> {
    let (mut phone, mut guest_id, mut reference, mut content) = (None, None, None, None);
    let (mut name, mut language, mut parameters) = (None, None, BTreeMap::new());
    for (column, cell) in columns.iter().zip(cells) {
        check_cell(&cell).map_err(|reason| Unusable::new(&shown(column.name()), reason))?;
        if cell.trim().is_empty() {
            continue;
        }
        match column {
            Column::Phone => phone = Some(cell),
            Column::GuestId => guest_id = Some(cell),
            Column::Reference => reference = Some(cell),
            Column::Content => content = Some(cell),
            Column::TemplateName => name = Some(cell.trim().to_owned()),
            Column::Language => language = Some(cell.trim().to_owned()),
            Column::Parameter(name) => {
                parameters.insert(name.clone(), cell);
            }
        }
    }
    let name = name.or_else(|| defaults.template_name.clone());
    let language = language.or_else(|| defaults.language.clone());
    let content = match (content, name) {
        (Some(_), Some(_)) => return Err(Unusable::new("content", "give a text or a template, not both")),
        (None, None) => return Err(Unusable::new("content", "is required, unless a template is named")),
        (Some(text), None) => text_of(text),
        (None, Some(name)) => {
            let given = Given { parameters, ..Given::default() };
            LineContent::Template(TemplateSend { name, language, given })
        }
    };
    Ok(LineRecipient { phone, guest_id, reference, content })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, defaults: Defaults) -> Result<Vec<Line>, Fault> {
        let (mut csv, mut lines) = (Csv::new(defaults), Vec::new());
        csv.push(file.as_bytes(), &mut lines)?;
        csv.finish(&mut lines)?;
        Ok(lines)
    }

    fn template(name: &str) -> Defaults {
        Defaults { template_name: Some(name.to_owned()), language: Some("he".to_owned()) }
    }

    #[test]
    fn a_row_names_its_recipient_and_content() {
        let file = "\r\n phone ;guest_id;reference;content;template_name;language;room\r\n\
                    +1;;A;hi, there;;;\r\n;g;;;welcome;en;205\r\n+2;;;;;;7\r\n";
        let lines = read(file, Defaults::default()).unwrap();
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [3, 4, 5]);
        let first = lines[0].recipient.as_ref().unwrap();
        assert_eq!((first.phone.as_deref(), first.reference.as_deref()), (Some("+1"), Some("A")));
        assert!(matches!(&first.content, LineContent::Content(content) if content.summary() == "hi, there"));
        let second = lines[1].recipient.as_ref().unwrap();
        assert_eq!((second.guest_id.as_deref(), second.phone.as_deref()), (Some("g"), None));
        let LineContent::Template(send) = &second.content else { panic!("no template") };
        assert_eq!((send.name.as_str(), send.language.as_deref()), ("welcome", Some("en")));
        assert_eq!(send.given.parameters["room"], "205");
        assert_eq!(lines[2].recipient.as_ref().unwrap_err().field, "content");
    }

    #[test]
    fn the_row_goes_before_the_query() {
        let lines = read("phone,template_name,content\n+1,own,\n+2,,\n+3,,hi\n", template("all")).unwrap();
        let name = |i: usize| match &lines[i].recipient.as_ref().unwrap().content {
            LineContent::Template(send) => send.name.clone(),
            LineContent::Content(_) => panic!("no template"),
        };
        assert_eq!((name(0), name(1)), ("own".to_owned(), "all".to_owned()));
        assert_eq!(lines[2].recipient.as_ref().unwrap_err().field, "content");
    }

    #[test]
    fn formulas_refuse_their_row_only() {
        let file = "phone,content,room\n=1+1,a,\n+2,@x,\n+3,a,\"\t=1\"\n+4,a,\"\r=1\"\n+5,a - b,-\n";
        let lines = read(file, Defaults::default()).unwrap();
        let fields: Vec<_> =
            lines.iter().map(|l| l.recipient.as_ref().err().map(|wrong| wrong.field.as_str())).collect();
        assert_eq!(fields, [Some("phone"), Some("content"), Some("room"), Some("room"), None]);
    }

    #[test]
    fn headers_that_are_wrong_say_how() {
        for (file, line, reason) in [
            ("", 1, "empty"),
            ("\n\r\n", 1, "empty"),
            ("phone,content\n", 1, "no rows"),
            ("name,content\n", 1, "the header has \"name\", \"content\""),
            ("phone\tcontent\n", 1, "phone\tcontent"),
            ("\nphone,content,phone\n", 2, "\"phone\" stands there twice"),
            ("phone,room, room\n", 1, "\"room\" stands there twice"),
            ("phone,,room\n", 1, "column 2 has no name"),
            ("phone,\"content\n+1,hi\n", 1, "never closed"),
            ("phone,content\n+1,hi\n+2\n", 3, "has 1 cells where the header has 2"),
            (&",x".repeat(COLUMNS_MAX), 1, "has 257 columns"),
            ("phone,content\n+1,hi, there\n", 2, "has 3 cells"),
        ] {
            let fault = read(file, Defaults::default()).unwrap_err();
            assert_eq!(fault.line, line, "{file:?}");
            assert!(fault.reason.contains(reason), "{file:?}: {}", fault.reason);
        }
    }
}
