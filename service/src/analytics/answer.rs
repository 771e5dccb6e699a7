//! The answers: stored days, and what is not stored yet.

use std::collections::{BTreeMap, BTreeSet};

use bellhop_domain::PropertyId;
use bellhop_domain::analytics::GroupBy;
use bellhop_domain::rights::Right;
use chrono::{DateTime, NaiveDate, Utc};

use super::LIVE;
use super::calendar::Span;
use super::count::{self, Day, Part};
use super::numbers::Numbers;
use super::range::{Range, RangeRequest, zone_of};
use super::{roll_up, stored};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;

/// How messages went from a day to a day, both included.
#[derive(Debug, Clone)]
pub struct Summary {
    pub from: NaiveDate,
    pub to: NaiveDate,
    /// IANA name.
    pub time_zone: String,
    /// What happened later may be missing.
    pub as_of: DateTime<Utc>,
    /// Days that were not added up yet, and are missing.
    pub days_pending: u64,
    pub totals: Numbers,
    /// Days: each up to today; else those of which there is something.
    pub groups: Vec<Group>,
}

#[derive(Debug, Clone)]
pub struct Group {
    pub key: GroupKey,
    pub numbers: Numbers,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKey {
    Day(NaiveDate),
    Template {
        name: String,
        language: String,
    },
    /// A `staff_member_id`.
    Staff(String),
}

/// What is found for an answer.
struct Found {
    days: BTreeMap<NaiveDate, Day>,
    as_of: DateTime<Utc>,
    pending: u64,
}

impl App {
    /// The numbers of these days, together and by groups.
    pub async fn analytics_summary(
        &self,
        caller: &Caller,
        range: &RangeRequest,
        by: GroupBy,
    ) -> Result<Summary> {
        caller.require(Right::ReadAnalytics)?;
        let zone = zone_of(self.db.reader(), caller.property_id).await?;
        let range = range.read(zone, self.now())?;
        let found = self.find_days(caller.property_id, &range, by).await?;
        let mut totals = Numbers::default();
        let mut groups: BTreeMap<GroupKey, Numbers> = BTreeMap::new();
        if by == GroupBy::Day {
            let last = range.to.min(range.today);
            let all = range.from.iter_days().take_while(|day| *day <= last);
            groups.extend(all.map(|day| (GroupKey::Day(day), Numbers::default())));
        }
        for (day, parts) in &found.days {
            for (part, numbers) in parts {
                if *part == Part::Day {
                    totals.merge(numbers);
                }
                if part.facet() == by {
                    groups.entry(GroupKey::of(*day, part)).or_default().merge(numbers);
                }
            }
        }
        Ok(Summary {
            from: range.from,
            to: range.to,
            time_zone: range.zone.name().to_owned(),
            as_of: found.as_of,
            days_pending: found.pending,
            totals,
            groups: groups.into_iter().map(|(key, numbers)| Group { key, numbers }).collect(),
        })
    }

    async fn find_days(&self, property: PropertyId, range: &Range, by: GroupBy) -> Result<Found> {
        let mut found = Found { days: BTreeMap::new(), as_of: self.now(), pending: 0 };
        let Some(open) = self.open_days(property).await? else { return Ok(found) };
        let first_open = open.first().map_or(NaiveDate::MAX, |span| span.day);
        let open: Vec<Span> =
            open.into_iter().filter(|span| (range.from..=range.to).contains(&span.day)).collect();
        let (mut days, mut left) = self.count_live(property, &open, LIVE).await?;
        days.extend(self.count_marked(property, range, &mut left).await?);
        let known: BTreeSet<NaiveDate> = days.keys().copied().collect();
        found.days = days;
        let lacking = open.iter().filter(|span| !known.contains(&span.day));
        let lacking: BTreeSet<NaiveDate> = lacking.map(|span| span.day).collect();
        if !lacking.is_empty() {
            let stored = stored::days(self.db.reader(), property, (range.from, range.to)).await?;
            let stored = stored.iter().filter(|row| lacking.contains(&row.day));
            found.pending = lacking.len() as u64;
            for row in stored {
                found.pending -= 1;
                found.as_of = found.as_of.min(row.computed_at);
            }
        }
        // Open days that are stored serve where nobody counts them now, and others are not there.
        let wanted = |day: &NaiveDate| !known.contains(day) && (*day < first_open || lacking.contains(day));
        let facets: BTreeSet<&str> = [GroupBy::Day.as_str(), by.as_str()].into();
        for facet in GroupBy::ALL.iter().filter(|facet| facets.contains(facet.as_str())) {
            let days = (range.from, range.to);
            for (day, part, numbers) in stored::numbers(self.db.reader(), property, *facet, days).await? {
                if wanted(&day) {
                    found.days.entry(day).or_default().insert(part, numbers);
                }
            }
        }
        Ok(found)
    }

    /// Counts the newest of these days, as many as have no more than so many messages. What they came to,
    /// and how many messages more may be counted.
    async fn count_live(
        &self,
        property: PropertyId,
        open: &[Span],
        mut left: u64,
    ) -> Result<(BTreeMap<NaiveDate, Day>, u64)> {
        let (Some(first), Some(last)) = (open.first(), open.last()) else {
            return Ok((BTreeMap::new(), left));
        };
        let db = self.db.reader();
        let all = count::size(db, property, (first.begins, last.ends), left + 1).await?;
        let mut some = open;
        if all > left {
            let mut from = open.len();
            for span in open.iter().rev() {
                let size = count::size(db, property, (span.begins, span.ends), left + 1).await?;
                if size > left {
                    break;
                }
                left -= size;
                from -= 1;
            }
            some = &open[from..];
        } else {
            left -= all;
        }
        let counted = count::count(db, property, some).await?;
        Ok((some.iter().map(|span| span.day).zip(counted).collect(), left))
    }

    /// Counts closed days in which something changed since, while there is room for them.
    async fn count_marked(
        &self,
        property: PropertyId,
        range: &Range,
        left: &mut u64,
    ) -> Result<BTreeMap<NaiveDate, Day>> {
        let db = self.db.reader();
        let mut days = BTreeMap::new();
        let Some(last) = stored::last_closed(db, property).await? else { return Ok(days) };
        for hour in roll_up::marks(db, property, last.ends_at).await?.into_keys() {
            for row in roll_up::days_of(db, property, hour).await? {
                if days.contains_key(&row.day) || !(range.from..=range.to).contains(&row.day) {
                    continue;
                }
                let size = count::size(db, property, (row.begins_at, row.ends_at), *left + 1).await?;
                if size > *left {
                    return Ok(days);
                }
                *left -= size;
                let span = Span { day: row.day, begins: row.begins_at, ends: row.ends_at };
                let counted = count::count(db, property, &[span]).await?;
                days.extend(counted.into_iter().map(|day| (row.day, day)));
            }
        }
        Ok(days)
    }
}

impl GroupKey {
    fn of(day: NaiveDate, part: &Part) -> Self {
        match part {
            Part::Day => Self::Day(day),
            Part::Template(name, language) => {
                Self::Template { name: name.clone(), language: language.clone() }
            }
            Part::Staff(id) => Self::Staff(id.clone()),
        }
    }
}
