//! Two guests that turn out to be one.

use bellhop_domain::conversation::ConversationStatus;
use bellhop_domain::event::EventType;
use bellhop_domain::{ConversationId, GuestId, MergeId, MessageId};
use bellhop_entity::{conversation, guest, guest_identifier, guest_merge, message, outbox};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde_json::json;

use crate::error::Result;
use crate::event::{self, Scope};

/// What a merge moved: enough to undo it.
#[derive(Default, serde::Serialize)]
struct Moved {
    identifiers: Vec<Uuid>,
    /// Conversations that only changed hands.
    conversations: Vec<ConversationId>,
    /// Conversations whose messages went to the kept guest's.
    folded: Vec<Folded>,
}

#[derive(serde::Serialize)]
struct Folded {
    from: ConversationId,
    into: ConversationId,
    messages: Vec<MessageId>,
}

/// Joins two guests; the older one stays. Returns who stays, locked.
pub(super) async fn join(tx: &DatabaseTransaction, scope: Scope, a: GuestId, b: GuestId) -> Result<GuestId> {
    // In the order of ids, so that two joins of the same pair do not wait for each other.
    let (first, second) = if a < b { (a, b) } else { (b, a) };
    let first = super::lock(tx, scope.property, first).await?.id;
    let second = super::lock(tx, scope.property, second).await?.id;
    if first == second {
        return Ok(first);
    }
    let (kept, gone) = if first < second { (first, second) } else { (second, first) };
    let mut moved = Moved::default();
    move_identifiers(tx, kept, gone, &mut moved).await?;
    move_conversations(tx, kept, gone, &mut moved).await?;
    fold_guest(tx, scope, kept, gone).await?;
    let record = guest_merge::ActiveModel {
        id: Set(MergeId::new()),
        property_id: Set(scope.property),
        kept_guest_id: Set(kept),
        merged_guest_id: Set(gone),
        moved: Set(serde_json::to_value(&moved).unwrap_or_default()),
        created_at: Set(scope.at),
    };
    guest_merge::Entity::insert(record).exec_without_returning(tx).await?;
    let data = json!({"guest_id": kept, "merged_guest_id": gone});
    event::record(tx, scope, EventType::GuestMerged, data).await?;
    Ok(kept)
}

async fn move_identifiers(
    tx: &DatabaseTransaction,
    kept: GuestId,
    gone: GuestId,
    moved: &mut Moved,
) -> Result<()> {
    let rows = guest_identifier::Entity::update_many()
        .col_expr(guest_identifier::Column::GuestId, Expr::value(kept))
        .filter(guest_identifier::Column::GuestId.eq(gone))
        .exec_with_returning(tx)
        .await?;
    moved.identifiers = rows.into_iter().map(|row| row.id).collect();
    Ok(())
}

async fn move_conversations(
    tx: &DatabaseTransaction,
    kept: GuestId,
    gone: GuestId,
    moved: &mut Moved,
) -> Result<()> {
    // All of both in the order of their ids, as everybody locks them.
    conversation::Entity::find()
        .filter(conversation::Column::GuestId.is_in([kept, gone]))
        .order_by_asc(conversation::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    let theirs = conversation::Entity::find()
        .filter(conversation::Column::GuestId.eq(gone))
        .filter(conversation::Column::MergedInto.is_null())
        .lock_exclusive()
        .all(tx)
        .await?;
    for from in theirs {
        let into = conversation::Entity::find()
            .filter(conversation::Column::GuestId.eq(kept))
            .filter(conversation::Column::ConnectionId.eq(from.connection_id))
            .filter(conversation::Column::MergedInto.is_null())
            .lock_exclusive()
            .one(tx)
            .await?;
        match into {
            Some(into) => {
                let folded = fold_conversation(tx, from, into).await?;
                moved.folded.push(folded);
            }
            None => {
                moved.conversations.push(from.id);
                hand_over(tx, from.id, kept).await?;
            }
        }
    }
    Ok(())
}

async fn hand_over(tx: &DatabaseTransaction, id: ConversationId, to: GuestId) -> Result<()> {
    conversation::Entity::update_many()
        .col_expr(conversation::Column::GuestId, Expr::value(to))
        .filter(conversation::Column::Id.eq(id))
        .exec(tx)
        .await?;
    message::Entity::update_many()
        .col_expr(message::Column::GuestId, Expr::value(to))
        .filter(message::Column::ConversationId.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Moves every message behind those of `into`, in its order.
async fn fold_conversation(
    tx: &DatabaseTransaction,
    from: conversation::Model,
    into: conversation::Model,
) -> Result<Folded> {
    let messages: Vec<MessageId> = message::Entity::find()
        .select_only()
        .column(message::Column::Id)
        .filter(message::Column::ConversationId.eq(from.id))
        .order_by_asc(message::Column::Seq)
        .into_tuple()
        .all(tx)
        .await?;
    // Shifted by what `into` has, places stay unique and keep their order.
    message::Entity::update_many()
        .col_expr(message::Column::ConversationId, Expr::value(into.id))
        .col_expr(message::Column::GuestId, Expr::value(into.guest_id))
        .col_expr(message::Column::Seq, shifted(into.next_seq))
        .filter(message::Column::ConversationId.eq(from.id))
        .exec(tx)
        .await?;
    outbox::Entity::update_many()
        .col_expr(outbox::Column::ConversationId, Expr::value(into.id))
        .filter(outbox::Column::ConversationId.eq(from.id))
        .exec(tx)
        .await?;
    let mut kept = into.clone().into_active_model();
    kept.next_seq = Set(into.next_seq + from.next_seq);
    kept.window_expires_at = Set(into.window_expires_at.max(from.window_expires_at));
    kept.last_inbound_at = Set(into.last_inbound_at.max(from.last_inbound_at));
    kept.last_activity_at = Set(into.last_activity_at.max(from.last_activity_at));
    if from.status == ConversationStatus::Active {
        kept.status = Set(ConversationStatus::Active);
    }
    kept.update(tx).await?;
    let folded = Folded { from: from.id, into: into.id, messages };
    let mut gone = from.into_active_model();
    gone.merged_into = Set(Some(into.id));
    gone.update(tx).await?;
    Ok(folded)
}

fn shifted(by: i64) -> SimpleExpr {
    use sea_orm::sea_query::ExprTrait;
    Expr::col(message::Column::Seq).add(by)
}

async fn fold_guest(tx: &DatabaseTransaction, scope: Scope, kept: GuestId, gone: GuestId) -> Result<()> {
    let merged = guest::Entity::update_many()
        .col_expr(guest::Column::MergedInto, Expr::value(kept))
        .col_expr(guest::Column::UpdatedAt, Expr::value(scope.at))
        .filter(guest::Column::Id.eq(gone))
        .exec_with_returning(tx)
        .await?;
    if let Some(name) = merged.into_iter().next().and_then(|row| row.name) {
        guest::Entity::update_many()
            .col_expr(guest::Column::Name, Expr::value(name))
            .filter(guest::Column::Id.eq(kept))
            .filter(guest::Column::Name.is_null())
            .exec(tx)
            .await?;
    }
    Ok(())
}
