//! What a file says of opt-ins, and what proves it.

use bellhop_domain::consent::{ConsentKind, ConsentSource};
use bellhop_domain::content::Wrong;
use bellhop_domain::stay::Date;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::OptInLine;

/// The most characters of an evidence.
const EVIDENCE_MAX: usize = 1_000;

/// An opt-in with its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OptIn {
    pub kinds: &'static [ConsentKind],
    pub source: ConsentSource,
    pub at: DateTime<Utc>,
    pub evidence: String,
}

impl OptInLine {
    /// `None` where the line says nothing of it. An opt-in that nothing proves is none, and a proof of nothing
    /// is a mistake.
    pub(super) fn read(self, now: DateTime<Utc>, zone: Tz) -> Result<Option<OptIn>, Wrong> {
        let kinds: &[ConsentKind] = match self.kinds.as_deref() {
            None if self.at.is_none() && self.evidence.is_none() && self.source.is_none() => return Ok(None),
            None => {
                return Err(Wrong::new("opt_in", "is required where its time, source or evidence is given"));
            }
            Some("marketing") => &[ConsentKind::Marketing],
            Some("service") => &[ConsentKind::Service],
            Some("both") => &[ConsentKind::Marketing, ConsentKind::Service],
            Some(_) => return Err(Wrong::new("opt_in", "must be marketing, service, both or empty")),
        };
        let at = self.at.ok_or_else(|| Wrong::new("opt_in_at", "is required with an opt-in"))?;
        let at = read_time(&at, zone).ok_or_else(|| {
            Wrong::new("opt_in_at", "must be a time, such as 2026-03-31T10:00:00Z, or a day")
        })?;
        if at > now {
            return Err(Wrong::new("opt_in_at", "must not lie in the future"));
        }
        let evidence =
            self.evidence.ok_or_else(|| Wrong::new("opt_in_evidence", "is required with an opt-in"))?;
        if evidence.chars().count() > EVIDENCE_MAX {
            let reason = format_args!("must have at most {EVIDENCE_MAX} characters");
            return Err(Wrong::new("opt_in_evidence", reason));
        }
        let source = match self.source.as_deref() {
            None => ConsentSource::Import,
            Some(word) => {
                word.parse().ok().filter(|source: &ConsentSource| source.may_be_stated()).ok_or_else(
                    || Wrong::new("opt_in_source", "must be booking, website, front_desk, import or api"),
                )?
            }
        };
        Ok(Some(OptIn { kinds, source, at, evidence }))
    }
}

/// A time, or the beginning of a day where the property is.
fn read_time(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    if let Ok(at) = text.parse::<DateTime<Utc>>() {
        return Some(at);
    }
    let day: Date = text.parse().ok()?;
    let begins = zone.from_local_datetime(&NaiveDate::from(day).and_time(NaiveTime::MIN)).earliest()?;
    Some(begins.with_timezone(&Utc))
}
