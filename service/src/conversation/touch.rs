//! What a message changes in its conversation.

use bellhop_domain::conversation::ConversationStatus;
use bellhop_domain::event::EventType;
use bellhop_domain::window;
use bellhop_entity::conversation;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::event::{self, Scope};

/// The largest metadata of a conversation, in bytes as JSON.
const METADATA_MAX: usize = 16_384;

/// What a new message changes in its conversation.
#[derive(Default)]
pub(crate) struct Touch {
    /// Keys that are laid over the metadata.
    pub metadata: Option<serde_json::Map<String, Value>>,
    /// An inbound message's own time, and whether it opens the window.
    pub inbound: Option<(DateTime<Utc>, bool)>,
}

/// Takes the next place in a locked conversation and makes it active. Returns the place.
pub(crate) async fn touch(
    tx: &DatabaseTransaction,
    scope: Scope,
    row: &mut conversation::Model,
    touch: Touch,
) -> Result<i64> {
    let seq = row.next_seq;
    row.next_seq += 1;
    row.last_activity_at = row.last_activity_at.max(scope.at);
    if let (Some(new), Value::Object(known)) = (touch.metadata, &mut row.metadata) {
        known.extend(new);
        check_metadata(known)?;
    }
    if let Some((at, opens)) = touch.inbound {
        row.last_inbound_at = row.last_inbound_at.max(Some(at));
        if opens {
            // A clock that is ahead of ours opens no longer window than a message of now.
            let was_open = window::is_open(row.window_expires_at, scope.at);
            row.window_expires_at = row.window_expires_at.max(Some(window::expires_at(at.min(scope.at))));
            if !was_open && window::is_open(row.window_expires_at, scope.at) {
                let data = json!({
                    "conversation_id": row.id, "guest_id": row.guest_id,
                    "window_expires_at": row.window_expires_at.map(event::rfc3339),
                });
                event::record(tx, scope, EventType::WindowOpened, data).await?;
            }
        }
    }
    if row.status == ConversationStatus::Resolved {
        row.status = ConversationStatus::Active;
        let data = json!({"conversation_id": row.id, "guest_id": row.guest_id});
        event::record(tx, scope, EventType::ConversationReopened, data).await?;
    }
    use conversation::Column;
    conversation::Entity::update_many()
        .col_expr(Column::NextSeq, Expr::value(row.next_seq))
        .col_expr(Column::LastActivityAt, Expr::value(row.last_activity_at))
        .col_expr(Column::Metadata, Expr::value(row.metadata.clone()))
        .col_expr(Column::LastInboundAt, Expr::value(row.last_inbound_at))
        .col_expr(Column::WindowExpiresAt, Expr::value(row.window_expires_at))
        .col_expr(Column::Status, Expr::value(row.status))
        .filter(Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    Ok(seq)
}

/// What many sends laid over each other has a limit too.
fn check_metadata(metadata: &serde_json::Map<String, Value>) -> Result<()> {
    let size = serde_json::to_string(metadata).map_or(0, |text| text.len());
    if size > METADATA_MAX {
        let what = format!("makes the conversation's metadata {size} bytes; at most {METADATA_MAX} are kept");
        return Err(Error::field("conversation_metadata", what));
    }
    Ok(())
}
