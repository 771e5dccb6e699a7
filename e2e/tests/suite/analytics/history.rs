//! A hotel to which things happen at random: by real webhooks where they come from outside; what was sent is
//! written as sending leaves it.

use std::time::Duration;

use bellhop_domain::ports::{Clock, Line};
use bellhop_domain::rights::Role;
use bellhop_domain::{ConversationId, MessageId, Secret};
use bellhop_e2e::{Home, settings};
use bellhop_infra::clock::MovableClock;
use bellhop_infra::{build, database};
use bellhop_service::connection::NewConnection;
use bellhop_service::conversation::Resolution;
use bellhop_service::message::Decision;
use bellhop_service::property::PropertyChange;
use bellhop_service::{App, Caller};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::prelude::Uuid;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, Value};
use serde_json::{Value as Json, json};

use super::plain::{ZONE, rows};
use crate::webhook_security::signature;

const APP_SECRET: &str = "an app secret";
const NUMBER: &str = "7001";
const ACCOUNT: &str = "700";
const STAFF: [&str; 3] = ["staff_ana", "staff_ben", "staff_cleo"];
const TEMPLATES: [(&str, &str); 3] = [("welcome", "en"), ("welcome", "he"), ("storm", "en")];

const MESSAGE: &str = "\
    INSERT INTO messages (id, property_id, conversation_id, connection_id, guest_id, seq, direction, status, \
    content, wamid, staff_member_id, attempt, due_at, created_at, sent_at, send_at, batch_id, failure, quiet) \
    VALUES ($1, $2, $3, $4, $5, $6, 'outbound', $7, $8, $9, $10, 1, $11, $11, $12, $13, $14, $15, $16)";
const MANY: &str = "\
    INSERT INTO messages (id, property_id, conversation_id, connection_id, guest_id, seq, direction, status, \
    content, attempt, due_at, created_at, sent_at)";
const ATTEMPT: &str = "\
    INSERT INTO attempts (message_id, number, property_id, connection_id, outcome, wamid, started_at) \
    VALUES ($1, 1, $2, $3, $4, $5, $6)";

/// Numbers that a seed decides (xorshift64*).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

pub struct History {
    pub app: App,
    /// Another process on the same database.
    pub other: App,
    pub db: DatabaseConnection,
    pub caller: Caller,
    pub clock: MovableClock,
    pub dice: Dice,
    connection: Uuid,
    /// So that each wamid is another.
    made: u64,
    _home: Home,
}

impl History {
    pub async fn begin(dice: Dice) -> Self {
        let home = Home::make().await;
        let settings = settings(&home, &[]);
        build::migrate(&settings).await.unwrap();
        let clock = MovableClock::new();
        let app = build::build(&settings, "http://127.0.0.1:1", clock.clone()).await.unwrap();
        let other = build::build(&settings, "http://127.0.0.1:1", clock.clone()).await.unwrap();
        let zone = PropertyChange { time_zone: Some(ZONE.into()), ..PropertyChange::default() };
        let property = app.create_property("Hotel", zone).await.unwrap();
        let token = app.issue_token(property, Role::Staff, "test").await.unwrap();
        let caller = app.authenticate(token.expose()).await.unwrap();
        app.connect(property, number()).await.unwrap();
        let db = database::connect_writer(&settings.database_url).await.unwrap();
        let connection = rows(&db, "SELECT id FROM connections").await[0].try_get("", "id").unwrap();
        Self { app, other, db, caller, clock, dice, connection, made: 0, _home: home }
    }

    pub async fn end(self) {
        self.db.close().await.unwrap();
        for app in [self.app, self.other] {
            app.finish(Duration::from_secs(5)).await;
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Something happens.
    pub async fn step(&mut self) {
        match self.dice.below(20) {
            0..=4 => {
                let tap = self.dice.below(3) == 0;
                let answered = if tap { self.template_message().await } else { None };
                self.guest_writes(answered).await;
            }
            5..=9 => {
                let status = self.dice.one(&[
                    "sent",
                    "sent",
                    "delivered",
                    "read",
                    "failed",
                    "expired",
                    "in_doubt",
                    "scheduled",
                ]);
                // Also what was written long ago, to leave now or later.
                let hours = self.dice.below(60) as i64;
                let later = self.dice.below(3) == 0;
                let at = later.then(|| self.now() + TimeDelta::hours(hours));
                self.sends(status, at).await;
            }
            10..=13 => {
                let many = 1 + self.dice.below(6);
                self.status(many).await;
            }
            14 => self.decides().await,
            15 => self.resolves().await,
            16 | 17 => self.clock.advance(TimeDelta::minutes(30 + self.dice.below(2_000) as i64)),
            18 => {
                self.app.roll_up_analytics().await.unwrap();
            }
            _ => self.all_at_once().await,
        }
    }

    /// Two workers add up while statuses come.
    async fn all_at_once(&mut self) {
        let Some(body) = self.statuses(5).await else { return };
        let (one, other, told) = tokio::join!(
            self.app.roll_up_analytics(),
            self.other.roll_up_analytics(),
            self.app.receive_webhook(body.0, Some(&body.1)),
        );
        one.unwrap();
        other.unwrap();
        told.unwrap();
    }

    /// Known by number, by id, or by both, which may join two.
    pub async fn guest_writes(&mut self, answered: Option<String>) {
        let guest = self.dice.below(5);
        let (number, id) = (format!("1415555267{guest}"), format!("US.{guest}"));
        let known = self.dice.below(3);
        self.made += 1;
        let mut message = json!({"id": format!("wamid.IN{}", self.made), "timestamp": self.now().timestamp().to_string(),
            "type": "text", "text": {"body": "hello"}});
        if known != 1 {
            message["from"] = json!(number);
        }
        if known != 0 {
            message["from_user_id"] = json!(id);
        }
        if let Some(wamid) = answered {
            message["type"] = json!("button");
            message["button"] = json!({"payload": "YES", "text": "Yes"});
            message["context"] = json!({"id": wamid});
        }
        let (body, signed) = webhook(&json!({"messages": [message]}));
        self.app.receive_webhook(body, Some(&signed)).await.unwrap();
    }

    /// As a send, or a batch's, leaves it.
    pub async fn sends(&mut self, status: &str, send_at: Option<DateTime<Utc>>) {
        let sql = "SELECT id, guest_id, next_seq FROM conversations WHERE merged_into IS NULL ORDER BY id";
        let all = rows(&self.db, sql).await;
        if all.is_empty() {
            return;
        }
        let row = &all[self.dice.below(all.len() as u64) as usize];
        let (conversation, guest): (Uuid, Uuid) =
            (row.try_get("", "id").unwrap(), row.try_get("", "guest_id").unwrap());
        let seq: i64 = row.try_get("", "next_seq").unwrap();
        let (id, now) = (MessageId::new().uuid(), self.now());
        self.made += 1;
        let batch = (self.dice.below(4) == 0).then(Uuid::new_v4);
        let staff = (batch.is_none() && self.dice.below(3) > 0).then(|| self.dice.one(&STAFF));
        let content = self.content(batch.is_some());
        let left = ["sent", "delivered", "read", "failed", "in_doubt"].contains(&status);
        let wamid = (left && status != "in_doubt").then(|| format!("wamid.OUT{}", self.made));
        let failure =
            (status == "failed").then(|| json!({"code": 131_026, "title": "Message undeliverable"}));
        let (property, connection) = (self.caller.property_id.uuid(), self.connection);
        let place = (status != "scheduled").then_some(seq);
        let quiet = self.dice.below(4) == 0 && batch.is_some();
        let message = [id, property, conversation, connection, guest].map(Value::from).into_iter();
        let message = message.chain([place.into(), status.into(), content.into(), wamid.clone().into()]);
        let times = [now.into(), left.then_some(now).into(), send_at.into()];
        let message = message.chain([staff.into()]).chain(times);
        let message = message.chain([batch.into(), failure.into(), quiet.into()]);
        self.execute(MESSAGE, message.collect()).await;
        let outcome = if status == "in_doubt" { "in_doubt" } else { "sent" };
        let attempt = [id, property, connection].map(Value::from).into_iter();
        let attempt = attempt.chain([outcome.into(), wamid.into(), now.into()]);
        self.execute(ATTEMPT, attempt.collect()).await;
        let next = "UPDATE conversations SET next_seq = next_seq + 1 WHERE id = $1";
        self.execute(next, vec![conversation.into()]).await;
    }

    /// So many texts to one guest, at once.
    pub async fn sends_many(&mut self, count: usize) {
        let row = &rows(&self.db, "SELECT id, guest_id, next_seq FROM conversations").await[0];
        let (conversation, guest): (Uuid, Uuid) =
            (row.try_get("", "id").unwrap(), row.try_get("", "guest_id").unwrap());
        let seq: i64 = row.try_get("", "next_seq").unwrap();
        let (property, now) = (self.caller.property_id.uuid(), self.now());
        let mut values: Vec<Value> =
            [property, conversation, self.connection, guest].map(Value::from).to_vec();
        values.extend([json!({"type": "text", "text": "x"}).into(), now.into()]);
        let mut all = Vec::with_capacity(count);
        for n in 0..count {
            let at = values.len();
            all.push(format!(
                "(${}, $1, $2, $3, $4, ${}, 'outbound', 'sent', $5, 1, $6, $6, $6)",
                at + 1,
                at + 2
            ));
            values.extend([MessageId::new().uuid().into(), (seq + n as i64).into()]);
        }
        let sql = format!("{MANY} VALUES {}", all.join(", "));
        self.execute(&sql, values).await;
        let next = "UPDATE conversations SET next_seq = next_seq + $1";
        self.execute(next, vec![(count as i64).into()]).await;
    }

    fn content(&mut self, batch: bool) -> Json {
        let (name, language) = self.dice.one(&TEMPLATES);
        match batch || self.dice.below(2) == 0 {
            true => json!({"type": "template", "template_name": name, "language": language,
                "parameters": {}, "named": true, "text": "x"}),
            false => json!({"type": "text", "text": "x"}),
        }
    }

    pub async fn status(&mut self, many: u64) {
        if let Some((body, signed)) = self.statuses(many).await {
            self.app.receive_webhook(body, Some(&signed)).await.unwrap();
        }
    }

    /// Of messages of any age, in any order, with and without the echo.
    async fn statuses(&mut self, many: u64) -> Option<(Vec<u8>, String)> {
        let all = rows(&self.db, "SELECT id, wamid, created_at FROM messages WHERE direction = 'outbound' AND status <> 'scheduled' ORDER BY id").await;
        if all.is_empty() {
            return None;
        }
        let mut told = Vec::new();
        for _ in 0..many {
            let row = &all[self.dice.below(all.len() as u64) as usize];
            let id = MessageId::from(row.try_get::<Uuid>("", "id").unwrap());
            let wamid: Option<String> = row.try_get("", "wamid").unwrap();
            let created_at: DateTime<Utc> = row.try_get("", "created_at").unwrap();
            let at = created_at.timestamp()
                + self.dice.below((self.now() - created_at).num_seconds().max(1) as u64) as i64;
            let word = self.dice.one(&["sent", "delivered", "delivered", "read", "read", "failed"]);
            let echoed = wamid.is_none() || self.dice.below(2) == 0;
            let mut status = json!({"id": wamid.unwrap_or_else(|| format!("wamid.OF{id}")), "status": word,
                "timestamp": at.to_string(), "recipient_id": "14155552671"});
            if echoed {
                status["biz_opaque_callback_data"] = json!(format!("{id}.1"));
            }
            if word == "failed" {
                status["errors"] = json!([{"code": self.dice.one(&[131_026, 131_049]), "title": "no"}]);
            } else if self.dice.below(2) == 0 {
                status["pricing"] = self.pricing();
            }
            told.push(status);
        }
        Some(webhook(&json!({"statuses": told})))
    }

    fn pricing(&mut self) -> Json {
        let category = self.dice.one(&["marketing", "utility", "service"]);
        match self.dice.below(3) {
            0 => json!({"billable": true, "pricing_model": "CBP", "category": category}),
            1 => json!({"pricing_model": "PMP", "type": "regular", "category": category}),
            _ => {
                json!({"billable": false, "pricing_model": "PMP", "type": "free_customer_service", "category": category})
            }
        }
    }

    async fn template_message(&mut self) -> Option<String> {
        let sql = "SELECT wamid FROM messages WHERE direction = 'outbound' AND wamid IS NOT NULL ORDER BY id";
        let all = rows(&self.db, sql).await;
        if all.is_empty() {
            return None;
        }
        all[self.dice.below(all.len() as u64) as usize].try_get("", "wamid").unwrap()
    }

    /// Staff settle a doubt, however old.
    async fn decides(&mut self) {
        let all = rows(&self.db, "SELECT id FROM messages WHERE status = 'in_doubt' ORDER BY id").await;
        if all.is_empty() {
            return;
        }
        let id: Uuid = all[self.dice.below(all.len() as u64) as usize].try_get("", "id").unwrap();
        let decision = if self.dice.below(2) == 0 { Decision::MarkSent } else { Decision::MarkFailed };
        self.app.decide(&self.caller, id.into(), decision).await.unwrap();
    }

    async fn resolves(&mut self) {
        let all = rows(&self.db, "SELECT id FROM conversations ORDER BY id").await;
        if all.is_empty() {
            return;
        }
        let id: Uuid = all[self.dice.below(all.len() as u64) as usize].try_get("", "id").unwrap();
        let rating = self.dice.below(6);
        let resolution = Resolution {
            satisfaction_rating: (rating > 0).then_some(rating as i64),
            ..Resolution::default()
        };
        self.app.resolve_conversation(&self.caller, ConversationId::from(id), resolution).await.unwrap();
    }

    async fn execute(&self, sql: &str, values: Vec<Value>) {
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        self.db.execute_raw(statement).await.unwrap();
    }
}

fn number() -> NewConnection {
    NewConnection {
        line: Line {
            base_url: "http://127.0.0.1:1".into(),
            api_version: "v23.0".into(),
            phone_number_id: NUMBER.into(),
            waba_id: ACCOUNT.into(),
            access_token: Secret::new("a token"),
        },
        display_phone_number: "+15550000001".into(),
        app_secret: Secret::new(APP_SECRET),
        verify_token: Secret::new("a verify token"),
    }
}

/// A signed webhook.
fn webhook(value: &Json) -> (Vec<u8>, String) {
    let mut value = value.clone();
    value["messaging_product"] = json!("whatsapp");
    value["metadata"] = json!({"display_phone_number": "15550000001", "phone_number_id": NUMBER});
    let body = json!({"object": "whatsapp_business_account", "entry": [{"id": ACCOUNT,
        "changes": [{"field": "messages", "value": value}]}]});
    let body = serde_json::to_vec(&body).unwrap();
    let signed = signature(APP_SECRET, &body);
    (body, signed)
}
