//! Which process delivers a property's events.

use bellhop_domain::PropertyId;
use bellhop_entity::delivery_lease;
use chrono::TimeDelta;
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::lease_of;
use crate::app::App;
use crate::db::real_now;
use crate::error::Result;

impl App {
    /// Takes or renews the lease; whether it is this process's now.
    pub(super) async fn hold_deliveries(&self, property: PropertyId, token: Uuid) -> Result<bool> {
        use delivery_lease::Column;
        let now = real_now();
        let until = now + TimeDelta::from_std(lease_of(&self.config)).unwrap_or(TimeDelta::seconds(10));
        let row =
            delivery_lease::ActiveModel { property_id: Set(property), token: Set(token), until: Set(until) };
        let free = Expr::col((delivery_lease::Entity, Column::Until)).lte(now).or(Expr::col((
            delivery_lease::Entity,
            Column::Token,
        ))
        .eq(token));
        let taken = OnConflict::column(Column::PropertyId)
            .update_columns([Column::Token, Column::Until])
            .action_and_where(free)
            .to_owned();
        let tx = self.db.begin().await?;
        let held = delivery_lease::Entity::insert(row).on_conflict(taken).exec_without_returning(&tx).await?;
        tx.commit().await?;
        Ok(held == 1)
    }

    /// Lets another process begin at once.
    pub(super) async fn release_deliveries(&self, token: Uuid) -> Result<()> {
        let tx = self.db.begin().await?;
        delivery_lease::Entity::delete_many()
            .filter(delivery_lease::Column::Token.eq(token))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
