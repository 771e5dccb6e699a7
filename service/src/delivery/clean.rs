//! Deliveries and their attempts are kept for a time only.

use bellhop_domain::DeliveryId;
use bellhop_domain::delivery::{DeliveryStatus, KEPT_FOR};
use bellhop_entity::{delivery, delivery_attempt};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::app::App;
use crate::db::real_now;
use crate::error::Result;
use crate::rows::among;

/// Removed in one transaction.
const PART: u64 = 500;
/// Removed in one round: the next one has its turn too.
const PARTS: usize = 200;

impl App {
    /// Removes what is too old; how many deliveries.
    pub(crate) async fn forget_deliveries(&self) -> Result<u64> {
        let mut all = 0;
        for _ in 0..PARTS {
            let before = real_now() - KEPT_FOR;
            let oldest: Vec<DeliveryId> = delivery::Entity::find()
                .select_only()
                .column(delivery::Column::Id)
                // Ids are in the order of their making, and by those there is an index.
                .filter(delivery::Column::Id.lt(DeliveryId::first_of(before.timestamp_millis())))
                .filter(delivery::Column::CreatedAt.lt(before))
                // A partner that is away for a month finds what waited for it.
                .filter(delivery::Column::Status.ne(DeliveryStatus::Pending))
                .order_by_asc(delivery::Column::Id)
                .limit(PART)
                .into_tuple()
                .all(self.db.reader())
                .await?;
            let tx = self.db.begin().await?;
            let ids = || oldest.iter().copied();
            delivery_attempt::Entity::delete_many()
                .filter(among(&tx, delivery_attempt::Column::DeliveryId, ids()))
                .exec(&tx)
                .await?;
            let gone = delivery::Entity::delete_many()
                .filter(among(&tx, delivery::Column::Id, ids()))
                .exec(&tx)
                .await?;
            tx.commit().await?;
            all += gone.rows_affected;
            if gone.rows_affected < PART {
                break;
            }
        }
        Ok(all)
    }
}
