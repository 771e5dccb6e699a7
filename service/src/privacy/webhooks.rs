//! Raw webhooks: dropped when they are of no more use, and looked through for people who are erased.

use bellhop_domain::webhook::ChangeOutcome;
use bellhop_domain::{PropertyId, WebhookChangeId};
use bellhop_entity::webhook_change::{self, Column};
use chrono::TimeDelta;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, LikeExpr};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;

use crate::app::App;
use crate::error::Result;
use crate::rows::among;

/// How long one that was applied is of use: for so long the provider repeats it.
const KEPT_FOR: TimeDelta = TimeDelta::days(7);
/// Removed in one transaction.
const PART: u64 = 500;
/// Removed in one round: the next one has its turn too.
const PARTS: usize = 200;
/// Looked through in one step.
const LOOKED_AT: u64 = 1_000;

impl App {
    /// Removes raw webhooks that were applied long enough ago. How many.
    pub(crate) async fn drop_applied_webhooks(&self) -> Result<u64> {
        let mut all = 0;
        for _ in 0..PARTS {
            let old: Vec<WebhookChangeId> = webhook_change::Entity::find()
                .select_only()
                .column(Column::Id)
                // As its index is written.
                .filter(Expr::cust("outcome = 'applied'"))
                .filter(Column::ReceivedAt.lt(self.now() - KEPT_FOR))
                .order_by_asc(Column::ReceivedAt)
                .limit(PART)
                .into_tuple()
                .all(self.db.reader())
                .await?;
            let found = old.len() as u64;
            if found > 0 {
                self.drop_changes(old).await?;
            }
            all += found;
            if found < PART {
                break;
            }
        }
        Ok(all)
    }

    pub(super) async fn drop_changes(&self, old: Vec<WebhookChangeId>) -> Result<()> {
        let tx = self.db.begin().await?;
        let old = among(&tx, Column::Id, old);
        webhook_change::Entity::delete_many().filter(old).exec(&tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The next part of all raw webhooks, by their ids: its end, and those in it that name somebody. `None` when
    /// there is no more.
    pub(super) async fn webhooks_naming(
        &self,
        property: PropertyId,
        words: &[String],
        after: Option<Uuid>,
    ) -> Result<Option<(Uuid, Vec<Uuid>)>> {
        let mut part = webhook_change::Entity::find();
        if let Some(after) = after {
            part = part.filter(Column::Id.gt(after));
        }
        let ids: Vec<Uuid> = part
            .select_only()
            .column(Column::Id)
            .order_by_asc(Column::Id)
            .limit(LOOKED_AT)
            .into_tuple()
            .all(self.db.reader())
            .await?;
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok(None) };
        let named: Vec<Uuid> = webhook_change::Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.between(*first, *last))
            // Those of nobody's number are no other hotel's either.
            .filter(Condition::any().add(Column::PropertyId.eq(property)).add(Column::PropertyId.is_null()))
            .filter(names("CAST(body AS TEXT)", words))
            .into_tuple()
            .all(self.db.reader())
            .await?;
        Ok(Some((*last, named)))
    }
}

/// Whether a text has one of these words in it.
pub(super) fn names(text: &'static str, words: &[String]) -> Condition {
    use sea_orm::sea_query::ExprTrait;
    let has = |word: &String| {
        let plain = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        Expr::cust(text).like(LikeExpr::new(format!("%{plain}%")).escape('\\'))
    };
    // Nobody to look for: nothing fits.
    let none = Condition::any().add(Expr::cust("1 = 0"));
    words.iter().map(has).fold(none, Condition::add)
}

/// Takes away what raw webhooks said. They count as applied: a repeat must not bring it back.
pub(super) async fn blank(tx: &DatabaseTransaction, ids: Vec<Uuid>) -> Result<()> {
    webhook_change::Entity::update_many()
        .col_expr(Column::Body, Expr::value(json!({})))
        .col_expr(Column::Error, Expr::value(None::<String>))
        .col_expr(Column::Outcome, Expr::value(ChangeOutcome::Applied))
        .filter(among(tx, Column::Id, ids))
        .exec(tx)
        .await?;
    Ok(())
}
