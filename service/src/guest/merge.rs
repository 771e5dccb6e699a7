//! Two guests that turn out to be one.

use std::collections::HashMap;

use bellhop_domain::conversation::ConversationStatus;
use bellhop_domain::event::EventType;
use bellhop_domain::profile::Profile;
use bellhop_domain::{ConversationId, GuestId, MergeId, MessageId, StayId};
use bellhop_entity::{conversation, guest_identifier, guest_merge, message, outbox, stay_guest};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde_json::json;

use crate::analytics;
use crate::consent;
use crate::conversation::tell_assigned;
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
    /// What was said of the guest's consent.
    consents: Vec<Uuid>,
    /// Stays that only changed hands.
    stays: Vec<StayId>,
    /// Stays that had both guests, with what was said about each.
    shared_stays: Vec<SharedStay>,
    /// What was known of the guest that stayed, before.
    kept_before: Known,
}

#[derive(serde::Serialize)]
struct SharedStay {
    stay: StayId,
    kept: Link,
    gone: Link,
}

/// What a stay says about one of its guests.
#[derive(serde::Serialize)]
struct Link {
    place: i32,
    said: Profile,
}

#[derive(Default, serde::Serialize)]
struct Known {
    /// At WhatsApp.
    name: Option<String>,
    staff: Option<Profile>,
    import: Option<Profile>,
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
    move_conversations(tx, scope, (kept, gone), &mut moved).await?;
    moved.consents = consent::move_history(tx, scope, kept, gone).await?;
    move_stays(tx, kept, gone, &mut moved).await?;
    fold_guest(tx, scope, (kept, gone), &mut moved).await?;
    super::refresh(tx, scope, &[kept]).await?;
    // What came over is filed under what was known of the other.
    super::file_conversations(tx, &[kept]).await?;
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
    scope: Scope,
    (kept, gone): (GuestId, GuestId),
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
                let folded = fold_conversation(tx, scope, from, into).await?;
                analytics::folded(tx, scope, folded.into).await?;
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
    scope: Scope,
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
    // Whoever looked after the other goes on, unless somebody looks after this one.
    let assignee = into.assignee.or(from.assignee);
    kept.assignee = Set(assignee);
    let kept = kept.update(tx).await?;
    if assignee != into.assignee {
        tell_assigned(tx, scope, &kept, (into.assignee, None)).await?;
    }
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

/// Gives the stays to the guest that is kept. One that had both has one of them, at the place of the first;
/// what was said about that one goes before what was said about the other.
async fn move_stays(tx: &DatabaseTransaction, kept: GuestId, gone: GuestId, moved: &mut Moved) -> Result<()> {
    use stay_guest::Column;
    let links =
        |guest| stay_guest::Entity::find().filter(Column::GuestId.eq(guest)).order_by_asc(Column::StayId);
    let mut ours: HashMap<StayId, stay_guest::Model> =
        links(kept).all(tx).await?.into_iter().map(|row| (row.stay_id, row)).collect();
    for theirs in links(gone).all(tx).await? {
        let stay = theirs.stay_id;
        let Some(mine) = ours.remove(&stay) else {
            moved.stays.push(stay);
            continue;
        };
        stay_guest::Entity::delete_by_id((stay, gone)).exec(tx).await?;
        let (kept_link, gone_link) = (link(&mine), link(&theirs));
        let (first, second) =
            if mine.place <= theirs.place { (&kept_link, &gone_link) } else { (&gone_link, &kept_link) };
        let said = first.said.clone().or(&second.said);
        let mut row = mine.into_active_model();
        row.place = Set(first.place);
        row.name = Set(said.name);
        row.language = Set(said.language);
        row.tier = Set(said.tier);
        row.update(tx).await?;
        moved.shared_stays.push(SharedStay { stay, kept: kept_link, gone: gone_link });
    }
    stay_guest::Entity::update_many()
        .col_expr(Column::GuestId, Expr::value(kept))
        .filter(Column::GuestId.eq(gone))
        .exec(tx)
        .await?;
    Ok(())
}

fn link(row: &stay_guest::Model) -> Link {
    let said = Profile {
        name: row.name.clone(),
        language: row.language.clone(),
        tier: row.tier.clone(),
        notes: None,
    };
    Link { place: row.place, said }
}

/// The guest that is kept knows what both knew; the other keeps its own, for whoever undoes this.
async fn fold_guest(
    tx: &DatabaseTransaction,
    scope: Scope,
    (kept, gone): (GuestId, GuestId),
    moved: &mut Moved,
) -> Result<()> {
    let mine = super::find(tx, scope.property, kept).await?;
    let theirs = super::find(tx, scope.property, gone).await?;
    let mut left = theirs.clone().into_active_model();
    left.merged_into = Set(Some(kept));
    left.updated_at = Set(scope.at);
    // Its stays went.
    left.stay = Set(None);
    left.room = Set(None);
    left.stay_status = Set(None);
    left.stay_lapses_at = Set(None);
    left.update(tx).await?;
    moved.kept_before =
        Known { name: mine.name.clone(), staff: mine.staff.clone(), import: mine.import.clone() };
    let joined = |mine: &Option<Profile>, theirs: &Option<Profile>| {
        let mine = mine.clone().unwrap_or_default();
        super::change::stored(mine.joined(&theirs.clone().unwrap_or_default()))
    };
    let mut row = mine.clone().into_active_model();
    row.staff = Set(joined(&mine.staff, &theirs.staff));
    row.import = Set(joined(&mine.import, &theirs.import));
    row.name = Set(mine.name.or(theirs.name));
    row.update(tx).await?;
    Ok(())
}
