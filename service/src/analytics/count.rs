//! Counting what happened in some days, from the messages and events themselves.

use std::collections::BTreeMap;

use bellhop_domain::conversation::Direction;
use bellhop_domain::event::EventType;
use bellhop_domain::{MessageStatus, PropertyId};
use chrono::{DateTime, Utc};
use sea_orm::prelude::Uuid;
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};

use super::calendar::Span;
use super::mark::reaching;
use super::numbers::{Counted, Numbers};
use crate::error::Result;

/// Messages read at a time.
const PAGE: i64 = 2_000;

/// Of what something is a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Day,
    /// Name and language.
    Template(String, String),
    /// A `staff_member_id`.
    Staff(String),
}

/// A day, part by part.
pub(super) type Day = BTreeMap<Part, Numbers>;

/// How many messages there are in it, of at most `limit` that are looked for.
pub(super) async fn size(
    db: &impl ConnectionTrait,
    property: PropertyId,
    (begins, ends): (DateTime<Utc>, DateTime<Utc>),
    limit: u64,
) -> Result<u64> {
    let values: [Value; 4] =
        [property.into(), begins.into(), ends.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
    let row =
        db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), SIZE, values)).await?;
    let size: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(size.unsigned_abs())
}

/// The numbers of days that follow each other.
pub(super) async fn count(
    db: &impl ConnectionTrait,
    property: PropertyId,
    spans: &[Span],
) -> Result<Vec<Day>> {
    let mut days = vec![Day::new(); spans.len()];
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return Ok(days) };
    let (begins, ends) = (first.begins, last.ends);
    let place = |at: DateTime<Utc>| spans.partition_point(|span| span.ends <= at);
    let sql = messages();
    let (mut from, mut after) = (begins, Uuid::nil());
    loop {
        let values: [Value; 5] = [property.into(), from.into(), ends.into(), after.into(), PAGE.into()];
        let statement = Statement::from_sql_and_values(db.get_database_backend(), &sql, values);
        let rows = db.query_all_raw(statement).await?;
        for row in &rows {
            let message = read(row)?;
            (from, after) = (message.at, row.try_get("", "id")?);
            if let Some(day) = days.get_mut(place(message.at)) {
                add(day, &message);
            }
        }
        if (rows.len() as i64) < PAGE {
            break;
        }
    }
    let values: [Value; 3] = [property.into(), begins.into(), ends.into()];
    let events = Statement::from_sql_and_values(db.get_database_backend(), EVENTS, values);
    for row in db.query_all_raw(events).await? {
        let at: DateTime<Utc> = row.try_get("", "created_at")?;
        if let Some(day) = days.get_mut(place(at)) {
            add_event(day.entry(Part::Day).or_default(), &row)?;
        }
    }
    Ok(days)
}

fn add(day: &mut Day, message: &Counted) {
    let counts = !matches!(message.status, MessageStatus::Scheduled | MessageStatus::Cancelled);
    if !counts {
        return;
    }
    day.entry(Part::Day).or_default().add(message);
    if message.direction == Direction::Inbound {
        return;
    }
    if let Some((name, language)) = &message.template {
        day.entry(Part::Template(name.clone(), language.clone())).or_default().add(message);
    }
    if let Some(staff) = &message.staff {
        day.entry(Part::Staff(staff.clone())).or_default().add(message);
    }
}

fn add_event(numbers: &mut Numbers, row: &QueryResult) -> Result<(), DbErr> {
    let event: String = row.try_get("", "event")?;
    if event == EventType::WindowOpened.as_str() {
        numbers.windows_opened += 1;
    }
    let rating: Option<i64> = row.try_get("", "rating")?;
    let place = rating.and_then(|rating| usize::try_from(rating - 1).ok());
    if let Some(count) = place.and_then(|place| numbers.ratings.get_mut(place)) {
        *count += 1;
    }
    Ok(())
}

fn read(row: &QueryResult) -> Result<Counted> {
    let pricing: Option<serde_json::Value> = row.try_get("", "pricing")?;
    let template: Option<String> = row.try_get("", "template")?;
    let language: Option<String> = row.try_get("", "language")?;
    Ok(Counted {
        direction: row.try_get("", "direction")?,
        status: row.try_get("", "status")?,
        at: row.try_get("", "at")?,
        sent_at: row.try_get("", "sent_at")?,
        read_at: row.try_get("", "read_at")?,
        staff: row.try_get("", "staff_member_id")?,
        template: template.map(|name| (name, language.unwrap_or_default())),
        failure: row.try_get("", "failure_code")?,
        pricing: pricing.and_then(|pricing| serde_json::from_value(pricing).ok()),
        asked_at: row.try_get("", "asked_at")?,
        replied_at: row.try_get("", "replied_at")?,
        taps: row.try_get::<Option<i64>>("", "taps")?.unwrap_or_default().unsigned_abs(),
    })
}

/// The time for which a message counts, as its index has it.
macro_rules! counted {
    () => {
        "COALESCE(m.send_at, m.created_at)"
    };
}

const SIZE: &str = concat!(
    "SELECT COUNT(*) FROM (SELECT 1 FROM messages m WHERE m.property_id = $1 AND ",
    counted!(),
    " >= $2 AND ",
    counted!(),
    " < $3 LIMIT $4) AS few"
);

const EVENTS: &str = "\
    SELECT event, created_at, CAST(data ->> 'satisfaction_rating' AS BIGINT) AS rating FROM events \
    WHERE property_id = $1 AND created_at >= $2 AND created_at < $3 \
    AND event IN ('window_opened', 'conversation_resolved')";

/// The page behind a message. An answer is asked for since the guest's first message after the latest
/// answer before it. A reply is the first thing that the guest said after the template.
fn messages() -> String {
    let reaching: Vec<String> = reaching().map(|status| format!("'{}'", status.as_str())).collect();
    let reaching = reaching.join(", ");
    MESSAGES.replace("{reaching}", &reaching)
}

const MESSAGES: &str = concat!(
    "SELECT m.id, m.direction, m.status, ",
    counted!(),
    " AS at, m.sent_at, m.read_at, m.staff_member_id, m.pricing, \
    CASE WHEN m.status = 'failed' THEN CAST(m.failure ->> 'code' AS BIGINT) END AS failure_code, \
    CASE WHEN m.content ->> 'type' = 'template' THEN m.content ->> 'template_name' END AS template, \
    CASE WHEN m.content ->> 'type' = 'template' THEN m.content ->> 'language' END AS language, \
    CASE WHEN m.direction = 'outbound' AND m.batch_id IS NULL AND m.fallback_for IS NULL \
        AND m.status IN ({reaching}) THEN ( \
        SELECT COALESCE(q.sent_at, q.created_at) FROM messages q \
        WHERE q.conversation_id = m.conversation_id AND q.direction = 'inbound' AND q.seq < m.seq \
        AND q.seq > COALESCE(( \
            SELECT p.seq FROM messages p WHERE p.conversation_id = m.conversation_id AND p.seq < m.seq \
            AND p.direction = 'outbound' AND p.batch_id IS NULL AND p.fallback_for IS NULL \
            AND p.status IN ({reaching}) ORDER BY p.seq DESC LIMIT 1), 0) \
        ORDER BY q.seq LIMIT 1) END AS asked_at, \
    CASE WHEN m.direction = 'outbound' AND m.content ->> 'type' = 'template' THEN ( \
        SELECT r.created_at FROM messages r WHERE r.conversation_id = m.conversation_id AND r.seq > m.seq \
        AND r.direction = 'inbound' ORDER BY r.seq LIMIT 1) END AS replied_at, \
    CASE WHEN m.direction = 'outbound' AND m.content ->> 'type' = 'template' AND m.wamid IS NOT NULL THEN ( \
        SELECT COUNT(*) FROM messages t WHERE t.connection_id = m.connection_id AND t.reply_to = m.wamid \
        AND t.direction = 'inbound' AND t.content ->> 'type' = 'reply' \
        AND t.content ->> 'reply_type' IN ('button', 'template_button')) END AS taps \
    FROM messages m WHERE m.property_id = $1 AND ",
    counted!(),
    " >= $2 AND ",
    counted!(),
    " < $3 AND (",
    counted!(),
    ", m.id) > ($2, $4) ORDER BY ",
    counted!(),
    ", m.id LIMIT $5"
);
