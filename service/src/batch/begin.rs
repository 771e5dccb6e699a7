//! The step onto the wire, for a group: one transaction, committed before the first call.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bellhop_domain::attempt::{AttemptOutcome, AttemptRef};
use bellhop_domain::batch::BatchStatus;
use bellhop_domain::conversation::ConversationStatus;
use bellhop_domain::event::EventType;
use bellhop_domain::{Content, ConversationId, GuestId, MessageId, MessageStatus, window};
use bellhop_entity::{batch, batch_chunk, conversation, message};
use chrono::{DateTime, Utc};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait, LockType, Query, SelectStatement};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::chunk::{self, Chunk};
use super::prepare::Prepared;
use crate::app::App;
use crate::consent::{Gate, NotWanted};
use crate::db::real_now;
use crate::dispatch::in_lane;
use crate::error::Result;
use crate::event::{self, Scope};
use crate::rows::{Rows, among, returning};

/// A message that is written down as on the wire.
#[derive(Debug, Clone)]
pub(crate) struct OnWire {
    pub prepared: Arc<Prepared>,
    pub attempt: AttemptRef,
    /// Whose it is now: two guests may have been joined meanwhile.
    pub guest: GuestId,
    pub lease_until: DateTime<Utc>,
}

/// What became of a group.
#[derive(Debug)]
pub(super) enum Begun {
    Group {
        /// On their way, with their attempts written down.
        went: Vec<OnWire>,
        /// Their window closed meanwhile.
        closed: Vec<MessageId>,
        /// Their guests do not want them.
        unwanted: Vec<(MessageId, NotWanted)>,
    },
    /// The batch may not send any more, or the chunk is somebody else's by now.
    Halted,
}

/// A conversation that a message of the group goes into.
struct Lane {
    guest: GuestId,
    window: Option<DateTime<Utc>>,
    resolved: bool,
}

impl App {
    /// Writes down that a group is about to be on the wire. With `renew` the chunk's lease begins anew.
    pub(super) async fn begin_group(
        &self,
        (chunk, renew): (Chunk, bool),
        group: &[Arc<Prepared>],
    ) -> Result<Begun> {
        let tx = self.db.begin().await?;
        if !may_send(&tx, chunk).await? || (renew && !self.renew_chunk(&tx, chunk).await?) {
            return Ok(Begun::Halted);
        }
        let now = self.now();
        let lanes = lock_lanes(&tx, group).await?;
        let unwanted = unwanted(&tx, &lanes, group).await?;
        let (mut going, mut closed) = (Vec::with_capacity(group.len()), Vec::<&Arc<Prepared>>::new());
        for prepared in group.iter().filter(|prepared| !unwanted.contains_key(&prepared.row.id)) {
            let Some(lane) = lanes.get(&prepared.row.conversation_id) else { continue };
            if prepared.needs_window && !window::is_open(lane.window, now) {
                closed.push(prepared);
            } else {
                going.push(prepared);
            }
        }
        if !closed.is_empty() {
            // What was sent by hand goes first, and the guest's answer to it may open the window.
            let busy =
                busy_lanes(&tx, closed.iter().map(|closed| closed.row.conversation_id).collect()).await?;
            closed.retain(|closed| !busy.contains(&closed.row.conversation_id));
        }
        let closed = closed.into_iter().map(|closed| closed.row.id).collect();
        let went = match going.is_empty() {
            true => Vec::new(),
            false => self.put_on_wire(&tx, &lanes, &going).await?,
        };
        tx.commit().await?;
        Ok(Begun::Group { went, closed, unwanted: unwanted.into_iter().collect() })
    }

    async fn put_on_wire(
        &self,
        tx: &DatabaseTransaction,
        lanes: &HashMap<ConversationId, Lane>,
        going: &[&Arc<Prepared>],
    ) -> Result<Vec<OnWire>> {
        use message::Column;
        let into = take_places(tx, going.iter().map(|going| going.row.conversation_id).collect(), self.now())
            .await?;
        let now = real_now();
        let lease_until = now + self.lease();
        let place = "(SELECT c.next_seq - 1 FROM conversations c WHERE c.id = messages.conversation_id)";
        let update = message::Entity::update_many()
            .col_expr(Column::Status, Expr::value(MessageStatus::Sending))
            .col_expr(Column::Attempt, Expr::col(Column::Attempt).add(1))
            .col_expr(Column::Seq, Expr::cust(place))
            .col_expr(Column::LeaseToken, Expr::value(Uuid::new_v4()))
            .col_expr(Column::LeaseUntil, Expr::value(lease_until))
            .filter(among(tx, Column::Id, going.iter().map(|going| going.row.id)))
            .filter(Column::Status.eq(MessageStatus::Queued))
            .filter(Column::Seq.is_null())
            // One that a merge moved meanwhile has another conversation, which is not locked.
            .filter(among(tx, Column::ConversationId, into.iter().copied()));
        let columns = [Column::Id, Column::Attempt, Column::GuestId];
        let went: Vec<(MessageId, i32, GuestId)> = returning(tx, update, columns).await?;
        let went: HashMap<MessageId, (i32, GuestId)> =
            went.into_iter().map(|(id, number, guest)| (id, (number, guest))).collect();
        let attempts = went.iter().map(|(id, (number, _))| [(*id).into(), (*number).into()]);
        let attempts = Rows::new([("mid", "uuid"), ("n", "int4")], attempts);
        let Some(first) = going.first().filter(|_| !attempts.is_empty()) else { return Ok(Vec::new()) };
        let (property, connection) = (first.row.property_id, first.row.connection_id);
        let written = "INSERT INTO attempts (message_id, number, property_id, connection_id, outcome, started_at) \
                       SELECT mid, n, {0}, {1}, {2}, {3} FROM v";
        let calling = AttemptOutcome::Calling.as_str();
        attempts.run(tx, written, [property.into(), connection.into(), calling.into(), now.into()]).await?;
        let scope = Scope { property, at: self.now() };
        let reopened =
            into.iter().filter_map(|id| lanes.get(id).filter(|lane| lane.resolved).map(|lane| (id, lane)));
        let told = reopened.map(|(id, lane)| json!({"conversation_id": id, "guest_id": lane.guest}));
        event::record_many(tx, scope, EventType::ConversationReopened, told).await?;
        Ok(going
            .iter()
            .filter_map(|prepared| {
                let message = prepared.row.id;
                let &(number, guest) = went.get(&message)?;
                let attempt = AttemptRef { message, number };
                Some(OnWire { prepared: Arc::clone(prepared), attempt, guest, lease_until })
            })
            .collect())
    }
}

/// Whether the batch sends and the chunk is still ours. The batch is shared until the commit: whoever
/// pauses or cancels waits for this group, and after their commit no other begins.
async fn may_send(tx: &DatabaseTransaction, chunk: Chunk) -> Result<bool> {
    let ours = Query::select()
        .expr(Expr::val(1))
        .from(batch_chunk::Entity)
        .cond_where(chunk::of(chunk.batch, chunk.number))
        .and_where(batch_chunk::Column::LeaseToken.eq(chunk.token))
        .to_owned();
    let status: Option<BatchStatus> = batch::Entity::find_by_id(chunk.batch)
        .select_only()
        .column(batch::Column::Status)
        .filter(Expr::exists(ours))
        .lock(LockType::Share)
        .into_tuple()
        .one(tx)
        .await?;
    Ok(status.is_some_and(BatchStatus::sends))
}

/// Locks the group's conversations in the order of their ids, as everybody does.
async fn lock_lanes(
    tx: &DatabaseTransaction,
    group: &[Arc<Prepared>],
) -> Result<HashMap<ConversationId, Lane>> {
    use conversation::Column;
    type Row = (ConversationId, GuestId, Option<DateTime<Utc>>, ConversationStatus);
    let rows: Vec<Row> = conversation::Entity::find()
        .select_only()
        .columns([Column::Id, Column::GuestId, Column::WindowExpiresAt, Column::Status])
        .filter(among(tx, Column::Id, group.iter().map(|prepared| prepared.row.conversation_id)))
        .filter(Column::MergedInto.is_null())
        .order_by_asc(Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple()
        .all(tx)
        .await?;
    let lane = |(id, guest, window, status)| {
        (id, Lane { guest, window, resolved: status == ConversationStatus::Resolved })
    };
    Ok(rows.into_iter().map(lane).collect())
}

/// What of a group may not leave, because its guest does not want it. The conversations are locked: whoever
/// opts a guest out has committed, and is seen, or waits for this group.
async fn unwanted(
    tx: &DatabaseTransaction,
    lanes: &HashMap<ConversationId, Lane>,
    group: &[Arc<Prepared>],
) -> Result<HashMap<MessageId, NotWanted>> {
    let rows = group.iter().map(|prepared| &prepared.row);
    let (ids, asked): (Vec<MessageId>, Vec<(GuestId, &Content)>) =
        rows.filter_map(|row| Some((row.id, (lanes.get(&row.conversation_id)?.guest, &row.content)))).unzip();
    let Some(first) = group.first() else { return Ok(HashMap::new()) };
    let gate = Gate::read(tx, first.row.property_id, asked.iter().map(|(guest, _)| *guest)).await?;
    let found = gate.check_all(tx, &asked).await?;
    Ok(ids.into_iter().zip(found).filter_map(|(id, found)| Some((id, found?))).collect())
}

/// Which of these conversations have something on the wire, or waiting for its turn.
async fn busy_lanes(tx: &DatabaseTransaction, lanes: Vec<ConversationId>) -> Result<HashSet<ConversationId>> {
    let busy: Vec<ConversationId> = message::Entity::find()
        .select_only()
        .column(message::Column::ConversationId)
        .filter(among(tx, message::Column::ConversationId, lanes))
        .filter(in_lane())
        .into_tuple()
        .all(tx)
        .await?;
    Ok(busy.into_iter().collect())
}

/// Takes the next place in each of these locked conversations and makes it active. A batch goes last:
/// where something else is on the wire or waits for its turn, no place is taken. Returns where one was.
///
/// A statement of its own, after the lock: it sees what came in until then.
async fn take_places(
    tx: &DatabaseTransaction,
    lanes: Vec<ConversationId>,
    now: DateTime<Utc>,
) -> Result<HashSet<ConversationId>> {
    use conversation::Column;
    let update = conversation::Entity::update_many()
        .col_expr(Column::NextSeq, Expr::col(Column::NextSeq).add(1))
        .col_expr(Column::LastActivityAt, Expr::value(now))
        .col_expr(Column::Status, Expr::value(ConversationStatus::Active))
        .filter(among(tx, Column::Id, lanes))
        .filter(Expr::exists(busy()).not());
    let taken: Vec<ConversationId> = returning(tx, update, [Column::Id]).await?;
    Ok(taken.into_iter().collect())
}

fn busy() -> SelectStatement {
    let lane = Expr::col((message::Entity, message::Column::ConversationId));
    Query::select()
        .expr(Expr::val(1))
        .from(message::Entity)
        .and_where(lane.equals((conversation::Entity, conversation::Column::Id)))
        .and_where(in_lane())
        .to_owned()
}
