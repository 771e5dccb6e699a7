//! Writing an accepted message down, with all that belongs to it.

use bellhop_domain::audit::AuditAction;
use bellhop_domain::conversation::Direction;
use bellhop_domain::problem::Problem;
use bellhop_domain::{Content, ConversationId, MessageId, MessageStatus};
use bellhop_entity::{conversation, message, outbox};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use serde_json::{Value, json};

use super::SendOptions;
use super::target::{Resolved, Who};
use super::window::Fitted;
use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::Caller;
use crate::consent::Gate;
use crate::conversation::{self as conversations, Touch, touch};
use crate::db::real_now;
use crate::dispatch::{Claim, in_lane, tell};
use crate::error::{Error, Result};
use crate::event::{Scope, rfc3339};
use crate::failpoint;
use crate::guest::{self, identity};
use crate::message::MessageView;

impl App {
    /// Writes guest, conversation, message, outbox row, event and key in one transaction, then
    /// starts the attempt in this process.
    pub(super) async fn accept(
        &self,
        caller: &Caller,
        resolved: Resolved,
        fitted: Fitted,
        mut options: SendOptions,
    ) -> Result<MessageView> {
        let scope = Scope { property: caller.property_id, at: self.now() };
        let id = MessageId::new();
        let key = options.idempotency_key.take();
        let tx = self.db.begin().await?;
        let guest = match &resolved.who {
            Who::Known(guest) => guest::lock(&tx, caller.property_id, *guest).await?.id,
            Who::New(phone) => identity::find_or_create_by_phone(&tx, scope, phone).await?,
        };
        let contents: Vec<&Content> = [&fitted.content].into_iter().chain(&fitted.fallback).collect();
        // With the guest locked: an opt-out is committed, and seen, or waits.
        if let Some(not_wanted) = Gate::check(&tx, scope.property, guest, &contents).await? {
            return Err(not_wanted.into());
        }
        let connection = resolved.connection.id;
        let mut conversation = conversations::lock_or_create(&tx, scope, connection, guest).await?;
        let metadata = options.conversation_metadata.take();
        let scheduled = options.send_at.is_some_and(|at| at > scope.at);
        let seq = touch(&tx, scope, &mut conversation, Touch { metadata, inbound: None }).await?;
        // A free lane is ours at once: the relay does not race a lease.
        let free = !scheduled && self.lane_is_free(&tx, conversation.id).await?;
        let claim = free.then(|| Claim::new(id, self.config.lease));
        // What leaves later takes its place then.
        let seq = (!scheduled).then_some(seq);
        let place = Place { id, seq, conversation: &conversation, claim: claim.as_ref() };
        let row = new_row(&place, fitted, options, scope);
        let row = message::Entity::insert(row).exec_with_returning(&tx).await?;
        if !scheduled {
            put_in_outbox(&tx, &row).await?;
        }
        tell(&tx, scope, &row).await?;
        audit::record(&tx, scope, caller, sent(&row)).await?;
        if let Some(key) = key
            && !key.take(&tx, caller, id.uuid(), scope.at).await?
        {
            tx.rollback().await?;
            let made = key.find(self.db.reader(), caller, scope.at).await?;
            let made = made.ok_or_else(|| Error::of(Problem::Unavailable))?;
            return self.message(caller, made).await;
        }
        tx.commit().await?;
        failpoint::here("send_accepted");
        match claim {
            Some(claim) => self.start_claimed(claim),
            None if scheduled => {}
            None => self.start_lane(conversation.id),
        }
        Ok(row.into())
    }

    async fn lane_is_free(&self, tx: &DatabaseTransaction, id: ConversationId) -> Result<bool> {
        let busy = message::Entity::find()
            .select_only()
            .column(message::Column::Id)
            .filter(message::Column::ConversationId.eq(id))
            .filter(in_lane())
            .limit(1)
            .into_tuple::<MessageId>()
            .one(tx)
            .await?;
        Ok(busy.is_none())
    }
}

/// What the audit trail tells of a send. What the message says stands in it, and nowhere else.
fn sent(row: &message::Model) -> Entry {
    let template = match &row.content {
        Content::Template(template) => Some(template.template_name.as_str()),
        _ => None,
    };
    let details = json!({
        "conversation_id": row.conversation_id, "guest_id": row.guest_id, "message_type": row.content.kind(),
        "template": template, "send_at": row.send_at.map(rfc3339), "staff_member_id": row.staff_member_id,
    });
    Entry::of(AuditAction::MessageSent, row.id).about(row.guest_id).made(details)
}

/// Where a new message stands.
struct Place<'a> {
    id: MessageId,
    seq: Option<i64>,
    conversation: &'a conversation::Model,
    claim: Option<&'a Claim>,
}

fn new_row(place: &Place<'_>, fitted: Fitted, options: SendOptions, scope: Scope) -> message::ActiveModel {
    let Place { id, seq, conversation, claim } = *place;
    message::ActiveModel {
        id: Set(id),
        property_id: Set(scope.property),
        conversation_id: Set(conversation.id),
        connection_id: Set(conversation.connection_id),
        guest_id: Set(conversation.guest_id),
        seq: Set(seq),
        direction: Set(Direction::Outbound),
        status: Set(if seq.is_some() { MessageStatus::Queued } else { MessageStatus::Scheduled }),
        send_at: Set(options.send_at),
        content: Set(fitted.content),
        fallback: Set(fitted.fallback),
        fell_back: Set(fitted.fell_back),
        reply_to: Set(options.reply_to),
        staff_member_id: Set(options.staff_member_id),
        metadata: Set(options.metadata.map(Value::Object)),
        attempt: Set(0),
        due_at: Set(real_now()),
        lease_token: Set(claim.map(|claim| claim.token)),
        lease_until: Set(claim.map(|claim| claim.until)),
        sent_twice: Set(false),
        quiet: Set(false),
        created_at: Set(scope.at),
        ..Default::default()
    }
}

/// Makes a message that takes its place in a moment, when nothing else is locked: of one that was dropped, the
/// template that goes out instead. Once, however often it is told.
pub(crate) async fn insert_scheduled(
    tx: &DatabaseTransaction,
    scope: Scope,
    dropped: &message::Model,
    content: Content,
) -> Result<Option<MessageId>> {
    let id = MessageId::new();
    let row = message::ActiveModel {
        id: Set(id),
        property_id: Set(dropped.property_id),
        conversation_id: Set(dropped.conversation_id),
        connection_id: Set(dropped.connection_id),
        guest_id: Set(dropped.guest_id),
        direction: Set(Direction::Outbound),
        status: Set(MessageStatus::Scheduled),
        content: Set(content),
        staff_member_id: Set(dropped.staff_member_id.clone()),
        metadata: Set(dropped.metadata.clone()),
        send_at: Set(Some(scope.at)),
        attempt: Set(0),
        due_at: Set(real_now()),
        sent_twice: Set(false),
        fell_back: Set(true),
        fallback_for: Set(Some(dropped.id)),
        quiet: Set(dropped.quiet),
        created_at: Set(scope.at),
        ..Default::default()
    };
    let made = message::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok((made == 1).then_some(id))
}

async fn put_in_outbox(tx: &DatabaseTransaction, row: &message::Model) -> Result<()> {
    let row = outbox::ActiveModel {
        message_id: Set(row.id),
        property_id: Set(row.property_id),
        conversation_id: Set(row.conversation_id),
        // What this process starts itself needs no hint before its lease runs out; what waits
        // behind another message gets one soon, in case this process dies.
        publish_at: Set(row.lease_until.unwrap_or_else(|| real_now() + chrono::TimeDelta::seconds(2))),
    };
    outbox::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// A lease's token.
pub(crate) fn lease_token() -> Uuid {
    Uuid::new_v4()
}
