//! The step onto the wire, for a group: one transaction, committed before the first call.

use std::collections::HashSet;

use bellhop_domain::attempt::AttemptOutcome;
use bellhop_domain::batch::BatchStatus;
use bellhop_domain::conversation::ConversationStatus;
use bellhop_domain::event::EventType;
use bellhop_domain::{ConversationId, GuestId, MessageId, MessageStatus, window};
use bellhop_entity::{attempt, batch, conversation, message};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, LockType};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::chunk::Chunk;
use super::prepare::Prepared;
use crate::app::App;
use crate::db::real_now;
use crate::dispatch::in_lane;
use crate::error::Result;
use crate::event::{self, Scope};

/// What became of a group.
#[derive(Debug)]
pub(super) enum Begun {
    Group {
        /// On their way, with their attempts written down.
        went: Vec<message::Model>,
        /// Their window closed meanwhile.
        closed: Vec<MessageId>,
    },
    /// The batch may not send any more, or the chunk is somebody else's by now.
    Halted,
}

/// A conversation that a message of the group goes into.
struct Lane {
    id: ConversationId,
    guest: GuestId,
    window: Option<DateTime<Utc>>,
    resolved: bool,
}

impl App {
    /// Writes down that a group is about to be on the wire.
    pub(super) async fn begin_group(&self, chunk: Chunk, group: &[&Prepared]) -> Result<Begun> {
        let tx = self.db.begin().await?;
        // Shared, and held until the commit: whoever pauses or cancels waits for this group, and
        // after their commit no other begins.
        let status: Option<BatchStatus> = batch::Entity::find_by_id(chunk.batch)
            .select_only()
            .column(batch::Column::Status)
            .lock(LockType::Share)
            .into_tuple()
            .one(&tx)
            .await?;
        if !status.is_some_and(BatchStatus::sends) || !self.renew_chunk(&tx, chunk).await? {
            return Ok(Begun::Halted);
        }
        let now = self.now();
        let lanes = lock_lanes(&tx, group).await?;
        let busy = busy_lanes(&tx, &lanes).await?;
        let (mut going, mut closed) = (Vec::with_capacity(group.len()), Vec::new());
        let mut into = HashSet::with_capacity(group.len());
        for prepared in group {
            let Some(lane) = lanes.iter().find(|lane| lane.id == prepared.conversation) else { continue };
            if busy.contains(&lane.id) {
                continue;
            }
            if prepared.needs_window && !window::is_open(lane.window, now) {
                closed.push(prepared.id);
            } else {
                going.push(prepared.id);
                into.insert(lane.id);
            }
        }
        let went = match going.is_empty() {
            true => Vec::new(),
            false => self.put_on_wire(&tx, &lanes, (going, into)).await?,
        };
        tx.commit().await?;
        Ok(Begun::Group { went, closed })
    }

    async fn put_on_wire(
        &self,
        tx: &DatabaseTransaction,
        lanes: &[Lane],
        (going, into): (Vec<MessageId>, HashSet<ConversationId>),
    ) -> Result<Vec<message::Model>> {
        use message::Column;
        let lanes: Vec<&Lane> = lanes.iter().filter(|lane| into.contains(&lane.id)).collect();
        take_places(tx, &lanes, self.now()).await?;
        let now = real_now();
        let place = "(SELECT c.next_seq - 1 FROM conversations c WHERE c.id = messages.conversation_id)";
        let went = message::Entity::update_many()
            .col_expr(Column::Status, Expr::value(MessageStatus::Sending))
            .col_expr(Column::Attempt, Expr::col(Column::Attempt).add(1))
            .col_expr(Column::Seq, Expr::cust(place))
            .col_expr(Column::LeaseToken, Expr::value(Uuid::new_v4()))
            .col_expr(Column::LeaseUntil, Expr::value(now + self.lease()))
            .filter(Column::Id.is_in(going))
            .filter(Column::Status.eq(MessageStatus::Queued))
            .filter(Column::Seq.is_null())
            // One that a merge moved meanwhile has another conversation, which is not locked.
            .filter(Column::ConversationId.is_in(lanes.iter().map(|lane| lane.id)))
            .exec_with_returning(tx)
            .await?;
        let attempts = went.iter().map(|row| attempt::ActiveModel {
            message_id: Set(row.id),
            number: Set(row.attempt),
            property_id: Set(row.property_id),
            connection_id: Set(row.connection_id),
            outcome: Set(AttemptOutcome::Calling),
            started_at: Set(now),
            ..Default::default()
        });
        attempt::Entity::insert_many(attempts).exec_without_returning(tx).await?;
        if let Some(first) = went.first() {
            let scope = Scope { property: first.property_id, at: self.now() };
            let reopened = lanes.iter().filter(|lane| lane.resolved);
            let told = reopened.map(|lane| json!({"conversation_id": lane.id, "guest_id": lane.guest}));
            event::record_many(tx, scope, EventType::ConversationReopened, told).await?;
        }
        Ok(went)
    }
}

/// Locks the group's conversations in the order of their ids, as everybody does.
async fn lock_lanes(tx: &DatabaseTransaction, group: &[&Prepared]) -> Result<Vec<Lane>> {
    use conversation::Column;
    type Row = (ConversationId, GuestId, Option<DateTime<Utc>>, ConversationStatus);
    let rows: Vec<Row> = conversation::Entity::find()
        .select_only()
        .columns([Column::Id, Column::GuestId, Column::WindowExpiresAt, Column::Status])
        .filter(Column::Id.is_in(group.iter().map(|prepared| prepared.conversation)))
        .filter(Column::MergedInto.is_null())
        .order_by_asc(Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .all(tx)
        .await?;
    let lane = |(id, guest, window, status)| Lane {
        id,
        guest,
        window,
        resolved: status == ConversationStatus::Resolved,
    };
    Ok(rows.into_iter().map(lane).collect())
}

/// Conversations in which something else is on the wire or waits for its turn: a batch goes last.
async fn busy_lanes(tx: &DatabaseTransaction, lanes: &[Lane]) -> Result<HashSet<ConversationId>> {
    let busy: Vec<ConversationId> = message::Entity::find()
        .select_only()
        .column(message::Column::ConversationId)
        .filter(message::Column::ConversationId.is_in(lanes.iter().map(|lane| lane.id)))
        .filter(in_lane())
        .into_tuple()
        .all(tx)
        .await?;
    Ok(busy.into_iter().collect())
}

/// Takes the next place in each conversation and makes it active.
async fn take_places(tx: &DatabaseTransaction, lanes: &[&Lane], now: DateTime<Utc>) -> Result<()> {
    use conversation::Column;
    conversation::Entity::update_many()
        .col_expr(Column::NextSeq, Expr::col(Column::NextSeq).add(1))
        .col_expr(Column::LastActivityAt, Expr::value(now))
        .col_expr(Column::Status, Expr::value(ConversationStatus::Active))
        .filter(Column::Id.is_in(lanes.iter().map(|lane| lane.id)))
        .exec(tx)
        .await?;
    Ok(())
}
