//! Stays: who is in which room and when, as a property management system (PMS) tells it.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::text_enum;

text_enum! {
    /// Where a reservation stands.
    StayStatus {
        Reserved = "reserved",
        InHouse = "in_house",
        Departed = "departed",
        Cancelled = "cancelled",
        NoShow = "no_show",
    }
}

impl StayStatus {
    /// Whether the guest came, or is still to come.
    pub const fn holds(self) -> bool {
        match self {
            Self::Reserved | Self::InHouse | Self::Departed => true,
            Self::Cancelled | Self::NoShow => false,
        }
    }
}

text_enum! {
    /// What became of an update of a stay.
    StayOutcome {
        Applied = "applied",
        /// This version is known already.
        Unchanged = "unchanged",
        /// A later version is known.
        Stale = "stale",
    }
}

/// A day in the property's own calendar, written `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "db", derive(sea_orm::DeriveValueType))]
pub struct Date(NaiveDate);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a day as YYYY-MM-DD, such as 2026-03-31")]
pub struct BadDate;

impl FromStr for Date {
    type Err = BadDate;
    fn from_str(text: &str) -> Result<Self, BadDate> {
        // The library also takes signs, spaces and months of one digit.
        if text.len() != 10 || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            return Err(BadDate);
        }
        NaiveDate::parse_from_str(text, "%Y-%m-%d").map(Self).map_err(|_| BadDate)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<NaiveDate> for Date {
    fn from(day: NaiveDate) -> Self {
        Self(day)
    }
}

impl From<Date> for NaiveDate {
    fn from(day: Date) -> Self {
        day.0
    }
}

/// A reservation, as the PMS told it last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "db", derive(sea_orm::FromJsonQueryResult))]
pub struct Stay {
    /// Which PMS; with `reservation_id` the stay's name.
    pub source: String,
    pub reservation_id: String,
    pub status: StayStatus,
    pub room: Option<String>,
    pub arrival: Date,
    pub departure: Date,
    pub booking_reference: Option<String>,
}

impl Stay {
    fn key(&self) -> (&str, &str) {
        (&self.source, &self.reservation_id)
    }
}

/// The stay that a guest's messages are about: the one that is `in_house`, whatever its dates say (of
/// several the latest arrival), else the next `reserved` one. A reservation whose departure has passed is
/// none: nobody told what became of it.
///
/// Equals are told apart by departure, source and reservation, so that the order in which stays became
/// known means nothing.
pub fn current<'a>(stays: impl IntoIterator<Item = &'a Stay>, today: Date) -> Option<&'a Stay> {
    let rank = |stay: &&Stay| match stay.status {
        StayStatus::InHouse => true,
        StayStatus::Reserved => stay.departure >= today,
        StayStatus::Departed | StayStatus::Cancelled | StayStatus::NoShow => false,
    };
    stays.into_iter().filter(rank).min_by(|a, b| {
        let here = |stay: &Stay| stay.status == StayStatus::InHouse;
        let by_arrival = match (here(a), here(b)) {
            (true, true) => (b.arrival, b.departure).cmp(&(a.arrival, a.departure)),
            (true, false) => std::cmp::Ordering::Less,
            (false, true) => std::cmp::Ordering::Greater,
            (false, false) => (a.arrival, a.departure).cmp(&(b.arrival, b.departure)),
        };
        by_arrival.then_with(|| a.key().cmp(&b.key()))
    })
}

/// A guest's stays in the order in which they are believed about the guest: the current one, then those
/// that took or take place, the latest departure first, then the others.
pub fn by_weight<T>(told: &mut [T], today: Date, stay: impl Fn(&T) -> &Stay) {
    let now = current(told.iter().map(&stay), today).cloned();
    told.sort_by(|a, b| {
        let weight = |told: &T| {
            let stay = stay(told);
            let is_now = now.as_ref().is_some_and(|now| now.key() == stay.key());
            (!is_now, !stay.status.holds(), Reverse(stay.departure))
        };
        weight(a).cmp(&weight(b)).then_with(|| stay(a).key().cmp(&stay(b).key()))
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn stay(id: &str, status: StayStatus, arrival: &str, departure: &str) -> Stay {
        Stay {
            source: "pms".into(),
            reservation_id: id.into(),
            status,
            room: None,
            arrival: day(arrival),
            departure: day(departure),
            booking_reference: None,
        }
    }

    #[test]
    fn days_are_written_in_one_way() {
        assert_eq!(day("2026-03-31").to_string(), "2026-03-31");
        for bad in ["2026-3-31", "2026-02-30", "31.03.2026", "2026-03-31T00", "+026-03-31", "", "20260-3-31"]
        {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }

    #[test]
    fn who_is_in_house_is_here_whatever_the_dates_say() {
        use StayStatus::{Cancelled, Departed, InHouse, NoShow, Reserved};
        let now = |stays: &[Stay]| {
            current(stays, day("2026-05-10")).map(|stay| stay.reservation_id.clone()).unwrap_or_default()
        };
        let over = stay("over", InHouse, "2026-04-01", "2026-04-02");
        let next = stay("next", Reserved, "2026-05-12", "2026-05-13");
        let later = stay("later", Reserved, "2026-05-13", "2026-05-14");
        let running = stay("running", Reserved, "2026-05-01", "2026-05-10");
        let lapsed = stay("lapsed", Reserved, "2026-05-01", "2026-05-09");
        assert_eq!(now(&[next.clone(), over.clone()]), "over");
        assert_eq!(now(&[over.clone(), stay("new", InHouse, "2026-05-09", "2026-05-11")]), "new");
        assert_eq!(now(&[later.clone(), next.clone()]), "next");
        assert_eq!(now(&[next.clone(), running.clone()]), "running", "the last day counts");
        assert_eq!(now(&[lapsed.clone(), later.clone()]), "later");
        assert_eq!(now(&[lapsed]), "");
        for gone in [Departed, Cancelled, NoShow] {
            assert_eq!(now(&[stay("gone", gone, "2026-05-09", "2026-05-11")]), "");
        }
        let twin = Stay { source: "a".into(), ..next.clone() };
        assert_eq!(current(&[next, twin], day("2026-05-10")).unwrap().source, "a");
    }

    #[test]
    fn what_took_place_weighs_more_than_what_did_not() {
        use StayStatus::{Cancelled, Departed, NoShow, Reserved};
        let mut all = [
            stay("cancelled", Cancelled, "2027-01-01", "2027-01-02"),
            stay("no_show", NoShow, "2027-01-01", "2027-01-03"),
            stay("old", Departed, "2026-01-01", "2026-01-02"),
            stay("next", Reserved, "2026-06-01", "2026-06-02"),
            stay("after", Reserved, "2026-07-01", "2026-07-02"),
            stay("older", Departed, "2025-01-01", "2025-01-02"),
        ];
        by_weight(&mut all, day("2026-05-10"), |stay| stay);
        let order: Vec<_> = all.iter().map(|stay| stay.reservation_id.as_str()).collect();
        assert_eq!(order, ["next", "after", "old", "older", "no_show", "cancelled"]);
    }

    proptest! {
        /// Whatever came first, the same stays say the same.
        #[test]
        fn order_of_arrival_means_nothing(
            parts in prop::collection::vec((0..5usize, 0..4u32, 0..4u32, 0..2u8), 1..8).prop_shuffle(),
        ) {
            let mut all: Vec<Stay> = parts
                .iter()
                .enumerate()
                .map(|(i, (status, from, nights, source))| {
                    let arrival = NaiveDate::from_ymd_opt(2026, 5, 8 + from).unwrap();
                    let departure = arrival + chrono::Days::new((*nights).into());
                    let (arrival, departure) = (Date(arrival).to_string(), Date(departure).to_string());
                    let one = stay(&i.to_string(), StayStatus::ALL[*status], &arrival, &departure);
                    Stay { source: source.to_string(), ..one }
                })
                .collect();
            let today = day("2026-05-10");
            let mut reversed: Vec<Stay> = all.iter().rev().cloned().collect();
            prop_assert_eq!(current(&all, today), current(&reversed, today));
            by_weight(&mut all, today, |stay| stay);
            by_weight(&mut reversed, today, |stay| stay);
            prop_assert_eq!(all, reversed);
        }
    }
}
