//! Files that are not kept any more. Their rows say so first; their bytes go after that commit, by whoever comes by.

use bellhop_domain::conversation::Direction;
use bellhop_domain::{GuestId, MediaId, PropertyId};
use bellhop_entity::{media, media_fetch, media_upload, message};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Statement,
};

use super::overwrite::files_of;
use crate::app::App;
use crate::error::Result;
use crate::event::Scope;
use crate::failpoint;
use crate::rows::among;

/// Files whose bytes go in one round.
const PART: u64 = 100;
/// How far clocks may be apart that made two ids, in milliseconds.
const CLOCKS: u64 = 3_600_000;

/// Removed, and its bytes are there. As its index is written.
const UNNEEDED: &str = "removed_at IS NOT NULL AND storage_key <> ''";

impl App {
    /// The files that nobody but this guest has anything to do with: what the guest sent, and what was sent to
    /// nobody else.
    pub(super) async fn files_only_of(
        &self,
        guest: (PropertyId, GuestId),
        rows: &[message::Model],
    ) -> Result<Vec<MediaId>> {
        let mut files: Vec<(MediaId, Direction)> =
            rows.iter().flat_map(|row| files_of(row).into_iter().map(|id| (id, row.direction))).collect();
        files.sort_unstable_by_key(|(id, _)| *id);
        files.dedup_by_key(|(id, _)| *id);
        let mut only = Vec::with_capacity(files.len());
        for (id, direction) in files {
            let is_theirs = match direction {
                Direction::Inbound => true,
                Direction::Outbound => !self.is_used_by_others(guest, id).await?,
            };
            if is_theirs {
                only.push(id);
            }
        }
        Ok(only)
    }

    /// Whether the file was sent to somebody else too, or belongs to a batch.
    async fn is_used_by_others(&self, (property, guest): (PropertyId, GuestId), id: MediaId) -> Result<bool> {
        let db = self.db.reader();
        let like = format!("%{id}%");
        // Who names a file has a later id than the file: what is older is not read.
        let values = [property.into(), guest.into(), earliest(id).into(), like.into()];
        let used = Statement::from_sql_and_values(db.get_database_backend(), USED, values);
        Ok(db.query_one_raw(used).await?.is_some())
    }

    /// Removes the bytes of files that are marked. How many files.
    pub(crate) async fn delete_removed_files(&self) -> Result<u64> {
        let gone = media::Entity::find()
            .filter(Expr::cust(UNNEEDED))
            .order_by_asc(media::Column::RemovedAt)
            .limit(PART)
            .all(self.db.reader())
            .await?;
        for row in &gone {
            // One that a death has removed already is as good as removed now.
            self.ports.media.delete(&row.storage_key).await?;
            failpoint::here("file_removed");
            let tx = self.db.begin().await?;
            media::Entity::update_many()
                .col_expr(media::Column::StorageKey, Expr::value(""))
                .filter(media::Column::Id.eq(row.id))
                .filter(media::Column::StorageKey.eq(&row.storage_key))
                .exec(&tx)
                .await?;
            tx.commit().await?;
        }
        Ok(gone.len() as u64)
    }

    /// Whether bytes of removed files are still there.
    pub(super) async fn has_removed_files(&self, property: PropertyId) -> Result<bool> {
        let left = media::Entity::find()
            .filter(Expr::cust(UNNEEDED))
            .filter(media::Column::PropertyId.eq(property))
            .one(self.db.reader())
            .await?;
        Ok(left.is_some())
    }
}

const USED: &str = "\
    SELECT 1 AS used FROM messages m WHERE m.property_id = $1 AND m.id >= $3 AND m.guest_id <> $2 \
    AND m.erased_at IS NULL AND (CAST(m.content AS TEXT) LIKE $4 OR CAST(m.fallback AS TEXT) LIKE $4) \
    UNION ALL \
    SELECT 1 FROM batches b WHERE b.property_id = $1 AND b.id >= $3 AND CAST(b.fallback AS TEXT) LIKE $4 \
    LIMIT 1";

/// The first id that was made when this one was: the first six bytes of a UUIDv7 are its milliseconds.
fn earliest(id: MediaId) -> Uuid {
    let made = (id.uuid().as_u128() >> 80) as u64;
    Uuid::from_u128(u128::from(made.saturating_sub(CLOCKS)) << 80)
}

/// Marks files of the property: nobody can read or send them from this commit on, and nobody fetches them any more.
pub(super) async fn let_go(tx: &DatabaseTransaction, scope: Scope, ids: &[MediaId]) -> Result<()> {
    let ids = || ids.iter().copied();
    media_fetch::Entity::delete_many()
        .filter(among(tx, media_fetch::Column::MediaId, ids()))
        .exec(tx)
        .await?;
    media_upload::Entity::delete_many()
        .filter(among(tx, media_upload::Column::MediaId, ids()))
        .exec(tx)
        .await?;
    media::Entity::update_many()
        .col_expr(media::Column::RemovedAt, Expr::value(scope.at))
        .col_expr(media::Column::Filename, Expr::value(None::<String>))
        // Not absent, which would say that it is still coming in.
        .col_expr(media::Column::Sha256, Expr::value(""))
        .filter(media::Column::PropertyId.eq(scope.property))
        .filter(among(tx, media::Column::Id, ids()))
        .filter(media::Column::RemovedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_later_is_not_before_the_earliest() {
        let id = MediaId::new();
        assert!(earliest(id) < id.uuid());
        assert!(bellhop_domain::MessageId::new().uuid() > earliest(id));
    }
}
