//! The processes that send: how many live, so that each takes its share of a pace that nobody
//! keeps for all of them.

use std::time::Duration;

use bellhop_entity::process;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::app::App;
use crate::db::real_now;
use crate::error::Result;

/// How often a process says that it lives.
pub const BEAT: Duration = Duration::from_secs(3);

/// Silent for longer: it sends no more. Three beats may get lost.
const LIVE_FOR: TimeDelta = TimeDelta::seconds(10);

/// Silent for longer: nobody needs to read of it.
const REMEMBERED_FOR: TimeDelta = TimeDelta::minutes(1);

/// This process, as the others see it.
#[derive(Debug, Clone)]
pub struct Member {
    id: Uuid,
    role: &'static str,
    started_at: DateTime<Utc>,
}

impl Member {
    /// A process that begins now; `role` is the name of its program.
    pub fn new(role: &'static str) -> Self {
        Self { id: Uuid::now_v7(), role, started_at: real_now() }
    }
}

impl App {
    /// Says that this process sends, and tells the limiter how many do. Returns the number.
    ///
    /// By the processes' own clocks, as leases are. A process that just came is unknown to the
    /// others until their next beat: for that long, all together are a little too fast.
    pub async fn beat(&self, me: &Member) -> Result<u32> {
        use process::Column;
        let now = real_now();
        let row = process::ActiveModel {
            id: Set(me.id),
            role: Set(me.role.to_owned()),
            started_at: Set(me.started_at),
            seen_at: Set(now),
        };
        let tx = self.db.begin().await?;
        process::Entity::insert(row)
            .on_conflict(OnConflict::column(Column::Id).update_column(Column::SeenAt).to_owned())
            .exec_without_returning(&tx)
            .await?;
        process::Entity::delete_many().filter(Column::SeenAt.lt(now - REMEMBERED_FOR)).exec(&tx).await?;
        let live: Option<i64> = process::Entity::find()
            .select_only()
            .column_as(Expr::col(Column::Id).count(), "live")
            .filter(Column::SeenAt.gte(now - LIVE_FOR))
            .into_tuple()
            .one(&tx)
            .await?;
        tx.commit().await?;
        // At least this one, which is in the table.
        let live = live.and_then(|live| u32::try_from(live).ok()).unwrap_or(1);
        self.ports.limiter.share_among(live);
        Ok(live)
    }

    /// The process stops: its share goes to the others at their next beat.
    pub async fn leave(&self, me: &Member) -> Result<()> {
        let tx = self.db.begin().await?;
        process::Entity::delete_by_id(me.id).exec(&tx).await?;
        tx.commit().await?;
        Ok(())
    }
}
