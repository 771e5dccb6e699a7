//! Leases: who may send a message, and until when.

use std::time::Duration;

use bellhop_domain::attempt::AttemptOutcome;
use bellhop_domain::status::Evidence;
use bellhop_domain::{ConversationId, MessageId, MessageStatus};
use bellhop_entity::{attempt, message, outbox};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query};
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter};

use super::{Change, in_lane, settle};
use crate::app::App;
use crate::consent::{Gate, NotWanted};
use crate::conversation;
use crate::db::{Transaction, real_now};
use crate::error::Result;
use crate::event::Scope;
use crate::message::lock;

/// A message that is this task's to send until the lease runs out. Real time.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub message: MessageId,
    pub token: Uuid,
    pub until: DateTime<Utc>,
}

/// What became of a claimed message that was to go on the wire.
pub(super) enum Begun {
    OnWire(Box<message::Model>),
    /// It has failed: the guest does not want it.
    NotWanted(ConversationId),
    /// Its lease was lost, or another message of the conversation is on the wire: nothing may be sent.
    NotOurs,
}

impl Claim {
    pub fn new(message: MessageId, lease: Duration) -> Self {
        let lease = TimeDelta::from_std(lease).unwrap_or(TimeDelta::seconds(20));
        Self { message, token: crate::send::lease_token(), until: real_now() + lease }
    }

    /// How long a call may take so that its answer is stored before the lease runs out.
    pub fn call_deadline(&self, lease: Duration) -> Option<Duration> {
        let margin = (lease / 5).min(Duration::from_secs(2));
        // A clock that was set back must not make the call outlast the lease.
        let left = (self.until - Utc::now()).to_std().ok()?.min(lease);
        left.checked_sub(margin).filter(|left| !left.is_zero())
    }
}

impl App {
    /// Claims the head of a lane, if it is due and nobody else's.
    pub(super) async fn claim_head(&self, conversation: ConversationId) -> Result<Option<Claim>> {
        use message::Column;
        let head = Query::select()
            .expr(Expr::col(Column::Id))
            .from(message::Entity)
            .and_where(Column::ConversationId.eq(conversation))
            .and_where(in_lane())
            // A message on the wire heads its lane also when an earlier one came back from doubt.
            .order_by_expr(Expr::cust("CASE WHEN status = 'sending' THEN 0 ELSE 1 END"), Order::Asc)
            .order_by(Column::Seq, Order::Asc)
            .limit(1)
            .to_owned();
        // Mostly the lane is empty by now: a look costs less than taking the writer.
        if !self.is_anything_due(conversation).await? {
            return Ok(None);
        }
        let tx = self.db.begin().await?;
        let now = real_now();
        let mut claim = Claim::new(MessageId::new(), self.config.lease);
        let claimed = message::Entity::update_many()
            .col_expr(Column::LeaseToken, Expr::value(claim.token))
            .col_expr(Column::LeaseUntil, Expr::value(claim.until))
            .filter(Column::Id.in_subquery(head))
            .filter(Column::Status.eq(MessageStatus::Queued))
            .filter(Column::DueAt.lte(now))
            .filter(Condition::any().add(Column::LeaseUntil.is_null()).add(Column::LeaseUntil.lte(now)))
            .exec_with_returning(&tx)
            .await?;
        let Some(row) = claimed.into_iter().next() else { return Ok(None) };
        // The next hint when the lease is over, should this process die.
        publish_at(&tx, row.id, claim.until).await?;
        tx.commit().await?;
        claim.message = row.id;
        Ok(Some(claim))
    }

    async fn is_anything_due(&self, conversation: ConversationId) -> Result<bool> {
        let queued = message::Entity::find()
            .filter(message::Column::ConversationId.eq(conversation))
            .filter(in_lane())
            .filter(message::Column::Status.eq(MessageStatus::Queued))
            .filter(message::Column::DueAt.lte(real_now()));
        Ok(queued.one(self.db.reader()).await?.is_some())
    }

    /// Writes down that an attempt is about to be on the wire. Whoever opts the guest out waits for the
    /// conversation, or is seen here.
    pub(super) async fn begin_attempt(&self, claim: &Claim, row: &message::Model) -> Result<Begun> {
        use message::Column;
        let tx = self.db.begin().await?;
        let lane = conversation::lock(&tx, row.property_id, row.conversation_id).await?;
        let conversation = lane.id;
        // Only now: it may have been a long wait for the lock.
        let now = real_now();
        if another_is_sending(&tx, conversation).await? {
            tx.rollback().await?;
            // Whoever settles it goes on with the lane.
            self.give_back(claim, Duration::ZERO).await?;
            return Ok(Begun::NotOurs);
        }
        if let Some(not_wanted) = Gate::check(&tx, row.property_id, lane.guest_id, &[&row.content]).await? {
            return self.end_unwanted(tx, claim, not_wanted).await;
        }
        let rows = message::Entity::update_many()
            .col_expr(Column::Status, Expr::value(MessageStatus::Sending))
            .col_expr(Column::Attempt, Expr::col(Column::Attempt).add(1))
            .filter(Column::Id.eq(claim.message))
            .filter(Column::Status.eq(MessageStatus::Queued))
            .filter(Column::ConversationId.eq(conversation))
            .filter(Column::LeaseToken.eq(claim.token))
            .filter(Column::LeaseUntil.gt(now))
            .exec_with_returning(&tx)
            .await?;
        let Some(row) = rows.into_iter().next() else { return Ok(Begun::NotOurs) };
        let attempt = attempt::ActiveModel {
            message_id: Set(row.id),
            number: Set(row.attempt),
            property_id: Set(row.property_id),
            connection_id: Set(row.connection_id),
            outcome: Set(AttemptOutcome::Calling),
            started_at: Set(now),
            ..Default::default()
        };
        attempt::Entity::insert(attempt).exec_without_returning(&tx).await?;
        tx.commit().await?;
        Ok(Begun::OnWire(Box::new(row)))
    }

    /// Ends a claimed message that its guest does not want.
    async fn end_unwanted(&self, tx: Transaction, claim: &Claim, not_wanted: NotWanted) -> Result<Begun> {
        let row = lock(&tx, claim.message).await?;
        if row.lease_token != Some(claim.token) || row.status != MessageStatus::Queued {
            return Ok(Begun::NotOurs);
        }
        let scope = Scope { property: row.property_id, at: self.now() };
        let change = Change::failed(not_wanted.failure(), Evidence::Dispatch);
        let row = settle(&tx, scope, row, change).await?;
        tx.commit().await?;
        Ok(Begun::NotWanted(row.conversation_id))
    }

    /// Gives a claimed message back untried, due after `delay`.
    pub(super) async fn give_back(&self, claim: &Claim, delay: Duration) -> Result<()> {
        use message::Column;
        let due = real_now() + TimeDelta::from_std(delay).unwrap_or(TimeDelta::seconds(1));
        let tx = self.db.begin().await?;
        let given = message::Entity::update_many()
            .col_expr(Column::DueAt, Expr::value(due))
            .col_expr(Column::LeaseToken, Expr::value(None::<Uuid>))
            .col_expr(Column::LeaseUntil, Expr::value(None::<DateTime<Utc>>))
            .filter(Column::Id.eq(claim.message))
            .filter(Column::Status.eq(MessageStatus::Queued))
            .filter(Column::LeaseToken.eq(claim.token))
            .exec(&tx)
            .await?;
        if given.rows_affected == 1 {
            publish_at(&tx, claim.message, due).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

async fn publish_at(tx: &DatabaseTransaction, message: MessageId, at: DateTime<Utc>) -> Result<()> {
    outbox::Entity::update_many()
        .col_expr(outbox::Column::PublishAt, Expr::value(at))
        .filter(outbox::Column::MessageId.eq(message))
        .exec(tx)
        .await?;
    Ok(())
}

async fn another_is_sending(tx: &DatabaseTransaction, conversation: ConversationId) -> Result<bool> {
    let sending = message::Entity::find()
        .filter(message::Column::ConversationId.eq(conversation))
        .filter(in_lane())
        .filter(message::Column::Status.eq(MessageStatus::Sending));
    Ok(sending.one(tx).await?.is_some())
}
