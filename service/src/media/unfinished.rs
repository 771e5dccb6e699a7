//! Files that go again: taken back, refused, or left behind by a process that died.

use bellhop_entity::{media, media_fetch, media_upload};
use chrono::TimeDelta;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::db::real_now;
use crate::error::Result;
use crate::idempotency;

/// How long a receiver may be silent before a repeat of its request takes its place. It speaks every 10 s.
const SILENT: TimeDelta = TimeDelta::seconds(30);

/// How long the bytes of one that is silent are left where they are.
const SWEPT_AFTER: TimeDelta = TimeDelta::hours(1);

/// Files removed in one round.
const CHUNK: u64 = 100;

/// Whether somebody is still receiving this unfinished file.
pub(super) fn is_alive(row: &media::Model) -> bool {
    row.created_at + SILENT > real_now()
}

impl App {
    /// Removes a file. Its row is marked first and goes last: a death in between leaves it to the sweep.
    pub(super) async fn remove_media(&self, row: &media::Model) -> Result<()> {
        let tx = self.db.begin().await?;
        media::Entity::update_many()
            .col_expr(media::Column::Sha256, Expr::value(None::<String>))
            .col_expr(media::Column::CreatedAt, Expr::value(real_now()))
            .filter(media::Column::Id.eq(row.id))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        self.ports.media.delete(&row.storage_key).await?;
        let tx = self.db.begin().await?;
        idempotency::forget(&tx, row.id.uuid()).await?;
        media_upload::Entity::delete_many()
            .filter(media_upload::Column::MediaId.eq(row.id))
            .exec(&tx)
            .await?;
        media::Entity::delete_by_id(row.id).exec(&tx).await?;
        Ok(tx.commit().await?)
    }

    /// Removes what was never handed in whole. Returns how many files.
    pub(crate) async fn sweep_media(&self) -> Result<usize> {
        use media::Column;
        let fetched =
            Query::select().column(media_fetch::Column::MediaId).from(media_fetch::Entity).to_owned();
        let old = media::Entity::find()
            .filter(Expr::cust("sha256 IS NULL"))
            .filter(Column::CreatedAt.lte(real_now() - SWEPT_AFTER))
            // What guests sent is fetched, or waits for staff to have it fetched.
            .filter(Column::Id.not_in_subquery(fetched))
            .order_by_asc(Column::CreatedAt)
            .limit(CHUNK)
            .all(self.db.reader())
            .await?;
        for row in &old {
            self.remove_media(row).await?;
        }
        Ok(old.len())
    }
}
