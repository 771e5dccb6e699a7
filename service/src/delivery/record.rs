//! What came of attempts, stored by groups.

use std::collections::BTreeMap;

use bellhop_domain::delivery::DeliveryStatus;
use bellhop_domain::subscription::{FAILS_FOR, SubscriptionStatus};
use bellhop_domain::{DeliveryId, SubscriptionId};
use bellhop_entity::subscription;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, Value};

use super::{BREAKS_AFTER, lock_in_order};
use crate::app::App;
use crate::db::{in_time, real_now};
use crate::error::Result;
use crate::failpoint;
use crate::gather::Asked;
use crate::rows::{Rows, among};
use crate::subscription::stop;

/// One request to a partner, and what follows from its answer.
#[derive(Clone)]
pub(super) struct Outcome {
    pub subscription: SubscriptionId,
    pub delivery: DeliveryId,
    /// Of the attempt, from 1.
    pub number: i32,
    pub url: String,
    pub timestamp: i64,
    /// Its headers and the body's size, for the log.
    pub request: serde_json::Value,
    pub took_ms: i32,
    pub status: Option<u16>,
    pub error: Option<String>,
    pub answer: String,
    pub next: Next,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Next {
    Delivered,
    Again {
        failures: i32,
        due_at: DateTime<Utc>,
        holds_until: DateTime<Utc>,
    },
    /// The attempts are used up.
    Failed {
        failures: i32,
    },
    /// The receiver wants nothing any more.
    Gone {
        failures: i32,
    },
}

impl Next {
    fn status(self) -> DeliveryStatus {
        match self {
            Self::Delivered => DeliveryStatus::Delivered,
            // The receiver's events wait, this one with them.
            Self::Again { .. } | Self::Gone { .. } => DeliveryStatus::Pending,
            Self::Failed { .. } => DeliveryStatus::Failed,
        }
    }

    fn failures(self) -> i32 {
        match self {
            Self::Delivered => 0,
            Self::Again { failures, .. } | Self::Failed { failures } | Self::Gone { failures } => failures,
        }
    }
}

/// How the attempts of a group went for one subscription.
#[derive(Default)]
struct Tally {
    taken: bool,
    failed: i32,
    gone: bool,
}

impl App {
    /// Returns when it is stored; `false` when it cannot be: then the row says that the delivery is still to be made.
    pub(super) async fn record_delivery(&self, outcome: Outcome) -> bool {
        let app = self.clone();
        let store = move |group| {
            let app = app.clone();
            async move { app.store_outcomes(group).await }
        };
        self.deliveries.recorder.submit(&self.tasks, outcome, store).await.is_some()
    }

    async fn store_outcomes(&self, mut group: Vec<Asked<Outcome, ()>>) {
        // In the order in which others lock them.
        group.sort_unstable_by_key(|asked| asked.what.delivery);
        let outcomes: Vec<&Outcome> = group.iter().map(|asked| &asked.what).collect();
        match in_time(self.write_outcomes(&outcomes)).await {
            Ok(()) => group.into_iter().for_each(|asked| asked.answer(())),
            // Dropped, those who wait learn that nothing is stored.
            Err(error) => {
                tracing::warn!(%error, "what came of deliveries was not stored; they are made again");
            }
        }
    }

    async fn write_outcomes(&self, group: &[&Outcome]) -> Result<()> {
        let now = real_now();
        let tx = self.db.begin().await?;
        let rows = Rows::new(COLUMNS, group.iter().map(|outcome| columns(outcome, now)));
        rows.run(&tx, DELIVERIES, []).await?;
        rows.run(&tx, ATTEMPTS, [now.into()]).await?;
        let stopped = self.tell_subscriptions(&tx, group).await?;
        failpoint::here("delivery_before_commit");
        tx.commit().await?;
        if stopped {
            self.deliveries.changed();
        }
        Ok(())
    }

    /// Whether one was stopped.
    async fn tell_subscriptions(&self, tx: &DatabaseTransaction, group: &[&Outcome]) -> Result<bool> {
        let mut tallies: BTreeMap<SubscriptionId, Tally> = BTreeMap::new();
        for outcome in group {
            let tally = tallies.entry(outcome.subscription).or_default();
            match outcome.next {
                Next::Delivered => tally.taken = true,
                Next::Again { .. } | Next::Failed { .. } => tally.failed += 1,
                Next::Gone { .. } => (tally.failed, tally.gone) = (tally.failed + 1, true),
            }
        }
        let now = self.now();
        let spoken_of = now - TimeDelta::seconds(1);
        lock_in_order(tx, will_change(tx, &tallies, spoken_of)).await?;
        let rows = tallies.iter().map(|(id, tally)| [(*id).into(), tally.taken.into(), tally.failed.into()]);
        let rows = Rows::new([("sid", "uuid"), ("taken", "bool"), ("failed", "int4")], rows);
        rows.run(tx, SUBSCRIPTIONS, [now.into(), spoken_of.into()]).await?;
        let failed = tallies.iter().filter(|(_, tally)| tally.failed > 0).map(|(id, _)| *id);
        let failed: Vec<SubscriptionId> = failed.collect();
        if failed.is_empty() {
            return Ok(false);
        }
        let gone = tallies.iter().filter(|(_, tally)| tally.gone).map(|(id, _)| *id);
        let for_long = Condition::all()
            .add(subscription::Column::FailingSince.lte(now - FAILS_FOR))
            // Two in a quiet week are no such time.
            .add(subscription::Column::Failures.gte(BREAKS_AFTER));
        let over = Condition::any().add(for_long).add(among(tx, subscription::Column::Id, gone));
        let over = subscription::Entity::find()
            .filter(among(tx, subscription::Column::Id, failed))
            .filter(subscription::Column::Status.eq(SubscriptionStatus::Active))
            .filter(over)
            .all(tx)
            .await?;
        let any = !over.is_empty();
        for row in over {
            let gone = tallies.get(&row.id).is_some_and(|tally| tally.gone);
            let status = if gone { SubscriptionStatus::Disabled } else { SubscriptionStatus::Suspended };
            stop(tx, now, row, status).await?;
        }
        Ok(any)
    }
}

/// Those that [`SUBSCRIPTIONS`] writes.
fn will_change(
    tx: &DatabaseTransaction,
    tallies: &BTreeMap<SubscriptionId, Tally>,
    spoken_of: DateTime<Utc>,
) -> Condition {
    use subscription::Column;
    let some = |taken: bool| {
        let some = tallies.iter().filter(move |(_, tally)| tally.taken == taken).map(|(id, _)| *id);
        among(tx, Column::Id, some)
    };
    let news = Condition::any()
        .add(Column::FailingSince.is_not_null())
        .add(Column::DeliveredAt.is_null())
        .add(Column::DeliveredAt.lt(spoken_of));
    Condition::any().add(some(false)).add(Condition::all().add(some(true)).add(news))
}

const COLUMNS: [(&str, &str); 14] = [
    ("did", "uuid"),
    ("status", "text"),
    ("n", "int4"),
    ("failures", "int4"),
    ("due", "timestamptz"),
    ("holds", "timestamptz"),
    ("ended", "timestamptz"),
    ("code", "int4"),
    ("error", "text"),
    ("url", "text"),
    ("ts", "int8"),
    ("answer", "text"),
    ("took", "int4"),
    ("req", "jsonb"),
];

const DELIVERIES: &str = "\
    UPDATE deliveries SET status = v.status, attempts = v.n, failures = v.failures, due_at = v.due, \
    holds_until = v.holds, ended_at = v.ended, last_status = v.code, last_error = v.error \
    FROM v WHERE deliveries.id = v.did AND deliveries.status = 'pending'";

/// What a receiver answered may quote what it was told, which was erased since.
const ATTEMPTS: &str = "\
    INSERT INTO delivery_attempts \
    (delivery_id, number, url, timestamp, status, error, answer, took_ms, request, created_at) \
    SELECT did, n, url, ts, code, error, CASE WHEN answer <> '' AND EXISTS (SELECT 1 FROM deliveries d \
        JOIN events e ON e.id = d.event_id WHERE d.id = v.did AND e.erased_at IS NOT NULL) \
        THEN '' ELSE answer END, took, req, {0} FROM v WHERE true \
    ON CONFLICT (delivery_id, number) DO NOTHING";

/// Where nothing changes, and that was said a moment ago, nothing is written.
const SUBSCRIPTIONS: &str = "\
    UPDATE subscriptions SET \
    failing_since = CASE WHEN v.taken THEN NULL ELSE COALESCE(failing_since, {0}) END, \
    failures = CASE WHEN v.taken THEN 0 ELSE subscriptions.failures + v.failed END, \
    delivered_at = CASE WHEN v.taken THEN {0} ELSE delivered_at END \
    FROM v WHERE subscriptions.id = v.sid \
    AND (NOT v.taken OR failing_since IS NOT NULL OR delivered_at IS NULL OR delivered_at < {1})";

fn columns(outcome: &Outcome, now: DateTime<Utc>) -> [Value; COLUMNS.len()] {
    let (due, holds, ended) = match outcome.next {
        Next::Again { due_at, holds_until, .. } => (due_at, Some(holds_until), None),
        Next::Gone { .. } => (now, None, None),
        Next::Delivered | Next::Failed { .. } => (now, None, Some(now)),
    };
    [
        outcome.delivery.into(),
        outcome.next.status().as_str().into(),
        outcome.number.into(),
        outcome.next.failures().into(),
        due.into(),
        holds.into(),
        ended.into(),
        outcome.status.map(i32::from).into(),
        outcome.error.clone().into(),
        outcome.url.clone().into(),
        outcome.timestamp.into(),
        outcome.answer.clone().into(),
        outcome.took_ms.into(),
        outcome.request.clone().into(),
    ]
}
