//! A property's days.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// A day of a property, with its time: `begins` is in it, `ends` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub day: NaiveDate,
    pub begins: DateTime<Utc>,
    pub ends: DateTime<Utc>,
}

/// The steps in which clocks are put forward.
const STEP: TimeDelta = TimeDelta::minutes(15);
/// Samoa had no 30 December 2011; that is the longest.
const STEPS: i32 = 4 * 25;

/// When a day begins: at midnight, or when that is left out, at the first time that there is.
pub(super) fn begin(zone: Tz, day: NaiveDate) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    let first = (0..STEPS).find_map(|step| zone.from_local_datetime(&(midnight + STEP * step)).earliest());
    first.map_or_else(|| midnight.and_utc(), |first| first.with_timezone(&Utc))
}

/// The days from `first` on to `last`, without a gap: the first one begins at `begins`.
pub(super) fn spans(zone: Tz, (first, begins): (NaiveDate, DateTime<Utc>), last: NaiveDate) -> Vec<Span> {
    let days = first.iter_days().take_while(|day| *day <= last);
    let mut from = begins;
    days.map(|day| {
        // A zone to the east of the former one may have ended the day already.
        let ends = begin(zone, next(day)).max(from);
        let span = Span { day, begins: from, ends };
        from = ends;
        span
    })
    .collect()
}

pub(super) fn next(day: NaiveDate) -> NaiveDate {
    day.checked_add_days(Days::new(1)).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn days_are_the_hotels_own() {
        let of = |zone: Tz, from: &str, to: &str| {
            let days = spans(zone, (day(from), begin(zone, day(from))), day(to));
            assert!(days.windows(2).all(|pair| pair[0].ends == pair[1].begins));
            days.iter().map(|span| (span.ends - span.begins).num_minutes()).collect::<Vec<_>>()
        };
        assert_eq!(of(chrono_tz::Asia::Kathmandu, "2026-03-01", "2026-03-02"), [1440, 1440]);
        assert_eq!(begin(chrono_tz::Asia::Kathmandu, day("2026-03-01")), at("2026-02-28T18:15:00Z"));
        assert_eq!(of(chrono_tz::Europe::Berlin, "2026-03-28", "2026-03-30"), [1440, 1380, 1440]);
        assert_eq!(of(chrono_tz::Europe::Berlin, "2026-10-25", "2026-10-25"), [1500]);
        // Midnight itself is left out.
        assert_eq!(begin(chrono_tz::Africa::Cairo, day("2026-04-24")), at("2026-04-23T22:00:00Z"));
        // And a whole day.
        assert_eq!(of(chrono_tz::Pacific::Apia, "2011-12-29", "2011-12-31"), [1440, 0, 1440]);
    }

    #[test]
    fn a_new_zone_makes_one_day_longer_or_shorter() {
        let first = (day("2026-03-02"), at("2026-03-02T00:00:00Z"));
        let hours = |zone: Tz| {
            let days = spans(zone, first, day("2026-03-03"));
            assert_eq!(days[0].begins, first.1);
            days.iter().map(|span| (span.ends - span.begins).num_hours()).collect::<Vec<_>>()
        };
        assert_eq!(hours(chrono_tz::Asia::Tokyo), [15, 24]);
        assert_eq!(hours(chrono_tz::America::New_York), [29, 24]);
    }
}
