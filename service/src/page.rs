//! Lists in pages: a limit and an opaque cursor, no totals.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

const LIMIT_MAX: u64 = 100;
const LIMIT_DEFAULT: u64 = 50;

/// What part of a list is wanted.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    limit: Option<u64>,
    cursor: Option<String>,
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    pub data: Vec<T>,
    /// Leads to the next part; `None` at the end.
    pub next_cursor: Option<String>,
}

impl PageRequest {
    /// `limit` 1 to 100; outside it an error, never clamped.
    pub fn parse(limit: Option<i64>, cursor: Option<String>) -> Result<Self> {
        let limit = match limit {
            None => None,
            Some(n @ 1..=100) => Some(n.unsigned_abs()),
            Some(_) => return Err(Error::field("limit", format_args!("must be 1 to {LIMIT_MAX}"))),
        };
        Ok(Self { limit, cursor })
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit.unwrap_or(LIMIT_DEFAULT)
    }

    /// The key after which this page begins.
    pub(crate) fn after<K: DeserializeOwned>(&self) -> Result<Option<K>> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
        let key = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        key.map(Some)
            .ok_or_else(|| Error::field("cursor", "is not one that this list gave; start without it"))
    }
}

impl<T> Page<T> {
    /// Cuts a page off `rows`, which were read with one more than the limit.
    pub(crate) fn cut<K: Serialize>(mut rows: Vec<T>, request: &PageRequest, key: impl Fn(&T) -> K) -> Self {
        let limit = request.limit() as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|last| encode(&key(last)));
        Self { data: rows, next_cursor }
    }

    pub(crate) fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { data: self.data.into_iter().map(f).collect(), next_cursor: self.next_cursor }
    }
}

fn encode<K: Serialize>(key: &K) -> String {
    // Keys are ids, numbers and times; those always have a JSON form.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_chain_and_end() {
        let all: Vec<u64> = (0..5).collect();
        let mut request = PageRequest::parse(Some(2), None).unwrap();
        let mut seen = Vec::new();
        loop {
            let from = request.after::<u64>().unwrap().map_or(0, |last| last + 1);
            let rows: Vec<u64> = all.iter().copied().filter(|n| *n >= from).take(3).collect();
            let page = Page::cut(rows, &request, |n| *n);
            seen.extend(page.data);
            match page.next_cursor {
                Some(cursor) => request = PageRequest::parse(Some(2), Some(cursor)).unwrap(),
                None => break,
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn bad_limits_and_cursors_are_refused() {
        for limit in [0, -1, 101, i64::MAX] {
            assert!(PageRequest::parse(Some(limit), None).is_err());
        }
        for cursor in ["", "x", "!!", "bnVsbA"] {
            let request = PageRequest::parse(None, Some(cursor.into())).unwrap();
            assert!(request.after::<u64>().is_err(), "{cursor}");
        }
    }
}
