//! How far batches are: told while they go, seldom, and only what is new.

use std::time::{Duration, Instant};

use bellhop_domain::batch::BatchStatus;
use bellhop_domain::event::EventType;
use bellhop_entity::batch;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::receive::told;
use crate::app::App;
use crate::db::real_now;
use crate::error::Result;
use crate::event::{self, Scope};

/// A batch is told of at most once in this time.
const EVERY: Duration = Duration::from_secs(5);

/// Counting takes at most one part in so many of the time.
const SHARE: u32 = 20;

/// Batches of one round.
const MOST: u64 = 20;

impl App {
    /// One round. How many batches were told of.
    pub(crate) async fn tell_of_progress(&self) -> Result<usize> {
        let due = batch::Entity::find()
            .filter(is_due(real_now()))
            .order_by_asc(batch::Column::Id)
            .limit(MOST)
            .all(self.db.reader())
            .await?;
        let mut changed = 0;
        for row in due {
            changed += usize::from(self.tell_progress_of(row).await?);
        }
        Ok(changed)
    }

    async fn tell_progress_of(&self, row: batch::Model) -> Result<bool> {
        use batch::Column;
        let began = Instant::now();
        let counts = json!(self.count(&row).await?.by_status);
        let pause = EVERY.max(began.elapsed() * SHARE);
        let (text, now) = (counts.to_string(), real_now());
        let next = now + TimeDelta::from_std(pause).unwrap_or(TimeDelta::MAX);
        let tx = self.db.begin().await?;
        // Whoever comes first tells: the others find that it is not due any more.
        let taken = batch::Entity::update_many()
            .col_expr(Column::ProgressDueAt, Expr::value(next))
            .col_expr(Column::Progress, Expr::value(text.clone()))
            .filter(Column::Id.eq(row.id))
            .filter(is_due(now))
            .exec(&tx)
            .await?;
        let is_news = taken.rows_affected == 1 && row.progress.as_ref() != Some(&text);
        if is_news {
            let scope = Scope { property: row.property_id, at: self.now() };
            let mut data = told(&row);
            data["counts"] = counts;
            event::record(&tx, scope, EventType::BatchProgress, data).await?;
        }
        tx.commit().await?;
        Ok(is_news)
    }
}

fn is_due(now: DateTime<Utc>) -> Condition {
    use batch::Column;
    let looked = Condition::any().add(Column::ProgressDueAt.is_null()).add(Column::ProgressDueAt.lte(now));
    Condition::all().add(Column::Status.eq(BatchStatus::Running)).add(looked)
}
