//! A file of recipients, of whichever kind, and what refuses it whole.

use std::borrow::Cow;

use bellhop_domain::problem::Problem;
use bellhop_service::batch::Line;
use serde_json::json;

use super::csv::Csv;
use super::ndjson::Ndjson;
use crate::envelope::ApiError;

/// The longest line of NDJSON and the longest row of CSV, in bytes.
pub const LINE_MAX: usize = 64 << 10;

/// So many bytes tell how a file is encoded.
const START: usize = 4;

const BOM: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Csv,
    Ndjson,
}

/// The template that lines get which name none.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    pub template_name: Option<String>,
    pub language: Option<String>,
}

/// Why a file cannot be read: guessing on would send the wrong thing to somebody.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Counted from 1, as editors do.
    pub line: i32,
    pub reason: String,
}

impl Fault {
    pub fn at(line: i32, reason: impl std::fmt::Display) -> Self {
        Self { line, reason: reason.to_string() }
    }
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        let Fault { line, reason } = fault;
        let reason = format!("line {line}: {reason}");
        let details = json!({"line": line, "fields": [{"field": "body", "reason": reason}]});
        let message = format!("The file cannot be read, and nothing of it was kept. {reason}.");
        Self::new(Problem::ValidationFailed, message, details)
    }
}

pub fn nul(line: i32) -> Fault {
    Fault::at(line, "has the character NUL (U+0000), which no text has; save the file as UTF-8")
}

pub fn not_utf8(line: i32, byte: u8) -> Fault {
    Fault::at(
        line,
        format_args!(
            "is not UTF-8 at the byte 0x{byte:02X}; the file, or this part of it, may be Latin-1 or \
             Windows-1252: save it as UTF-8"
        ),
    )
}

/// How many line breaks a text has; CR LF is one.
pub fn breaks(text: &[u8]) -> i32 {
    let lf = text.iter().filter(|&&byte| byte == b'\n').count();
    let cr = text.iter().enumerate().filter(|&(i, &byte)| byte == b'\r' && text.get(i + 1) != Some(&b'\n'));
    i32::try_from(lf + cr.count()).unwrap_or(i32::MAX)
}

enum Rows {
    Csv(Csv),
    Ndjson(Ndjson),
}

impl Rows {
    fn push(&mut self, bytes: &[u8], lines: &mut Vec<Line>) -> Result<(), Fault> {
        match self {
            Self::Csv(rows) => rows.push(bytes, lines),
            Self::Ndjson(rows) => rows.push(bytes, lines),
        }
    }
}

/// The first bytes of a file, held until there are enough to tell how it is encoded.
pub struct Start(Option<Vec<u8>>);

impl Start {
    pub fn new() -> Self {
        Self(Some(Vec::new()))
    }

    /// What is to be read of the file now; nothing while there is too little of it.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, Fault> {
        let Some(held) = &mut self.0 else { return Ok(Cow::Borrowed(bytes)) };
        held.extend_from_slice(bytes);
        if held.len() < START { Ok(Cow::Borrowed(&[])) } else { self.finish().map(Cow::Owned) }
    }

    /// What is held still: there is no more.
    pub fn finish(&mut self) -> Result<Vec<u8>, Fault> {
        let held = self.0.take().unwrap_or_default();
        check_start(&held)?;
        Ok(held.strip_prefix(BOM).map(<[u8]>::to_vec).unwrap_or(held))
    }
}

/// A file that is read as it comes.
pub struct File {
    start: Start,
    rows: Rows,
}

impl File {
    pub fn new(kind: Kind, defaults: Defaults) -> Self {
        let rows = match kind {
            Kind::Csv => Rows::Csv(Csv::new(defaults)),
            Kind::Ndjson => Rows::Ndjson(Ndjson::new(defaults)),
        };
        Self { start: Start::new(), rows }
    }

    /// Reads on, and adds the lines that are complete.
    pub fn push(&mut self, bytes: &[u8], lines: &mut Vec<Line>) -> Result<(), Fault> {
        let bytes = self.start.push(bytes)?;
        self.rows.push(&bytes, lines)
    }

    /// The file has ended.
    pub fn finish(mut self, lines: &mut Vec<Line>) -> Result<(), Fault> {
        let held = self.start.finish()?;
        self.rows.push(&held, lines)?;
        match self.rows {
            Rows::Csv(rows) => rows.finish(lines),
            Rows::Ndjson(rows) => rows.finish(lines),
        }
    }
}

/// Refuses, by its name, what is known by its first bytes.
fn check_start(start: &[u8]) -> Result<(), Fault> {
    let wide = match start {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        // Without a mark: every other byte of ASCII is NUL.
        [a, 0, b, 0, ..] | [0, a, 0, b, ..] => *a != 0 && *b != 0,
        _ => false,
    };
    if wide {
        return Err(Fault::at(1, "the file is UTF-16; save it as UTF-8"));
    }
    if start.starts_with(b"PK\x03\x04") {
        return Err(Fault::at(1, "the file is a workbook or an archive; save it as \"CSV UTF-8\""));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(kind: Kind, pieces: &[&[u8]]) -> Result<Vec<(i32, String)>, Fault> {
        let (mut file, mut lines) = (File::new(kind, Defaults::default()), Vec::new());
        for piece in pieces {
            file.push(piece, &mut lines)?;
        }
        file.finish(&mut lines)?;
        Ok(lines.into_iter().map(|line| (line.number, format!("{:?}", line.recipient))).collect())
    }

    #[test]
    fn encodings_are_named() {
        let utf16 = |text: &str, mark: &[u8]| -> Vec<u8> {
            mark.iter().copied().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
        };
        for kind in [Kind::Csv, Kind::Ndjson] {
            for file in [utf16("phone,content\n", b"\xff\xfe"), utf16("phone,content\n", b"")] {
                let fault = read(kind, &[&file]).unwrap_err();
                assert!(fault.reason.contains("UTF-16"), "{}", fault.reason);
            }
            assert!(read(kind, &[b"PK\x03\x04..."]).unwrap_err().reason.contains("workbook"));
            assert!(read(kind, &[]).unwrap_err().reason.contains("empty"));
            assert!(read(kind, &[BOM]).unwrap_err().reason.contains("empty"));
        }
    }

    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![3 => prop::sample::select(&b"\",;\r\n{}:=@ a"[..]), 1 => any::<u8>()]
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            start in prop::sample::select(&["", "phone,content\n", "\u{feff}phone;content\r\n", "{\"phone\":"][..]),
            rest in prop::collection::vec(byte(), 0..300),
        ) {
            for kind in [Kind::Csv, Kind::Ndjson] {
                let _ = read(kind, &[start.as_bytes(), &rest]);
            }
        }

        /// Where the network cuts a file changes nothing.
        #[test]
        fn pieces_make_no_difference(
            start in prop::sample::select(&["phone,content\r\n", "\u{feff}phone;content\n", ""][..]),
            rest in "(\\+97250[0-9]{3},[a\",\r\n é]{0,5}\r?\n|\\{\"phone\": \"1\"\\}\n|\n){0,5}",
            at in any::<prop::sample::Index>(),
        ) {
            let file = format!("{start}{rest}").into_bytes();
            let (head, tail) = file.split_at(at.index(file.len() + 1));
            for kind in [Kind::Csv, Kind::Ndjson] {
                prop_assert_eq!(read(kind, &[head, tail]), read(kind, &[&file]));
            }
        }
    }
}
