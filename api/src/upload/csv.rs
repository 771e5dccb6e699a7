//! CSV: a header, and a row for each recipient.

use std::collections::BTreeMap;

use bellhop_domain::template::Given;
use bellhop_service::batch::{Line, LineContent, LineRecipient, Unusable};
use bellhop_service::send::TemplateSend;

use super::file::{Defaults, Fault, LINE_MAX};
use super::records::{Record, Records, is_break};
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
    /// The first line, until it is complete: it tells what stands between cells.
    head: Vec<u8>,
    in_quotes: bool,
    records: Option<Records>,
    columns: Option<Vec<Column>>,
    rows: usize,
}

impl Csv {
    pub fn new(defaults: Defaults) -> Self {
        Self { defaults, head: Vec::new(), in_quotes: false, records: None, columns: None, rows: 0 }
    }

    pub fn push(&mut self, bytes: &[u8], lines: &mut Vec<Line>) -> Result<(), Fault> {
        for byte in bytes {
            match &mut self.records {
                None => self.push_head(*byte, lines)?,
                Some(records) => {
                    if let Some(record) = records.push(*byte)? {
                        lines.extend(self.read(record)?);
                    }
                }
            }
        }
        Ok(())
    }

    fn push_head(&mut self, byte: u8, lines: &mut Vec<Line>) -> Result<(), Fault> {
        self.head.push(byte);
        self.in_quotes ^= byte == b'"';
        let ends = is_break(byte) && !self.in_quotes && !self.head.iter().all(|&byte| is_break(byte));
        if ends || self.head.len() > LINE_MAX { self.begin(lines) } else { Ok(()) }
    }

    /// The first line is known; from here on there are records.
    fn begin(&mut self, lines: &mut Vec<Line>) -> Result<(), Fault> {
        let head = std::mem::take(&mut self.head);
        let mut records = Records::new(delimiter(&head));
        for byte in head {
            if let Some(record) = records.push(byte)? {
                lines.extend(self.read(record)?);
            }
        }
        self.records = Some(records);
        Ok(())
    }

    pub fn finish(mut self, lines: &mut Vec<Line>) -> Result<(), Fault> {
        if self.records.is_none() {
            self.begin(lines)?;
        }
        if let Some(records) = self.records.take()
            && let Some(record) = records.finish()?
        {
            lines.extend(self.read(record)?);
        }
        match (&self.columns, self.rows) {
            (None, _) => Err(Fault::at(1, "the file is empty")),
            (Some(_), 0) => Err(Fault::at(1, "the file has a header and no rows")),
            (Some(_), _) => Ok(()),
        }
    }

    /// The line of a row; none for the header.
    fn read(&mut self, record: Record) -> Result<Option<Line>, Fault> {
        let Some(columns) = &self.columns else {
            self.columns = Some(read_header(record)?);
            return Ok(None);
        };
        let (given, wanted) = (record.cells.len(), columns.len());
        if given != wanted {
            let reason =
                format!("has {given} cells where the header has {wanted}; a cell with a comma is quoted");
            return Err(Fault::at(record.line, reason));
        }
        self.rows += 1;
        let recipient = read_row(columns, record.cells, &self.defaults);
        Ok(Some(Line { number: record.line, recipient }))
    }
}

/// A semicolon where the header has some and no comma: so write spreadsheets in countries that
/// write decimals with a comma.
fn delimiter(head: &[u8]) -> u8 {
    let mut in_quotes = false;
    let (mut commas, mut semicolons) = (0, 0);
    for byte in head {
        match byte {
            b'"' => in_quotes = !in_quotes,
            b',' if !in_quotes => commas += 1,
            b';' if !in_quotes => semicolons += 1,
            _ => {}
        }
    }
    if commas == 0 && semicolons > 0 { b';' } else { b',' }
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

/// As much of a name as a person needs to recognise it.
fn shown(name: &str) -> String {
    shown_at_most(name, 64)
}

fn shown_at_most(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn read_row(columns: &[Column], cells: Vec<String>, defaults: &Defaults) -> Result<LineRecipient, Unusable> {
    let (mut phone, mut guest_id, mut reference, mut content) = (None, None, None, None);
    let (mut name, mut language, mut parameters) = (None, None, BTreeMap::new());
    for (column, cell) in columns.iter().zip(cells) {
        check_cell(column, &cell)?;
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

/// What begins so is a formula, or hides one from whoever looks at the first character: the guest
/// would read `=VLOOKUP(…)`, and a spreadsheet into which the text is copied would run it.
fn check_cell(column: &Column, cell: &str) -> Result<(), Unusable> {
    let shown = match cell.chars().next() {
        Some('=') => "\"=\"",
        Some('@') => "\"@\"",
        Some('\t') => "a tab",
        Some('\r') => "a line break",
        Some(_) | None => return Ok(()),
    };
    let reason = format_args!("begins with {shown}, as a spreadsheet's formula does; write its value");
    Err(Unusable::new(&self::shown(column.name()), reason))
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

    #[test]
    fn commas_in_quotes_do_not_decide() {
        assert_eq!(delimiter(b"\"a,b\";c"), b';');
        assert_eq!(delimiter(b"a;b,c"), b',');
        assert_eq!(delimiter(b"phone"), b',');
    }
}
