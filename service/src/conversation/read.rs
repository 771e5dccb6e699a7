//! Staff have seen what the guest wrote.

use bellhop_domain::audit::AuditAction;
use bellhop_domain::conversation::Direction;
use bellhop_domain::ports::ReadMark;
use bellhop_domain::rights::Right;
use bellhop_domain::{ConversationId, MessageId};
use bellhop_entity::message;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;

use super::find;
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::error::Result;
use crate::event::Scope;

/// What became of a mark.
#[derive(Debug, Clone)]
pub struct ReadView {
    pub conversation_id: ConversationId,
    /// The newest message that counts as read; `None` when the guest never wrote.
    pub message_id: Option<MessageId>,
    pub read_at: DateTime<Utc>,
    /// Whether WhatsApp was told, so that the guest sees it.
    pub shown_to_guest: bool,
}

impl App {
    /// Marks everything that the guest wrote as read, and shows it to the guest; with `typing`, also that
    /// somebody is writing an answer.
    ///
    /// The guest's ticks are a courtesy: what is stored here stays when WhatsApp cannot be told.
    pub async fn mark_read(&self, caller: &Caller, id: ConversationId, typing: bool) -> Result<ReadView> {
        caller.require(Right::SendMessages)?;
        use message::Column;
        let conversation = find(self.db.reader(), caller.property_id, id).await?;
        let newest = message::Entity::find()
            .filter(Column::ConversationId.eq(conversation.id))
            .filter(Column::Direction.eq(Direction::Inbound))
            .filter(Column::Seq.is_not_null())
            .order_by_desc(Column::Seq)
            .one(self.db.reader())
            .await?;
        let mut view = ReadView {
            conversation_id: conversation.id,
            message_id: newest.as_ref().map(|row| row.id),
            read_at: self.now(),
            shown_to_guest: false,
        };
        let Some(newest) = newest else { return Ok(view) };
        let tx = self.db.begin().await?;
        let read = message::Entity::update_many()
            .col_expr(Column::ReadAt, Expr::value(view.read_at))
            .filter(Column::ConversationId.eq(conversation.id))
            .filter(Column::Direction.eq(Direction::Inbound))
            .filter(Column::Seq.lte(newest.seq))
            .filter(Column::ReadAt.is_null())
            .exec(&tx)
            .await?;
        if read.rows_affected > 0 {
            let scope = Scope { property: caller.property_id, at: view.read_at };
            let entry =
                Entry::of(AuditAction::ConversationRead, conversation.id).about(conversation.guest_id);
            audit::record(&tx, scope, caller, entry.made(json!({"message_id": newest.id}))).await?;
        }
        tx.commit().await?;
        let Some(wamid) = newest.wamid else { return Ok(view) };
        let connection = self.connection(conversation.connection_id).await?;
        let mark = ReadMark { wamid, typing };
        let told = self.asked(&connection, self.ports.provider.mark_read(&connection.line, &mark)).await;
        match told {
            Ok(()) => view.shown_to_guest = true,
            Err(error) => tracing::warn!(conversation = %id, %error, "WhatsApp was not told of a read mark"),
        }
        Ok(view)
    }
}
