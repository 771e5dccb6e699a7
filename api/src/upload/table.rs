//! A CSV file as a table: a header, and rows as wide as it, from bytes as they come.

use super::file::{Fault, LINE_MAX};
use super::records::{Record, Records, is_break};

#[derive(Default)]
pub struct Table {
    /// The first line, until it is complete: it tells what stands between cells.
    head: Vec<u8>,
    in_quotes: bool,
    records: Option<Records>,
    /// Cells of the header, once it is known.
    width: Option<usize>,
    rows: usize,
}

impl Table {
    /// Reads on, and adds the records that are complete: the header, then the rows.
    pub fn push(&mut self, bytes: &[u8], records: &mut Vec<Record>) -> Result<(), Fault> {
        for byte in bytes {
            match &mut self.records {
                None => self.push_head(*byte, records)?,
                Some(reader) => {
                    if let Some(record) = reader.push(*byte)? {
                        records.push(self.check(record)?);
                    }
                }
            }
        }
        Ok(())
    }

    fn push_head(&mut self, byte: u8, records: &mut Vec<Record>) -> Result<(), Fault> {
        self.head.push(byte);
        self.in_quotes ^= byte == b'"';
        let ends = is_break(byte) && !self.in_quotes && !self.head.iter().all(|&byte| is_break(byte));
        if ends || self.head.len() > LINE_MAX { self.begin(records) } else { Ok(()) }
    }

    /// The first line is known; from here on there are records.
    fn begin(&mut self, records: &mut Vec<Record>) -> Result<(), Fault> {
        let head = std::mem::take(&mut self.head);
        let mut reader = Records::new(delimiter(&head));
        for byte in head {
            if let Some(record) = reader.push(byte)? {
                records.push(self.check(record)?);
            }
        }
        self.records = Some(reader);
        Ok(())
    }

    /// The file has ended.
    pub fn finish(mut self, records: &mut Vec<Record>) -> Result<(), Fault> {
        if self.records.is_none() {
            self.begin(records)?;
        }
        if let Some(reader) = self.records.take()
            && let Some(record) = reader.finish()?
        {
            records.push(self.check(record)?);
        }
        match (self.width, self.rows) {
            (None, _) => Err(Fault::at(1, "the file is empty")),
            (Some(_), 0) => Err(Fault::at(1, "the file has a header and no rows")),
            (Some(_), _) => Ok(()),
        }
    }

    fn check(&mut self, record: Record) -> Result<Record, Fault> {
        let given = record.cells.len();
        let Some(wanted) = self.width else {
            self.width = Some(given);
            return Ok(record);
        };
        if given != wanted {
            let reason =
                format!("has {given} cells where the header has {wanted}; a cell with a comma is quoted");
            return Err(Fault::at(record.line, reason));
        }
        self.rows += 1;
        Ok(record)
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

/// As much of a name as a person needs to recognise it.
pub fn shown(name: &str) -> String {
    shown_at_most(name, 64)
}

pub fn shown_at_most(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What begins so is a formula, or hides one from whoever looks at the first character: the guest
/// would read `=VLOOKUP(…)`, and a spreadsheet into which the text is copied would run it.
///
/// # Errors
/// The reason.
pub fn check_cell(cell: &str) -> Result<(), String> {
    let shown = match cell.chars().next() {
        Some('=') => "\"=\"",
        Some('@') => "\"@\"",
        Some('\t') => "a tab",
        Some('\r') => "a line break",
        Some(_) | None => return Ok(()),
    };
    Err(format!("begins with {shown}, as a spreadsheet's formula does; write its value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_do_not_decide() {
        assert_eq!(delimiter(b"\"a,b\";c"), b';');
        assert_eq!(delimiter(b"a;b,c"), b',');
        assert_eq!(delimiter(b"phone"), b',');
    }
}
