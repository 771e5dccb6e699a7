//! Years of messages, written by a few statements: as many conversations as a hotel has in a year, each within
//! some days, fifty messages long.

use anyhow::{Context, Result};
use bellhop_e2e::services::Pair;
use sea_orm::prelude::Uuid;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, Value};

/// Messages of a conversation.
pub const LONG: usize = 50;
/// Conversations that go on at the same time.
const AT_ONCE: usize = 200;
/// Rows that one statement writes.
const ROWS: usize = 100_000;
const YEAR: i64 = 365 * 24 * 3_600;

/// What the two databases write differently.
struct Dialect {
    /// `{kind}` is a digit, and `n` the number of the row.
    id: &'static str,
    series: &'static str,
    /// Of seconds since 1970.
    time: &'static str,
    text: &'static str,
}

const POSTGRES: Dialect = Dialect {
    id: "('{kind}0000000000070008000' || lpad(to_hex(({n})::bigint), 12, '0'))::uuid",
    series: "generate_series({from}::bigint, {to}::bigint) AS s(n)",
    time: "to_timestamp({at})",
    text: "({value})::jsonb",
};
const SQLITE: Dialect = Dialect {
    id: "unhex('{kind}0000000000070008000' || printf('%012x', {n}))",
    series: "(WITH RECURSIVE s(n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM s WHERE n < {to}) SELECT n FROM s) s",
    time: "strftime('%Y-%m-%dT%H:%M:%f+00:00', {at}, 'unixepoch')",
    text: "{value}",
};

impl Dialect {
    fn of(pair: Pair) -> &'static Self {
        match pair {
            Pair::Embedded => &SQLITE,
            Pair::Services => &POSTGRES,
        }
    }

    fn id(&self, kind: u8, n: &str) -> String {
        self.id.replace("{kind}", &kind.to_string()).replace("{n}", n)
    }

    fn time(&self, at: &str) -> String {
        self.time.replace("{at}", at)
    }

    fn series(&self, from: usize, to: usize) -> String {
        self.series.replace("{from}", &from.to_string()).replace("{to}", &to.to_string())
    }

    fn json(&self, value: &str) -> String {
        self.text.replace("{value}", value)
    }
}

/// The hotel that it happens to.
pub struct Hotel {
    property: Uuid,
    connection: Uuid,
}

impl Hotel {
    pub async fn of(db: &DatabaseConnection) -> Result<Self> {
        let sql = "SELECT property_id, id FROM connections ORDER BY id LIMIT 1";
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
        let row = row.context("a connection")?;
        Ok(Self { property: row.try_get("", "property_id")?, connection: row.try_get("", "id")? })
    }
}

/// Writes the messages from one number to another, in conversations of their own, over a year until now.
pub async fn write(db: &DatabaseConnection, pair: Pair, (from, to): (usize, usize)) -> Result<()> {
    let dialect = Dialect::of(pair);
    let hotel = Hotel::of(db).await?;
    for first in (from / LONG..to / LONG).step_by(ROWS / LONG) {
        let last = (first + ROWS / LONG).min(to / LONG);
        for sql in [guests(dialect), identifiers(dialect), conversations(dialect)] {
            run(db, &hotel, &sql, dialect.series(first, last - 1), (from, to)).await?;
        }
        let sql = messages(dialect);
        run(db, &hotel, &sql, dialect.series(first * LONG, last * LONG - 1), (from, to)).await?;
    }
    Ok(())
}

async fn run(
    db: &DatabaseConnection,
    hotel: &Hotel,
    sql: &str,
    series: String,
    (from, to): (usize, usize),
) -> Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let begins = i64::try_from(now)? - YEAR;
    // Message n, counted from `from`, has its part of the year.
    let at = |n: &str| format!("({begins} + ({n} - {from}) * CAST({YEAR} AS BIGINT) / {})", to - from);
    let sql = sql
        .replace("{series}", &series)
        .replace("{at}", &at("n"))
        .replace("{last}", &at(&last_message("n")))
        .replace("$property", "$1")
        .replace("$connection", "$2");
    let values: Vec<Value> = vec![hotel.property.into(), hotel.connection.into()];
    // Both are named in each statement, or PostgreSQL does not know what they are.
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    Ok(())
}

/// Some conversations take turns, message by message; then the next ones begin.
fn conversation_of(n: &str) -> String {
    format!("({n} / {block} * {AT_ONCE} + {n} % {AT_ONCE})", block = AT_ONCE * LONG)
}

fn place_of(n: &str) -> String {
    format!("({n} % {block} / {AT_ONCE} + 1)", block = AT_ONCE * LONG)
}

fn last_message(conversation: &str) -> String {
    format!(
        "({conversation} / {AT_ONCE} * {block} + ({LONG} - 1) * {AT_ONCE} + {conversation} % {AT_ONCE})",
        block = AT_ONCE * LONG
    )
}

fn guests(d: &Dialect) -> String {
    format!(
        "INSERT INTO guests (id, property_id, name, created_at, updated_at) \
         SELECT {}, p.id, 'Guest ' || n, {at}, {at} FROM {{series}}, properties p, connections c \
         WHERE p.id = $property AND c.id = $connection",
        d.id(1, "n"),
        at = d.time("{last}"),
    )
}

fn identifiers(d: &Dialect) -> String {
    format!(
        "INSERT INTO guest_identifiers (id, property_id, guest_id, kind, value, match_key, first_seen_at) \
         SELECT {}, p.id, {}, 'phone', '+1415' || (10000000 + n), '1415' || (10000000 + n), {} \
         FROM {{series}}, properties p, connections c WHERE p.id = $property AND c.id = $connection",
        d.id(2, "n"),
        d.id(1, "n"),
        d.time("{last}"),
    )
}

fn conversations(d: &Dialect) -> String {
    format!(
        "INSERT INTO conversations (id, property_id, connection_id, guest_id, status, metadata, last_inbound_at, \
         last_activity_at, next_seq, created_at) \
         SELECT {}, c.property_id, c.id, {}, 'active', {}, {at}, {at}, {next}, {at} \
         FROM {{series}}, connections c WHERE c.id = $connection AND c.property_id = $property",
        d.id(3, "n"),
        d.id(1, "n"),
        d.json("'{}'"),
        at = d.time("{last}"),
        next = LONG + 1,
    )
}

/// Of five: two of the guest, two of staff, a template of a batch.
fn messages(d: &Dialect) -> String {
    let seq = place_of("n");
    let conversation = conversation_of("n");
    let of = |guest: &str, staff: &str, batch: &str| {
        format!("CASE {seq} % 5 WHEN 1 THEN {guest} WHEN 3 THEN {guest} WHEN 0 THEN {batch} ELSE {staff} END")
    };
    let text = "'{\"type\": \"text\", \"text\": \"Is the pool open until nine tonight, and may we bring the dog?\"}'";
    let template = "'{\"type\": \"template\", \"template_name\": \"stay_info_' || (n % 7) || '\", \"language\": \"en\", \
        \"parameters\": {\"1\": \"Ana\"}, \"named\": false, \"text\": \"Dear Ana, the storm is over.\"}'";
    let pricing = "'{\"billable\": true, \"pricing_model\": \"PMP\", \"type\": \"regular\", \"category\": \"utility\"}'";
    let at = d.time("{at}");
    let later = d.time("({at} + 40)");
    format!(
        "INSERT INTO messages (id, property_id, conversation_id, connection_id, guest_id, seq, direction, status, \
         content, wamid, staff_member_id, attempt, due_at, sent_at, delivered_at, read_at, batch_id, pricing, created_at) \
         SELECT {id}, c.property_id, {conversation}, c.id, {guest}, {seq}, {direction}, {status}, {content}, \
         'wamid.H' || n, {staff}, 1, {at}, {at}, {delivered}, {read}, {batch}, {pricing}, {at} \
         FROM {{series}}, connections c WHERE c.id = $connection AND c.property_id = $property",
        id = d.id(4, "n"),
        conversation = d.id(3, &conversation),
        guest = d.id(1, &conversation),
        direction = of("'inbound'", "'outbound'", "'outbound'"),
        status = of("'received'", "'read'", "'delivered'"),
        content = d.json(&of(text, text, template)),
        staff = of("NULL", "'staff_' || (n % 12)", "NULL"),
        delivered = of("NULL", &later, &later),
        read = of("NULL", &later, "NULL"),
        batch = of("NULL", "NULL", &d.id(5, "n % 100")),
        pricing = of("NULL", "NULL", &d.json(pricing)),
    )
}
