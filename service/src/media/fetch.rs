//! Files that guests sent, on their way here. A fetch is its claimer's until its lease runs out; who has it goes on
//! with the next one that is due.

use std::sync::Arc;

use bellhop_domain::MediaId;
use bellhop_entity::media_fetch;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::db::{in_time, real_now};
use crate::error::Result;
use crate::failpoint;

/// Files that a process fetches at a time. Each holds two parts of 5 MB at most.
const ROOM: usize = 6;

/// Due fetches that are looked at for one that nobody has.
const CHOICE: u64 = 16;

/// Room for the fetches of this process.
pub(crate) struct Fetches(Arc<Semaphore>);

impl Default for Fetches {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM)))
    }
}

/// A fetch that is this task's until the lease runs out, which it renews.
pub(super) struct Claim {
    pub row: media_fetch::Model,
    pub token: Uuid,
}

impl App {
    /// Begins to fetch what is due, unless this process fetches as many files as it may: then one of those goes on
    /// with it.
    pub(crate) fn start_fetching(&self) {
        let Ok(place) = Arc::clone(&self.fetches.0).try_acquire_owned() else { return };
        let app = self.clone();
        self.tasks.spawn(async move {
            if let Err(error) = app.fetch_what_is_due().await {
                // The lease runs out, and the sweep takes over.
                tracing::error!(%error, "guests' files not fetched");
            }
            drop(place);
        });
    }

    /// Begins what nobody has begun: what waited for its next attempt, and what a death left. No message changes
    /// its state by it.
    pub(crate) async fn start_due_fetches(&self) -> Result<usize> {
        let due = self.due_fetches(self.fetches.0.available_permits() as u64).await?;
        due.iter().for_each(|_| self.start_fetching());
        Ok(0)
    }

    async fn fetch_what_is_due(&self) -> Result<()> {
        while !self.tasks.is_closed()
            && let Some(claim) = in_time(self.claim_fetch()).await?
        {
            failpoint::here("fetch_claimed");
            let media = claim.row.media_id;
            let Some(outcome) = self.while_held(&claim, self.bring_in(&claim)).await else {
                tracing::warn!(%media, "a file's lease was lost; somebody else fetches it");
                continue;
            };
            match outcome {
                Ok(arrived) => in_time(self.complete_fetch(&claim, arrived)).await?,
                Err(miss) => in_time(self.miss_fetch(&claim, miss)).await?,
            }
        }
        Ok(())
    }

    async fn due_fetches(&self, most: u64) -> Result<Vec<MediaId>> {
        Ok(media_fetch::Entity::find()
            .select_only()
            .column(media_fetch::Column::MediaId)
            .filter(is_due())
            .order_by_asc(media_fetch::Column::DueAt)
            .limit(most)
            .into_tuple()
            .all(self.db.reader())
            .await?)
    }

    async fn claim_fetch(&self) -> Result<Option<Claim>> {
        use media_fetch::Column;
        for media in self.due_fetches(CHOICE).await? {
            let token = crate::send::lease_token();
            let tx = self.db.begin().await?;
            let claimed = media_fetch::Entity::update_many()
                .col_expr(Column::LeaseToken, Expr::value(token))
                .col_expr(Column::LeaseUntil, Expr::value(real_now() + self.fetch_lease()))
                .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
                .filter(Column::MediaId.eq(media))
                .filter(is_due())
                .exec_with_returning(&tx)
                .await?;
            tx.commit().await?;
            if let Some(row) = claimed.into_iter().next() {
                return Ok(Some(Claim { row, token }));
            }
        }
        Ok(None)
    }

    fn fetch_lease(&self) -> TimeDelta {
        TimeDelta::from_std(self.config.lease).unwrap_or(TimeDelta::seconds(20))
    }

    /// Works under the lease, renewing it. `None` when somebody else has it: then the work was dropped.
    async fn while_held<T>(&self, claim: &Claim, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            if let Ok(done) = tokio::time::timeout(self.config.lease / 3, &mut work).await {
                return Some(done);
            }
            match in_time(self.renew(claim)).await {
                Ok(true) => {}
                Ok(false) => return None,
                // Whether the lease is lost, is asked again before anything of the file counts.
                Err(error) => {
                    tracing::warn!(media = %claim.row.media_id, %error, "a file's lease not renewed");
                }
            }
        }
    }

    async fn renew(&self, claim: &Claim) -> Result<bool> {
        use media_fetch::Column;
        let tx = self.db.begin().await?;
        let held = media_fetch::Entity::update_many()
            .col_expr(Column::LeaseUntil, Expr::value(real_now() + self.fetch_lease()))
            .filter(Column::MediaId.eq(claim.row.media_id))
            .filter(Column::LeaseToken.eq(claim.token))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(held.rows_affected == 1)
    }
}

/// Nobody has it, and its time has come.
fn is_due() -> Condition {
    use media_fetch::Column;
    let now = real_now();
    Condition::all()
        // Written out, so that SQLite sees that the partial index fits.
        .add(Expr::cust("status = 'pending'"))
        .add(Column::DueAt.lte(now))
        .add(nobody_has_it(now))
}

/// Its lease ran out, or there is none.
pub(super) fn nobody_has_it(now: DateTime<Utc>) -> Condition {
    use media_fetch::Column;
    Condition::any().add(Column::LeaseUntil.is_null()).add(Column::LeaseUntil.lte(now))
}
