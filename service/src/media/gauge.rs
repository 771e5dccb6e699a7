//! What is learned of a file while it passes by: it is read once and held by nobody.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bellhop_domain::ports::ByteStream;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use super::sniff::{Found, HEAD, sniff};
use crate::auth::hex;

/// Counts, hashes and looks, up to a limit.
#[derive(Default)]
pub(super) struct Gauge {
    limit: u64,
    size: u64,
    hash: Sha256,
    head: Vec<u8>,
    text: Text,
}

pub(super) type Shared = Arc<Mutex<Gauge>>;

pub(super) fn read(gauge: &Shared) -> MutexGuard<'_, Gauge> {
    gauge.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gauge {
    pub fn up_to(limit: u64) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The same bytes, and an error instead of the piece that goes over the limit.
    pub fn watch(self, bytes: ByteStream) -> (ByteStream, Shared) {
        let gauge = Arc::new(Mutex::new(self));
        let watching = Arc::clone(&gauge);
        let watched = bytes.map(move |piece| {
            let piece = piece?;
            let mut gauge = read(&watching);
            gauge.take(&piece);
            if gauge.is_over() { Err(io::Error::other("the file is too large")) } else { Ok(piece) }
        });
        (watched.boxed(), gauge)
    }

    fn take(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        if self.is_over() {
            return;
        }
        self.hash.update(piece);
        let missing = HEAD - self.head.len();
        self.head.extend_from_slice(&piece[..piece.len().min(missing)]);
        self.text.take(piece);
    }

    pub fn is_over(&self) -> bool {
        self.size > self.limit
    }

    /// In bytes; of a file that goes over the limit, what was read of it.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// In hexadecimal.
    pub fn sha256(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    pub fn found(&self, filename: Option<&str>) -> Found {
        // Whoever reads no further than the limit may stop inside a character.
        let is_text = !self.text.broken && (self.is_over() || self.text.rest.is_empty());
        sniff(&self.head, is_text, filename)
    }
}

/// Whether everything so far is UTF-8 without control characters.
#[derive(Default)]
struct Text {
    broken: bool,
    /// The beginning of a character whose end is still to come.
    rest: Vec<u8>,
}

impl Text {
    fn take(&mut self, mut piece: &[u8]) {
        while !self.rest.is_empty()
            && !self.broken
            && let Some((first, others)) = piece.split_first()
        {
            self.rest.push(*first);
            piece = others;
            match str::from_utf8(&self.rest) {
                Ok(_) => self.rest.clear(),
                Err(error) => self.broken = error.error_len().is_some(),
            }
        }
        if self.broken {
            return;
        }
        self.broken = piece.iter().any(|byte| byte.is_ascii_control() && !b"\t\n\r\x0c".contains(byte));
        if let Err(error) = str::from_utf8(piece) {
            self.broken |= error.error_len().is_some();
            self.rest = piece[error.valid_up_to()..].to_vec();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_text(bytes: &[u8], step: usize) -> bool {
        let mut text = Text::default();
        bytes.chunks(step).for_each(|piece| text.take(piece));
        !text.broken && text.rest.is_empty()
    }

    #[test]
    fn texts_are_known_however_they_are_cut() {
        for (bytes, good) in [
            ("שלום, € 🛎\r\n\t".as_bytes(), true),
            (b"", true),
            (b"a\0b", false),
            (b"\x1b[31m", false),
            (b"\x7f", false),
            (b"caf\xe9 au lait", false),
            (b"cut off \xf0\x9f\x9b", false),
            (b"\xf0\x9fx", false),
            (b"\xed\xa0\x80", false),
        ] {
            for step in 1..=bytes.len().max(1) {
                assert_eq!(is_text(bytes, step), good, "{bytes:?} by {step}");
            }
        }
    }

    #[tokio::test]
    async fn nothing_passes_the_limit() {
        let pieces =
            || futures_util::stream::iter(vec![Ok(vec![b'x'; 6].into()), Ok(vec![b'y'; 4].into())]).boxed();
        let (bytes, gauge) = Gauge::up_to(10).watch(pieces());
        assert_eq!(bytes.filter(|piece| std::future::ready(piece.is_ok())).count().await, 2);
        assert!(!read(&gauge).is_over() && read(&gauge).size() == 10);
        assert_eq!(read(&gauge).sha256(), crate::auth::hash("xxxxxxyyyy"));
        let (bytes, gauge) = Gauge::up_to(9).watch(pieces());
        let passed: Vec<_> = bytes.collect().await;
        assert!(passed[0].is_ok() && passed[1].is_err());
        assert!(read(&gauge).is_over());
    }
}
