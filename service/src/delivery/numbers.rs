//! What is counted of deliveries, beside the rows that stand for themselves.

use std::time::Duration;

use bellhop_domain::delivery::{Verdict, verdict};
use bellhop_entity::{delivery, subscription};
use chrono::{DateTime, Utc};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::app::App;
use crate::db::real_now;
use crate::error::Result;

const ATTEMPTS: &str = "bellhop_delivery_attempts_total";
pub(crate) const LATENCY: &str = "bellhop_delivery_attempt_seconds";
const AGE: &str = "bellhop_delivery_age_seconds";
const FAILING: &str = "bellhop_subscriptions_failing";
const STOPPED: &str = "bellhop_subscriptions_stopped";

pub(crate) fn describe() {
    describe_counter!(ATTEMPTS, "Requests to partners' webhooks by what came of them");
    describe_histogram!(LATENCY, "How long partners took to answer");
    describe_gauge!(AGE, "How long the oldest delivery that is due has been due");
    describe_gauge!(FAILING, "Webhooks that are active and whose last attempt failed");
    describe_gauge!(STOPPED, "Webhooks that get nothing because they failed for five days or are gone");
}

/// Counts a request; without a status there was no answer.
pub(super) fn attempted(took: Duration, status: Option<u16>) {
    let outcome = match status.map(verdict) {
        Some(Verdict::Taken) => "taken",
        Some(Verdict::Refused) => "refused",
        Some(Verdict::Gone) => "gone",
        None => "unanswered",
    };
    counter!(ATTEMPTS, "outcome" => outcome).increment(1);
    histogram!(LATENCY).record(took);
}

impl App {
    pub(crate) async fn read_delivery_gauges(&self) -> Result<()> {
        let now = real_now();
        let oldest: Option<Option<DateTime<Utc>>> = delivery::Entity::find()
            .select_only()
            .column_as(Expr::col(delivery::Column::DueAt).min(), "oldest")
            .filter(Expr::cust("status = 'pending'"))
            .filter(delivery::Column::SubscriptionId.in_subquery(among_active()))
            .filter(delivery::Column::DueAt.lte(now))
            .into_tuple()
            .one(self.db.reader())
            .await?;
        let age = oldest.flatten().and_then(|due| (now - due).to_std().ok()).unwrap_or_default();
        gauge!(AGE).set(age.as_secs_f64());
        let rows: Vec<(String, Option<DateTime<Utc>>)> = subscription::Entity::find()
            .select_only()
            .columns([subscription::Column::Status, subscription::Column::FailingSince])
            .filter(subscription::Column::RemovedAt.is_null())
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let failing = rows.iter().filter(|(status, since)| status == "active" && since.is_some()).count();
        let stopped = rows.iter().filter(|(status, _)| status == "suspended" || status == "disabled").count();
        gauge!(FAILING).set(failing as f64);
        gauge!(STOPPED).set(stopped as f64);
        Ok(())
    }
}

/// What is paused waits on purpose.
fn among_active() -> sea_orm::sea_query::SelectStatement {
    sea_orm::sea_query::Query::select()
        .column(subscription::Column::Id)
        .from(subscription::Entity)
        .and_where(Expr::cust("status = 'active'"))
        .and_where(subscription::Column::RemovedAt.is_null())
        .to_owned()
}
