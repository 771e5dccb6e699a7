//! A message from a guest.

use bellhop_domain::consent::{ConsentSource, ConsentState};
use bellhop_domain::conversation::Direction;
use bellhop_domain::event::EventType;
use bellhop_domain::inbound::InboundMessage;
use bellhop_domain::{GuestId, MessageId, MessageStatus, window};
use bellhop_entity::{conversation, message};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{DatabaseTransaction, EntityTrait};
use serde_json::json;

use super::{AfterCommit, revision};
use crate::analytics;
use crate::connection::OpenConnection;
use crate::consent::{self, Said};
use crate::conversation::{Touch, lock_or_create, touch};
use crate::db::real_now;
use crate::error::Result;
use crate::event::{self, Scope};
use crate::guest::{self, identity};
use crate::media;
use crate::privacy::{self, Known};

/// Stores a message once; makes guest and conversation as needed and opens the window. One that `stops`
/// marketing does so in the same commit.
pub(super) async fn apply(
    tx: &DatabaseTransaction,
    scope: Scope,
    connection: &OpenConnection,
    (mut inbound, stops): (InboundMessage, bool),
    after: &mut AfterCommit,
) -> Result<()> {
    // Before anything is learned of its sender: a repeat may come when they are erased, and nobody is to be made of it.
    let known = privacy::known(tx, connection.id, &inbound.wamid).await?;
    after.erased |= known == Known::Erased;
    if known != Known::No {
        return Ok(());
    }
    let guest = sender(tx, scope, &inbound, stops).await?;
    let mut conversation = lock_or_create(tx, scope, connection.id, guest).await?;
    analytics::tapped(tx, scope, connection.id, &inbound).await?;
    let opens = window::opened_by(inbound.kind);
    let id = MessageId::new();
    let facts = guest::event_facts(tx, guest).await?;
    let stop = stops.then(|| stop_word(id, &inbound));
    let news = Touch { metadata: None, inbound: Some((inbound.timestamp, opens)) };
    let data = json!({
        "message_id": id, "conversation_id": conversation.id, "guest_id": guest,
        "guest": facts["guest"], "stay": facts["stay"],
        "message_type": inbound.content.kind(), "message_content": inbound.content.summary(),
        "content": inbound.content, "wamid": inbound.wamid, "sent_at": event::rfc3339(inbound.timestamp),
        "guest_phone": inbound.from.wa_id.as_ref().map(|wa_id| format!("+{wa_id}")),
    });
    let (wamid, file) = (inbound.wamid.clone(), inbound.file.take());
    let row = row(scope, id, &conversation, inbound);
    let stored = message::Entity::insert(row)
        .on_conflict(
            OnConflict::columns([message::Column::ConnectionId, message::Column::Wamid])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await?;
    if stored == 0 {
        // It came twice in the same moment.
        return Ok(());
    }
    revision::apply_waiting(tx, connection.id, &wamid).await?;
    after.fetch |= media::expect(tx, scope, (connection.id, id), file.as_ref()).await?;
    touch(tx, scope, &mut conversation, news).await?;
    event::record(tx, scope, EventType::InboundMessage, data).await?;
    if let Some(stop) = stop {
        consent::record(tx, scope, guest, stop).await?;
    }
    if let Some(end) = conversation.window_expires_at {
        after.windows.push((conversation.id, end));
    }
    Ok(())
}

fn row(
    scope: Scope,
    id: MessageId,
    conversation: &conversation::Model,
    inbound: InboundMessage,
) -> message::ActiveModel {
    message::ActiveModel {
        id: Set(id),
        property_id: Set(scope.property),
        conversation_id: Set(conversation.id),
        connection_id: Set(conversation.connection_id),
        guest_id: Set(conversation.guest_id),
        // The conversation is locked: nobody takes this place meanwhile.
        seq: Set(Some(conversation.next_seq)),
        direction: Set(Direction::Inbound),
        status: Set(MessageStatus::Received),
        content: Set(inbound.content),
        wamid: Set(Some(inbound.wamid)),
        reply_to: Set(inbound.reply_to),
        origin: Set(inbound.origin),
        attempt: Set(0),
        due_at: Set(real_now()),
        sent_at: Set(Some(inbound.timestamp)),
        sent_twice: Set(false),
        created_at: Set(scope.at),
        ..Default::default()
    }
}

/// Who sent it, locked; with all their conversations where it stops marketing.
async fn sender(
    tx: &DatabaseTransaction,
    scope: Scope,
    inbound: &InboundMessage,
    stops: bool,
) -> Result<GuestId> {
    let said = inbound.timestamp;
    let guest = match &inbound.moved {
        Some(new) => guest::follow_move(tx, scope, (&inbound.from, new), said).await?,
        None => identity::learn(tx, scope, &inbound.from, said).await?,
    };
    if stops {
        consent::lock_conversations(tx, &[guest]).await?;
    }
    Ok(guest)
}

fn stop_word(id: MessageId, inbound: &InboundMessage) -> Said {
    let (state, source) = (ConsentState::OptedOut, ConsentSource::StopWord);
    let evidence = Some(inbound.content.summary());
    Said { evidence, message_id: Some(id), ..Said::of_marketing(state, source, Some(inbound.timestamp)) }
}
