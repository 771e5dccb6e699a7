//! The same numbers, computed slowly and plainly from every row.

use std::collections::{BTreeMap, HashMap};

use bellhop_domain::analytics::GroupBy;
use bellhop_service::analytics::{GroupKey, Numbers, Priced};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use sea_orm::prelude::Uuid;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::Value;

/// Nepal's clocks are never changed.
pub const ZONE: &str = "Asia/Kathmandu";

pub fn day_of(at: DateTime<Utc>) -> NaiveDate {
    (at + TimeDelta::minutes(5 * 60 + 45)).date_naive()
}

/// What belongs into one group.
#[derive(Debug, Default, PartialEq)]
pub struct Plain {
    pub inbound: u64,
    pub outbound: u64,
    pub sent: u64,
    pub delivered: u64,
    pub read: u64,
    pub failures: BTreeMap<i64, u64>,
    pub expired: u64,
    pub responses: Vec<f64>,
    pub read_after: Vec<f64>,
    pub replies: u64,
    pub taps: u64,
    pub pricing: BTreeMap<String, BTreeMap<String, Priced>>,
    pub windows_opened: u64,
    pub ratings: [u64; 5],
}

struct Message {
    id: Uuid,
    conversation: Uuid,
    seq: Option<i64>,
    inbound: bool,
    status: String,
    staff: Option<String>,
    content: Value,
    wamid: Option<String>,
    reply_to: Option<String>,
    by_hand: bool,
    at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    sent_at: Option<DateTime<Utc>>,
    read_at: Option<DateTime<Utc>>,
    failure: Option<Value>,
    pricing: Option<Value>,
}

impl Message {
    fn answers(&self) -> bool {
        let reaches = ["queued", "sending", "in_doubt", "sent", "delivered", "read"];
        !self.inbound && self.by_hand && reaches.contains(&self.status.as_str())
    }

    fn is_template(&self) -> bool {
        !self.inbound && self.content["type"] == "template"
    }

    fn keys(&self, by: GroupBy) -> Option<GroupKey> {
        match by {
            GroupBy::Day => Some(GroupKey::Day(day_of(self.at))),
            GroupBy::Template => self.is_template().then(|| GroupKey::Template {
                name: self.content["template_name"].as_str().unwrap().to_owned(),
                language: self.content["language"].as_str().unwrap().to_owned(),
            }),
            GroupBy::Staff => self.staff.clone().filter(|_| !self.inbound).map(GroupKey::Staff),
        }
    }
}

pub async fn rows(db: &DatabaseConnection, sql: &str) -> Vec<sea_orm::QueryResult> {
    db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap()
}

async fn messages(db: &DatabaseConnection) -> Vec<Message> {
    let rows = rows(db, "SELECT * FROM messages ORDER BY conversation_id, seq").await;
    let read = |row: &sea_orm::QueryResult| {
        let (created_at, send_at): (DateTime<Utc>, Option<DateTime<Utc>>) =
            (row.try_get("", "created_at")?, row.try_get("", "send_at")?);
        let (batch, instead): (Option<Uuid>, Option<Uuid>) =
            (row.try_get("", "batch_id")?, row.try_get("", "fallback_for")?);
        Ok::<_, sea_orm::DbErr>(Message {
            id: row.try_get("", "id")?,
            conversation: row.try_get("", "conversation_id")?,
            seq: row.try_get("", "seq")?,
            inbound: row.try_get::<String>("", "direction")? == "inbound",
            status: row.try_get("", "status")?,
            staff: row.try_get("", "staff_member_id")?,
            content: row.try_get("", "content")?,
            wamid: row.try_get("", "wamid")?,
            reply_to: row.try_get("", "reply_to")?,
            by_hand: batch.is_none() && instead.is_none(),
            at: send_at.unwrap_or(created_at),
            created_at,
            sent_at: row.try_get("", "sent_at")?,
            read_at: row.try_get("", "read_at")?,
            failure: row.try_get("", "failure")?,
            pricing: row.try_get("", "pricing")?,
        })
    };
    rows.iter().map(|row| read(row).unwrap()).collect()
}

/// Everything from a day to a day, and by groups.
pub async fn compute(
    db: &DatabaseConnection,
    (from, to): (NaiveDate, NaiveDate),
    by: GroupBy,
) -> (Plain, BTreeMap<GroupKey, Plain>) {
    let all = messages(db).await;
    let asked = questions(&all);
    let (mut totals, mut groups) = (Plain::default(), BTreeMap::<GroupKey, Plain>::new());
    for message in &all {
        let day = day_of(message.at);
        if day < from || day > to || ["scheduled", "cancelled"].contains(&message.status.as_str()) {
            continue;
        }
        totals.add(message, &all, &asked);
        if let Some(key) = message.keys(by) {
            groups.entry(key).or_default().add(message, &all, &asked);
        }
    }
    for row in rows(db, "SELECT event, data, created_at FROM events").await {
        let at: DateTime<Utc> = row.try_get("", "created_at").unwrap();
        let day = day_of(at);
        if day < from || day > to {
            continue;
        }
        let (event, data): (String, Value) =
            (row.try_get("", "event").unwrap(), row.try_get("", "data").unwrap());
        totals.add_event(&event, &data);
        if by == GroupBy::Day {
            groups.entry(GroupKey::Day(day)).or_default().add_event(&event, &data);
        }
    }
    (totals, groups)
}

/// Of each answer, when the guest had asked.
fn questions(all: &[Message]) -> HashMap<Uuid, DateTime<Utc>> {
    let mut asked = HashMap::new();
    let mut waiting: HashMap<Uuid, DateTime<Utc>> = HashMap::new();
    for message in all.iter().filter(|message| message.seq.is_some()) {
        if message.inbound {
            waiting.entry(message.conversation).or_insert(message.sent_at.unwrap_or(message.created_at));
        } else if message.answers()
            && let Some(at) = waiting.remove(&message.conversation)
        {
            asked.insert(message.id, at);
        }
    }
    asked
}

fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    ((to - from).num_milliseconds().max(0) as f64) / 1_000.0
}

impl Plain {
    fn add(&mut self, message: &Message, all: &[Message], asked: &HashMap<Uuid, DateTime<Utc>>) {
        if message.inbound {
            self.inbound += 1;
            return;
        }
        self.outbound += 1;
        let status = message.status.as_str();
        self.sent += u64::from(["sent", "delivered", "read"].contains(&status));
        self.delivered += u64::from(["delivered", "read"].contains(&status));
        self.read += u64::from(status == "read");
        self.expired += u64::from(status == "expired");
        if status == "failed" {
            let code = message.failure.as_ref().unwrap()["code"].as_i64().unwrap();
            *self.failures.entry(code).or_default() += 1;
        }
        self.responses.extend(asked.get(&message.id).map(|at| seconds(*at, message.at)));
        if let Some(pricing) = &message.pricing {
            let word = |key: &str| pricing[key].as_str().unwrap_or_default().to_owned();
            let priced = self.pricing.entry(word("category")).or_default().entry(word("type")).or_default();
            let billable = pricing["billable"].as_bool().unwrap();
            priced.billable += u64::from(billable);
            priced.free += u64::from(!billable);
        }
        if message.is_template() {
            if let (Some(sent), Some(read)) = (message.sent_at, message.read_at) {
                self.read_after.push(seconds(sent, read));
            }
            let later = |other: &&Message| {
                other.inbound
                    && other.conversation == message.conversation
                    && message.seq.is_some()
                    && other.seq > message.seq
            };
            let next = all.iter().filter(later).min_by_key(|other| other.seq);
            let in_time = next.is_some_and(|next| next.created_at <= message.at + TimeDelta::hours(24));
            self.replies += u64::from(in_time);
            let taps = |other: &&Message| {
                let of = ["button", "template_button"];
                other.reply_to.is_some()
                    && other.reply_to == message.wamid
                    && other.content["reply_type"].as_str().is_some_and(|word| of.contains(&word))
            };
            self.taps += all.iter().filter(taps).count() as u64;
        }
    }

    fn add_event(&mut self, event: &str, data: &Value) {
        self.windows_opened += u64::from(event == "window_opened");
        if let (true, Some(rating)) = (event == "conversation_resolved", data["satisfaction_rating"].as_u64())
        {
            self.ratings[rating as usize - 1] += 1;
        }
    }

    /// Fails unless these are the same numbers, percentiles within their precision.
    #[track_caller]
    pub fn agrees(&self, told: &Numbers, what: &str) {
        let counts = Self {
            inbound: told.inbound,
            outbound: told.outbound,
            sent: told.sent,
            delivered: told.delivered,
            read: told.read,
            failures: told.failures.clone(),
            expired: told.expired,
            responses: self.responses.clone(),
            read_after: self.read_after.clone(),
            replies: told.replies,
            taps: told.taps,
            pricing: told.pricing.clone(),
            windows_opened: told.windows_opened,
            ratings: told.ratings,
        };
        assert_eq!(counts, *self, "told on the left, {what}");
        for (exact, histogram) in [(&self.responses, &told.responses), (&self.read_after, &told.read_after)] {
            assert_eq!(histogram.count(), exact.len() as u64, "{what}");
            let mut sorted = exact.clone();
            sorted.sort_by(f64::total_cmp);
            for part in [0.5, 0.9] {
                let rank = (part * sorted.len() as f64).ceil() as usize;
                let exact = sorted.get(rank.saturating_sub(1)).copied();
                match (exact, histogram.percentile(part)) {
                    (None, None) => {}
                    (Some(exact), Some(told)) if exact < 1.0 => assert_eq!(told, 0.0, "{what}"),
                    (Some(exact), Some(told)) => {
                        assert!((told / exact - 1.0).abs() <= 0.026, "{told} for {exact}, {what}");
                    }
                    (exact, told) => panic!("{told:?} for {exact:?}, {what}"),
                }
            }
        }
    }
}
