//! The relay: publishes hints for messages that are due and that nobody has claimed.

use std::time::Duration;

use bellhop_domain::MessageId;
use bellhop_domain::ports::{Hint, Subscription};
use bellhop_entity::outbox;
use chrono::TimeDelta;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::db::{in_time, real_now};
use crate::error::Result;
use crate::failpoint;

/// Rows taken in one transaction.
const CHUNK: u64 = 100;

impl App {
    /// The hints that others published.
    pub async fn subscribe(&self) -> Result<Box<dyn Subscription>> {
        Ok(self.ports.queue.subscribe().await?)
    }

    /// Publishes hints for what is due. Returns how many.
    ///
    /// A row is not deleted by this: its next publication moves a lease ahead, so a hint that
    /// gets lost, with its broker or with its consumer, is followed by another.
    pub async fn relay_outbox(&self) -> Result<usize> {
        let mut published = 0;
        loop {
            let due = in_time(self.take_due()).await?;
            if due.is_empty() {
                return Ok(published);
            }
            failpoint::here("outbox_taken");
            // A message each: a conversation that waits must not hold up an acknowledgement.
            for id in &due {
                if let Err(error) = self.ports.queue.publish(&Hint::Messages(vec![*id])).await {
                    self.publish_again(&due).await?;
                    return Err(error.into());
                }
                published += 1;
            }
            failpoint::here("outbox_published");
            if (due.len() as u64) < CHUNK {
                return Ok(published);
            }
        }
    }

    async fn take_due(&self) -> Result<Vec<MessageId>> {
        let now = real_now();
        let next = now + TimeDelta::from_std(self.config.lease).unwrap_or(TimeDelta::seconds(20));
        let due = Query::select()
            .column(outbox::Column::MessageId)
            .from(outbox::Entity)
            .and_where(outbox::Column::PublishAt.lte(now))
            .order_by(outbox::Column::PublishAt, sea_orm::sea_query::Order::Asc)
            .limit(CHUNK)
            .to_owned();
        // Without this look the writer would be taken four times a second for nothing.
        let any =
            outbox::Entity::find().filter(outbox::Column::PublishAt.lte(now)).one(self.db.reader()).await?;
        if any.is_none() {
            return Ok(Vec::new());
        }
        let tx = self.db.begin().await?;
        let mut rows = outbox::Entity::update_many()
            .col_expr(outbox::Column::PublishAt, Expr::value(next))
            .filter(outbox::Column::MessageId.in_subquery(due))
            .filter(outbox::Column::PublishAt.lte(now))
            .exec_with_returning(&tx)
            .await?;
        tx.commit().await?;
        rows.sort_unstable_by_key(|row| row.message_id);
        Ok(rows.into_iter().map(|row| row.message_id).collect())
    }

    /// The broker did not take them: due again in a second.
    async fn publish_again(&self, messages: &[MessageId]) -> Result<()> {
        let soon = real_now() + TimeDelta::from_std(Duration::from_secs(1)).unwrap_or_default();
        let tx = self.db.begin().await?;
        outbox::Entity::update_many()
            .col_expr(outbox::Column::PublishAt, Expr::value(soon))
            .filter(outbox::Column::MessageId.is_in(messages.iter().copied()))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
