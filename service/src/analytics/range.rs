//! From which day to which.

use bellhop_domain::PropertyId;
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use sea_orm::ConnectionTrait;

use crate::error::{Error, Result};
use crate::property;

/// The longest range: a year, also a leap year.
const DAYS_MAX: i64 = 366;
/// Without `from`: the last 30 days.
const DAYS_DEFAULT: u64 = 29;

/// Dates in the property's time zone, both included; today and the 30 days up to the end when absent.
#[derive(Debug, Clone, Default)]
pub struct RangeRequest {
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Range {
    pub zone: Tz,
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub today: NaiveDate,
}

impl RangeRequest {
    pub(super) fn read(&self, zone: Tz, now: DateTime<Utc>) -> Result<Range> {
        let date = |field: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => text
                .parse::<NaiveDate>()
                .map(Some)
                .map_err(|_| Error::field(field, "must be a date such as 2026-10-31")),
        };
        let today = now.with_timezone(&zone).date_naive();
        let to = date("to", &self.to)?.unwrap_or(today);
        let from = date("from", &self.from)?
            .or_else(|| to.checked_sub_days(Days::new(DAYS_DEFAULT)))
            .ok_or_else(|| Error::field("to", "is too long ago"))?;
        let days = (to - from).num_days() + 1;
        if days < 1 {
            return Err(Error::field("to", "must not be before from"));
        }
        if days > DAYS_MAX {
            return Err(Error::field("from", format_args!("must be at most {DAYS_MAX} days before to")));
        }
        Ok(Range { zone, from, to, today })
    }
}

/// The property's own; UTC should it have been stored by an older list of zones.
pub(super) async fn zone_of(db: &impl ConnectionTrait, property: PropertyId) -> Result<Tz> {
    Ok(property::load(db, property).await?.time_zone.parse().unwrap_or(Tz::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_of_the_hotels_days() {
        let now: DateTime<Utc> = "2026-10-31T23:30:00Z".parse().unwrap();
        let read = |from: Option<&str>, to: Option<&str>| {
            let request = RangeRequest { from: from.map(str::to_owned), to: to.map(str::to_owned) };
            request
                .read(chrono_tz::Asia::Tokyo, now)
                .map(|range| (range.from.to_string(), range.to.to_string()))
        };
        assert_eq!(read(None, None).unwrap(), ("2026-10-03".into(), "2026-11-01".into()));
        assert_eq!(read(Some("2026-10-31"), None).unwrap(), ("2026-10-31".into(), "2026-11-01".into()));
        assert!(read(Some("2024-01-01"), Some("2024-12-31")).is_ok());
        for (from, to) in [
            ("2026-01-02", "2026-01-01"),
            ("2025-01-01", "2026-01-02"),
            ("2026-02-30", "2026-03-01"),
            ("now", "2026-01-01"),
        ] {
            assert!(read(Some(from), Some(to)).is_err(), "{from} {to}");
        }
        assert!(read(None, Some("-262143-01-02")).is_err(), "the first days that there are");
    }
}
