//! What guests do to what they have said: edits and revokes, before or after the message itself comes in.
//!
//! All of them are kept, and what a message says is worked out of all of them: whatever the order in which they
//! come, it ends the same.

use std::collections::BTreeMap;

use bellhop_domain::ConnectionId;
use bellhop_domain::conversation::Direction;
use bellhop_domain::event::EventType;
use bellhop_domain::inbound::{Revision, RevisionChange, RevisionKind, Said, Saying};
use bellhop_entity::{message, message_revision};
use chrono::TimeDelta;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde_json::json;

use crate::app::App;
use crate::error::Result;
use crate::event::{self, Scope};
use crate::privacy::{self, Known};

/// How long it is looked for: far longer than a transaction takes.
const LATE: TimeDelta = TimeDelta::minutes(5);

/// Taken in one round.
const CHUNK: u64 = 100;

/// Keeps a change, once, and applies it if the message is there. One of an erased message is not kept.
pub(super) async fn apply(
    tx: &DatabaseTransaction,
    scope: Scope,
    connection: ConnectionId,
    revision: Revision,
) -> Result<Known> {
    let known = privacy::known(tx, connection, &revision.original).await?;
    if known == Known::Erased {
        return Ok(known);
    }
    let (kind, content) = match revision.change {
        RevisionChange::Edit(content) => (RevisionKind::Edit, Some(*content)),
        RevisionChange::Revoke => (RevisionKind::Revoke, None),
    };
    let row = message_revision::ActiveModel {
        connection_id: Set(connection),
        wamid: Set(revision.wamid),
        property_id: Set(scope.property),
        original: Set(revision.original.clone()),
        change: Set(kind),
        content: Set(content),
        at: Set(revision.timestamp),
        created_at: Set(scope.at),
    };
    let kept = message_revision::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    if kept == 0 {
        return Ok(known);
    }
    let Some(row) = work_out(tx, connection, &revision.original).await? else { return Ok(known) };
    event::record(tx, scope, event_of(kind), event_data(&row)).await?;
    Ok(known)
}

/// Applies what came before its message, which has just been stored.
pub(super) async fn apply_waiting(
    tx: &DatabaseTransaction,
    connection: ConnectionId,
    wamid: &str,
) -> Result<()> {
    use message_revision::Column;
    let waiting = message_revision::Entity::find()
        .select_only()
        .column(Column::Wamid)
        .filter(Column::ConnectionId.eq(connection))
        .filter(Column::Original.eq(wamid))
        .into_tuple::<String>()
        .one(tx)
        .await?;
    if waiting.is_some() {
        work_out(tx, connection, wamid).await?;
    }
    Ok(())
}

impl App {
    /// Applies what came in the same moment as its message, when neither could see the other yet. Returns how many.
    pub(crate) async fn apply_late_revisions(&self) -> Result<usize> {
        use message_revision::Column;
        let unseen = "EXISTS (SELECT 1 FROM messages m WHERE m.connection_id = message_revisions.connection_id \
                      AND m.wamid = message_revisions.original AND m.direction = 'inbound' \
                      AND m.edited_at IS NULL AND m.revoked_at IS NULL)";
        let late = message_revision::Entity::find()
            .filter(Column::CreatedAt.gte(self.now() - LATE))
            .filter(Expr::cust(unseen))
            .limit(CHUNK)
            .all(self.db.reader())
            .await?;
        let mut of_message: BTreeMap<_, Vec<&message_revision::Model>> = BTreeMap::new();
        for revision in &late {
            of_message.entry((revision.connection_id, &revision.original)).or_default().push(revision);
        }
        for ((connection, original), revisions) in of_message {
            let tx = self.db.begin().await?;
            // Another process may have seen to it since.
            if is_unseen(&tx, connection, original).await?
                && let Some(row) = work_out(&tx, connection, original).await?
            {
                let scope = Scope { property: row.property_id, at: self.now() };
                for revision in revisions {
                    event::record(&tx, scope, event_of(revision.change), event_data(&row)).await?;
                }
            }
            tx.commit().await?;
        }
        Ok(late.len())
    }
}

/// Whether none of its changes was applied to a message, which is locked.
async fn is_unseen(tx: &DatabaseTransaction, connection: ConnectionId, wamid: &str) -> Result<bool> {
    use message::Column;
    let unseen = message::Entity::find()
        .filter(Column::ConnectionId.eq(connection))
        .filter(Column::Wamid.eq(wamid))
        .filter(Column::EditedAt.is_null())
        .filter(Column::RevokedAt.is_null())
        .lock_exclusive();
    Ok(unseen.one(tx).await?.is_some())
}

const fn event_of(kind: RevisionKind) -> EventType {
    match kind {
        RevisionKind::Edit => EventType::MessageEdited,
        RevisionKind::Revoke => EventType::MessageRevoked,
    }
}

/// Works out what a message says now; `None` when it is not there. Only a guest's own: nobody else can change
/// what we sent.
async fn work_out(
    tx: &DatabaseTransaction,
    connection: ConnectionId,
    wamid: &str,
) -> Result<Option<message::Model>> {
    let row = message::Entity::find()
        .filter(message::Column::ConnectionId.eq(connection))
        .filter(message::Column::Wamid.eq(wamid))
        .filter(message::Column::Direction.eq(Direction::Inbound))
        // What was taken away does not come back.
        .filter(message::Column::ErasedAt.is_null())
        .lock_exclusive()
        .one(tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let revisions = message_revision::Entity::find()
        .filter(message_revision::Column::ConnectionId.eq(connection))
        .filter(message_revision::Column::Original.eq(wamid))
        .order_by_asc(message_revision::Column::At)
        .order_by_asc(message_revision::Column::Wamid)
        .all(tx)
        .await?;
    let first = row.revisions.as_ref().and_then(|said| said.0.first()).cloned();
    let first = first.unwrap_or_else(|| Saying {
        content: row.content.clone(),
        at: row.sent_at.unwrap_or(row.created_at),
    });
    let mut said = vec![first];
    let mut revoked_at = None;
    for revision in revisions {
        match (revision.change, revision.content, said.last()) {
            (RevisionKind::Edit, Some(content), Some(before)) => {
                said.push(Saying { content: before.content.edited(content), at: revision.at });
            }
            (RevisionKind::Edit, _, _) => {}
            (RevisionKind::Revoke, _, _) => revoked_at = revoked_at.or(Some(revision.at)),
        }
    }
    let mut row = row.into_active_model();
    row.revoked_at = Set(revoked_at);
    if said.len() > 1
        && let Some(now) = said.pop()
    {
        row.content = Set(now.content);
        row.edited_at = Set(Some(now.at));
        row.revisions = Set(Some(Said(said)));
    }
    Ok(Some(row.update(tx).await?))
}

fn event_data(row: &message::Model) -> serde_json::Value {
    json!({
        "message_id": row.id, "conversation_id": row.conversation_id, "guest_id": row.guest_id,
        "message_type": row.content.kind(), "message_content": row.content.summary(), "content": row.content,
        "wamid": row.wamid, "edited_at": row.edited_at.map(event::rfc3339),
        "revoked_at": row.revoked_at.map(event::rfc3339),
    })
}
