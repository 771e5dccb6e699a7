//! The sequencer: gives committed events their numbers.
//!
//! An event's `serial` is no number for readers: it is taken before the commit, so 8 may be seen before 7 is,
//! and whoever reads "after 8" then never sees 7. Numbers are given to rows that are committed already, by one
//! at a time for each property: no number is ever seen before a smaller one.

use std::time::Duration;

use bellhop_domain::PropertyId;
use bellhop_domain::ports::Numbered;
use bellhop_entity::{event, event_log, property};
use futures_util::{StreamExt, stream};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, Statement,
};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::db::in_time;
use crate::error::Result;
use crate::{failpoint, numbers};

/// Events that one transaction numbers.
const GROUP: u64 = 1_000;
/// How often it looks without being woken: for what a process wrote that died right after its commit.
const SWEEP: Duration = Duration::from_secs(1);
/// Between two rounds: the commits meanwhile share a transaction, which matters where there is one writer.
const PAUSE: Duration = Duration::from_millis(10);
/// Properties that are numbered at a time.
const AT_ONCE: usize = 4;

/// Rows that others committed later with smaller serials get later numbers, which is all that commit order can
/// give; within a group, and so within everything that locks the same row, serials decide.
const NUMBER: &str = "\
    UPDATE events SET number = $1 + waiting.place \
    FROM (SELECT serial AS waits, row_number() OVER (ORDER BY serial) AS place \
        FROM (SELECT serial FROM events WHERE property_id = $2 AND number IS NULL \
            ORDER BY serial LIMIT $3) AS first) AS waiting \
    WHERE events.serial = waiting.waits";

impl App {
    /// Numbers events until the token is cancelled: right after a commit of this process, else every second.
    /// Any number of processes may do so.
    pub async fn number_events(&self, shutdown: CancellationToken) {
        let mut failing = false;
        while !shutdown.is_cancelled() {
            match self.number_waiting().await {
                Ok(()) => failing = false,
                Err(error) if failing => tracing::debug!(%error, "events still not numbered"),
                Err(error) => {
                    failing = true;
                    tracing::warn!(%error, "events not numbered; tried again every second");
                }
            }
            let pause = if failing { SWEEP } else { PAUSE };
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.db.committed() => {}
                () = tokio::time::sleep(SWEEP) => {}
            }
        }
    }

    /// One round: everything that is committed now, of every property.
    async fn number_waiting(&self) -> Result<()> {
        let properties = in_time(self.properties_waiting()).await?;
        let mut rounds =
            stream::iter(properties).map(|property| self.number_all(property)).buffer_unordered(AT_ONCE);
        let mut outcome = Ok(());
        while let Some(done) = rounds.next().await {
            // One hotel's trouble is not the others'.
            outcome = outcome.and(done);
        }
        outcome
    }

    async fn properties_waiting(&self) -> Result<Vec<PropertyId>> {
        let waits = Query::select()
            .expr(Expr::val(1))
            .from(event::Entity)
            .and_where(
                Expr::col((event::Entity, event::Column::PropertyId))
                    .equals((property::Entity, property::Column::Id)),
            )
            .and_where(Expr::col((event::Entity, event::Column::Number)).is_null())
            .take();
        // One look into the index for each property: DISTINCT would read all that waits.
        Ok(property::Entity::find()
            .select_only()
            .column(property::Column::Id)
            .filter(Expr::exists(waits))
            .into_tuple()
            .all(self.db.reader())
            .await?)
    }

    async fn number_all(&self, property: PropertyId) -> Result<()> {
        let mut full = 0;
        while in_time(self.number_group(property)).await? == GROUP {
            full += 1;
            if full == 1 {
                // A table believed to be small would be sorted for each group.
                self.count_again(&["events"]);
            }
        }
        Ok(())
    }

    /// Numbers the first that wait. How many.
    async fn number_group(&self, property: PropertyId) -> Result<u64> {
        let tx = self.db.begin_unheard().await?;
        let last = hold(&tx, property).await?;
        // A statement of its own, so that it sees what whoever held the row before has numbered.
        let values = [last.into(), property.into(), GROUP.cast_signed().into()];
        let number = Statement::from_sql_and_values(tx.get_database_backend(), NUMBER, values);
        let numbered = tx.execute_raw(number).await?.rows_affected();
        if numbered == 0 {
            // Somebody else was faster.
            tx.rollback().await?;
            return Ok(0);
        }
        let last = last + numbered.cast_signed();
        event_log::Entity::update_many()
            .col_expr(event_log::Column::LastNumber, Expr::value(last))
            .filter(event_log::Column::PropertyId.eq(property))
            .exec(&tx)
            .await?;
        failpoint::here("events_before_numbered");
        tx.commit().await?;
        failpoint::here("events_numbered");
        numbers::events_numbered(numbered);
        self.ports.wake.publish(Numbered { property, last });
        Ok(numbered)
    }
}

/// Locks the property's log until the transaction ends, which is the lease of who numbers: a death gives it
/// back. The last number.
async fn hold(tx: &DatabaseTransaction, property: PropertyId) -> Result<i64> {
    let locked = || event_log::Entity::find_by_id(property).lock_exclusive().one(tx);
    if let Some(log) = locked().await? {
        return Ok(log.last_number);
    }
    let first =
        event_log::ActiveModel { property_id: Set(property), last_number: Set(0), overwritten_to: Set(0) };
    event_log::Entity::insert(first)
        .on_conflict(OnConflict::column(event_log::Column::PropertyId).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(locked().await?.map_or(0, |log| log.last_number))
}
