//! A message from a guest.

use bellhop_domain::conversation::Direction;
use bellhop_domain::event::EventType;
use bellhop_domain::inbound::InboundMessage;
use bellhop_domain::{MessageId, MessageStatus, window};
use bellhop_entity::message;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{DatabaseTransaction, EntityTrait};
use serde_json::json;

use super::AfterCommit;
use crate::connection::OpenConnection;
use crate::conversation::{Touch, lock_or_create, touch};
use crate::db::real_now;
use crate::error::Result;
use crate::event::{self, Scope};
use crate::guest::identity;

/// Stores a message once; makes guest and conversation as needed and opens the window.
pub(super) async fn apply(
    tx: &DatabaseTransaction,
    scope: Scope,
    connection: &OpenConnection,
    inbound: InboundMessage,
    after: &mut AfterCommit,
) -> Result<()> {
    let guest = identity::learn(tx, scope, &inbound.from).await?;
    let mut conversation = lock_or_create(tx, scope, connection.id, guest).await?;
    let opens = window::opened_by(inbound.kind);
    let news = Touch { metadata: None, inbound: Some((inbound.timestamp, opens)) };
    let id = MessageId::new();
    let data = json!({
        "message_id": id, "conversation_id": conversation.id, "guest_id": guest,
        "message_type": inbound.content.kind(), "message_content": inbound.content.summary(),
        "content": inbound.content, "wamid": inbound.wamid, "sent_at": event::rfc3339(inbound.timestamp),
        "guest_phone": inbound.from.wa_id.as_ref().map(|wa_id| format!("+{wa_id}")),
    });
    let row = message::ActiveModel {
        id: Set(id),
        property_id: Set(scope.property),
        conversation_id: Set(conversation.id),
        connection_id: Set(connection.id),
        guest_id: Set(guest),
        // The conversation is locked: nobody takes this place meanwhile.
        seq: Set(Some(conversation.next_seq)),
        direction: Set(Direction::Inbound),
        status: Set(MessageStatus::Received),
        content: Set(inbound.content),
        wamid: Set(Some(inbound.wamid)),
        reply_to: Set(inbound.reply_to),
        attempt: Set(0),
        due_at: Set(real_now()),
        sent_at: Set(Some(inbound.timestamp)),
        sent_twice: Set(false),
        created_at: Set(scope.at),
        ..Default::default()
    };
    let stored = message::Entity::insert(row)
        .on_conflict(
            OnConflict::columns([message::Column::ConnectionId, message::Column::Wamid])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await?;
    if stored == 0 {
        // It is there already: the provider repeats itself.
        return Ok(());
    }
    touch(tx, scope, &mut conversation, news).await?;
    event::record(tx, scope, EventType::InboundMessage, data).await?;
    if let Some(end) = conversation.window_expires_at {
        after.windows.push((conversation.id, end));
    }
    Ok(())
}
