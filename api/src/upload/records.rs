//! The records of a CSV file (RFC 4180), from bytes as they come.
//!
//! Of its own, because the usual readers forgive what must be refused here: they take a quote that
//! is never closed, or text after a closing one, and make of it a cell that swallows its neighbours.
//! Whatever finds that beside them is the same machine a second time.

use super::file::{Fault, LINE_MAX, breaks, not_utf8, nul};

/// A record: its cells, and the line where it begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    pub line: i32,
    pub cells: Vec<String>,
}

/// Where in a cell the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Bare,
    Quoted,
    /// After a quote inside quotes: it closes the cell, or is the first of two.
    Closed,
}

#[derive(Debug)]
pub struct Records {
    delimiter: u8,
    state: State,
    /// The text of the record's cells, one after the other.
    text: Vec<u8>,
    /// Where in `text` each cell that is complete ends.
    ends: Vec<usize>,
    /// The line of the next byte.
    line: i32,
    /// The line where the record begins.
    began: i32,
    /// The line of the last opening quote.
    opened: i32,
    /// The record has a cell in quotes: it is not a blank line, even if it holds nothing.
    quoted: bool,
    after_cr: bool,
}

impl Records {
    pub fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            state: State::Start,
            text: Vec::new(),
            ends: Vec::new(),
            line: 1,
            began: 1,
            opened: 1,
            quoted: false,
            after_cr: false,
        }
    }

    /// Takes a byte; answers with the record that it ends.
    pub fn push(&mut self, byte: u8) -> Result<Option<Record>, Fault> {
        if byte == 0 {
            return Err(nul(self.line));
        }
        // CR LF is one line break, whose CR has done the work.
        let second_half = self.after_cr && byte == b'\n';
        self.after_cr = byte == b'\r';
        if second_half {
            if self.state == State::Quoted {
                self.keep(byte)?;
            }
            return Ok(None);
        }
        let ended = self.step(byte)?;
        if is_break(byte) {
            self.line += 1;
        }
        if ended { self.end_record() } else { Ok(None) }
    }

    /// Whether the byte ends the record.
    fn step(&mut self, byte: u8) -> Result<bool, Fault> {
        match (self.state, byte) {
            (State::Start, b'"') => {
                self.state = State::Quoted;
                self.opened = self.line;
                self.quoted = true;
            }
            (State::Quoted, b'"') => self.state = State::Closed,
            (State::Closed, b'"') => {
                self.keep(byte)?;
                self.state = State::Quoted;
            }
            (State::Bare, b'"') => return Err(self.stray_quote()),
            (State::Quoted, _) => self.keep(byte)?,
            (State::Start | State::Bare | State::Closed, b'\r' | b'\n') => return Ok(true),
            (State::Start | State::Bare | State::Closed, _) if byte == self.delimiter => self.end_cell(),
            (State::Closed, _) => return Err(self.after_quote()),
            (State::Start | State::Bare, _) => {
                self.keep(byte)?;
                self.state = State::Bare;
            }
        }
        Ok(false)
    }

    fn keep(&mut self, byte: u8) -> Result<(), Fault> {
        self.text.push(byte);
        if self.text.len() + self.ends.len() <= LINE_MAX {
            return Ok(());
        }
        Err(match self.state {
            // Most likely, so it is said first, with the place where to look.
            State::Quoted => Fault::at(
                self.opened,
                format_args!("a quote is opened and not closed within {LINE_MAX} bytes, the most of one row"),
            ),
            State::Start | State::Bare | State::Closed => {
                Fault::at(self.began, format_args!("is longer than {LINE_MAX} bytes, the most of one row"))
            }
        })
    }

    fn stray_quote(&self) -> Fault {
        Fault::at(
            self.line,
            "a quote stands inside a cell that does not begin with one; put the whole cell in quotes, and \
             double each quote inside",
        )
    }

    fn after_quote(&self) -> Fault {
        let opened = match self.opened == self.line {
            true => String::new(),
            false => format!(", which was opened in line {}", self.opened),
        };
        Fault::at(
            self.line,
            format_args!(
                "text follows the closing quote of a cell{opened}; a quote inside a cell is doubled"
            ),
        )
    }

    fn end_cell(&mut self) {
        self.ends.push(self.text.len());
        self.state = State::Start;
    }

    /// A blank line is no record.
    fn end_record(&mut self) -> Result<Option<Record>, Fault> {
        let line = std::mem::replace(&mut self.began, self.line);
        let blank = self.text.is_empty() && self.ends.is_empty() && !self.quoted;
        self.end_cell();
        self.quoted = false;
        let (text, ends) = (std::mem::take(&mut self.text), std::mem::take(&mut self.ends));
        if blank {
            return Ok(None);
        }
        let begins = std::iter::once(0).chain(ends.iter().copied());
        let mut cells = Vec::with_capacity(ends.len());
        for (begin, &end) in begins.zip(&ends) {
            // Each for itself: half a character at the end of one and half at the beginning of the
            // next make no whole.
            let cell = std::str::from_utf8(&text[begin..end]).map_err(|error| {
                let wrong = begin + error.valid_up_to();
                not_utf8(line + breaks(&text[..wrong]), text[wrong])
            })?;
            cells.push(cell.to_owned());
        }
        Ok(Some(Record { line, cells }))
    }

    /// The file has ended: its last line may lack a line break.
    pub fn finish(mut self) -> Result<Option<Record>, Fault> {
        match self.state {
            State::Quoted => Err(Fault::at(self.opened, "a quote is opened and never closed")),
            State::Start | State::Bare | State::Closed => self.end_record(),
        }
    }
}

pub const fn is_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(file: &[u8], delimiter: u8) -> Result<Vec<Record>, Fault> {
        let mut records = Records::new(delimiter);
        let mut all = Vec::new();
        for byte in file {
            all.extend(records.push(*byte)?);
        }
        all.extend(records.finish()?);
        Ok(all)
    }

    fn cells(file: &str) -> Vec<(i32, Vec<String>)> {
        read(file.as_bytes(), b',').unwrap().into_iter().map(|record| (record.line, record.cells)).collect()
    }

    fn row(line: i32, cells: &[&str]) -> (i32, Vec<String>) {
        (line, cells.iter().map(|&cell| cell.to_owned()).collect())
    }

    #[test]
    fn records_know_their_first_line() {
        for end in ["\n", "\r\n", "\r"] {
            let file = ["a,b", "", "\"x", "y\",\"say \"\"hi\"\"\"", "", "c,", "\"\""].join(end);
            let quoted = format!("x{end}y");
            let expected =
                [row(1, &["a", "b"]), row(3, &[&quoted, "say \"hi\""]), row(6, &["c", ""]), row(7, &[""])];
            assert_eq!(cells(&file), expected, "{end:?}");
            assert_eq!(cells(&format!("{file}{end}")), expected, "{end:?}");
        }
    }

    #[test]
    fn wrong_quotes_name_their_line() {
        for (file, line, reason) in [
            ("a\nb,\"c\nd", 2, "never closed"),
            ("a\n\"b\" c", 2, "follows the closing quote of a cell;"),
            ("a\n\"b\nc\"d", 3, "opened in line 2"),
            ("a\n5\" pipe", 2, "does not begin with one"),
            ("a\n \"b\"", 2, "does not begin with one"),
            ("a\nb\0", 2, "NUL"),
        ] {
            let fault = read(file.as_bytes(), b',').unwrap_err();
            assert_eq!(fault.line, line, "{file:?}");
            assert!(fault.reason.contains(reason), "{file:?}: {}", fault.reason);
        }
        let latin = read(b"a\n\"x\ncaf\xe9\"", b',').unwrap_err();
        assert_eq!(latin.line, 3);
        assert!(latin.reason.contains("0xE9"), "{}", latin.reason);
        let endless = format!("a\nb\n\"{}", "x\n".repeat(LINE_MAX));
        assert_eq!(read(endless.as_bytes(), b',').unwrap_err().line, 3);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(file in prop::collection::vec(prop_oneof![
            Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), Just(b'a'), any::<u8>(),
        ], 0..200)) {
            let _ = read(&file, b',');
        }

        /// What others write is read as it was, and where we take a file, others read it the same.
        #[test]
        fn agrees_with_the_csv_crate(
            rows in prop::collection::vec(prop::collection::vec("[a\",;\r\n éש]{0,6}", 3), 1..6),
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let file = writer.into_inner().unwrap();
            let ours: Vec<_> = read(&file, b',').unwrap().into_iter().map(|record| record.cells).collect();
            prop_assert_eq!(ours, rows);
        }

        #[test]
        fn is_never_more_generous_than_the_csv_crate(file in "[a\",;\r\n é]{0,40}") {
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file.as_bytes());
            let theirs: Vec<Vec<String>> =
                reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
            if let Ok(ours) = read(file.as_bytes(), b',') {
                prop_assert_eq!(ours.into_iter().map(|record| record.cells).collect::<Vec<_>>(), theirs);
            }
        }
    }
}
