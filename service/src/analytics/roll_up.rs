//! The worker's part: days are added up when they are over, and again when they were marked.
//!
//! Any number of workers may do it at once. Counting takes no lock; a day's version, read before, lets only
//! one of two who counted at the same time write.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bellhop_domain::PropertyId;
use bellhop_entity::{analytics_day, analytics_mark, message, property};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sea_orm::Order;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::calendar::{self, Span};
use super::count;
use super::range::zone_of;
use super::stored::{self, Seen};
use super::{LIVE, OPEN_FOR};
use crate::app::App;
use crate::error::Result;

/// Marks taken in one round.
const MARKS: u64 = 10_000;
/// An open day that somebody counted this lately is not counted again.
const FRESH: TimeDelta = TimeDelta::seconds(45);
/// The longest rest after a day of the past: others want the database too.
const REST: Duration = Duration::from_secs(1);

impl App {
    /// One round. Returns how many days were added up.
    pub async fn roll_up_analytics(&self) -> Result<usize> {
        let properties: Vec<PropertyId> = property::Entity::find()
            .select_only()
            .column(property::Column::Id)
            .order_by_asc(property::Column::Id)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let mut days = 0;
        for property in properties {
            // What fails for one must not keep the others.
            match self.roll_up(property).await {
                Ok(done) => days += done,
                Err(error) => tracing::warn!(%property, %error, "days not added up"),
            }
        }
        Ok(days)
    }

    async fn roll_up(&self, property: PropertyId) -> Result<usize> {
        let days = self.add_up_marked(property).await?;
        let Some(spans) = self.open_days(property).await? else { return Ok(days) };
        let over = self.now() - OPEN_FOR;
        let (closing, open): (Vec<Span>, Vec<Span>) = spans.into_iter().partition(|span| span.ends <= over);
        let mut done = days;
        for span in closing {
            let began = Instant::now();
            let seen = stored::days(self.db.reader(), property, (span.day, span.day)).await?;
            let version = seen.first().map(|row| row.version);
            let is_closed = seen.first().is_some_and(|row| row.closed);
            if is_closed || !self.add_up(property, span, Seen { version, closed: true }).await? {
                // Somebody else is at it, and goes on.
                return Ok(done);
            }
            done += 1;
            tokio::time::sleep(began.elapsed().min(REST)).await;
        }
        Ok(done + self.add_up_open(property, &open).await?)
    }

    /// The days that are not closed yet, up to today. `None` where nothing happened so far.
    pub(super) async fn open_days(&self, property: PropertyId) -> Result<Option<Vec<Span>>> {
        let db = self.db.reader();
        let zone = zone_of(db, property).await?;
        let today = self.now().with_timezone(&zone).date_naive();
        let first = match stored::last_closed(db, property).await? {
            Some(last) => (calendar::next(last.day), last.ends_at),
            None => {
                let Some(first) = first_message(db, property).await? else { return Ok(None) };
                let day = first.min(self.now()).with_timezone(&zone).date_naive();
                (day, calendar::begin(zone, day))
            }
        };
        Ok(Some(calendar::spans(zone, first, today)))
    }

    /// Counts what is too much to be counted for each answer.
    async fn add_up_open(&self, property: PropertyId, open: &[Span]) -> Result<usize> {
        let (Some(first), Some(last)) = (open.first(), open.last()) else { return Ok(0) };
        let time = (first.begins, last.ends);
        if count::size(self.db.reader(), property, time, LIVE + 1).await? <= LIVE {
            return Ok(0);
        }
        let seen = stored::days(self.db.reader(), property, (first.day, last.day)).await?;
        let mut done = 0;
        for span in open {
            let seen = seen.iter().find(|row| row.day == span.day);
            if seen.is_some_and(|row| row.closed || self.now() - row.computed_at < FRESH) {
                continue;
            }
            let seen = Seen { version: seen.map(|row| row.version), closed: false };
            done += usize::from(self.add_up(property, *span, seen).await?);
        }
        Ok(done)
    }

    async fn add_up_marked(&self, property: PropertyId) -> Result<usize> {
        let db = self.db.reader();
        let Some(last) = stored::last_closed(db, property).await? else { return Ok(0) };
        // The marks first, then the days as they are, then their messages: what is marked is counted.
        let marks = marks(db, property, last.ends_at).await?;
        let mut days: BTreeMap<NaiveDate, bool> = BTreeMap::new();
        let mut used = Vec::new();
        for (hour, ids) in marks {
            let mut all = true;
            for row in days_of(db, property, hour).await? {
                let added = match days.get(&row.day) {
                    Some(added) => *added,
                    None => {
                        let span = Span { day: row.day, begins: row.begins_at, ends: row.ends_at };
                        let seen = Seen { version: Some(row.version), closed: true };
                        self.add_up(property, span, seen).await?
                    }
                };
                days.insert(row.day, added);
                all &= added;
            }
            if all {
                used.extend(ids);
            }
        }
        self.forget_marks(used).await?;
        Ok(days.into_values().filter(|added| *added).count())
    }

    async fn forget_marks(&self, ids: Vec<Uuid>) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let tx = self.db.begin().await?;
        analytics_mark::Entity::delete_many()
            .filter(crate::rows::among(&tx, analytics_mark::Column::Id, ids))
            .exec(&tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Counts a day and stores it. `false` when somebody else did meanwhile.
    async fn add_up(&self, property: PropertyId, span: Span, seen: Seen) -> Result<bool> {
        let days = count::count(self.db.reader(), property, &[span]).await?;
        let day = days.into_iter().next().unwrap_or_default();
        let tx = self.db.begin().await?;
        let put = stored::put(&tx, (property, span, self.now()), seen, &day).await?;
        if put {
            tx.commit().await?;
        }
        Ok(put)
    }
}

/// The hours of closed days that are marked, with their marks. Marks of days that are still open wait until these
/// are closed: one who closes such a day right now may have counted before the change.
pub(super) async fn marks(
    db: &impl ConnectionTrait,
    property: PropertyId,
    closed_until: DateTime<Utc>,
) -> Result<BTreeMap<DateTime<Utc>, Vec<Uuid>>> {
    use analytics_mark::Column;
    let rows: Vec<(Uuid, DateTime<Utc>)> = analytics_mark::Entity::find()
        .select_only()
        .columns([Column::Id, Column::Hour])
        .filter(Column::PropertyId.eq(property))
        .filter(Column::Hour.lt(closed_until))
        .order_by_asc(Column::Hour)
        .limit(MARKS)
        .into_tuple()
        .all(db)
        .await?;
    let mut hours: BTreeMap<DateTime<Utc>, Vec<Uuid>> = BTreeMap::new();
    rows.into_iter().for_each(|(id, hour)| hours.entry(hour).or_default().push(id));
    Ok(hours)
}

/// The closed days that an hour is in: two where a day ends in its middle.
pub(super) async fn days_of(
    db: &impl ConnectionTrait,
    property: PropertyId,
    hour: DateTime<Utc>,
) -> Result<Vec<analytics_day::Model>> {
    use analytics_day::Column;
    let around = hour.date_naive();
    let near = |days| around + TimeDelta::days(days);
    Ok(analytics_day::Entity::find()
        .filter(Column::PropertyId.eq(property))
        // By its key; a day's name is at most a day away from UTC's, and another where the zone changed.
        .filter(Column::Day.between(near(-3), near(3)))
        .filter(Column::Closed.eq(true))
        .filter(Column::BeginsAt.lt(hour + TimeDelta::hours(1)))
        .filter(Column::EndsAt.gt(hour))
        .all(db)
        .await?)
}

async fn first_message(db: &impl ConnectionTrait, property: PropertyId) -> Result<Option<DateTime<Utc>>> {
    let counted = || Expr::cust("COALESCE(send_at, created_at)");
    Ok(message::Entity::find()
        .select_only()
        .expr(counted())
        .filter(message::Column::PropertyId.eq(property))
        .order_by(counted(), Order::Asc)
        .limit(1)
        .into_tuple()
        .one(db)
        .await?)
}
