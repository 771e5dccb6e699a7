//! Who is meant, and which of their messages.

use std::sync::Arc;

use bellhop_domain::guest::Recipient;
use bellhop_domain::problem::Problem;
use bellhop_domain::{ConversationId, GuestId, MessageId, PhoneNumber};
use bellhop_entity::{conversation, message};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use crate::app::App;
use crate::auth::Caller;
use crate::connection::OpenConnection;
use crate::conversation as conversations;
use crate::error::{Error, Result};
use crate::guest::{self, identity};

/// Whom a send names. Several may be given if they mean the same guest.
#[derive(Debug, Clone, Default)]
pub struct Target {
    pub guest_phone: Option<String>,
    pub guest_id: Option<GuestId>,
    pub conversation_id: Option<ConversationId>,
}

/// A target that was found out. Nothing is written yet.
pub(super) struct Resolved {
    pub who: Who,
    pub conversation: Option<conversation::Model>,
    pub connection: Arc<OpenConnection>,
}

pub(super) enum Who {
    Known(GuestId),
    /// Nobody has the number yet.
    New(PhoneNumber),
}

impl App {
    /// Finds out who is meant; 409 when the request names two different guests.
    pub(super) async fn resolve(&self, caller: &Caller, target: &Target) -> Result<Resolved> {
        let db = self.db.reader();
        let mut named: Vec<(&str, Option<GuestId>)> = Vec::new();
        let mut phone = None;
        if let Some(text) = &target.guest_phone {
            let number = self.read_phone(caller.property_id, "guest_phone", text).await?;
            let holder = identity::holder_of_number(db, caller.property_id, &number.match_key()).await?;
            named.push(("guest_phone", holder));
            phone = Some(number);
        }
        if let Some(id) = target.guest_id {
            named.push(("guest_id", Some(guest::find(db, caller.property_id, id).await?.id)));
        }
        let mut conversation = None;
        if let Some(id) = target.conversation_id {
            let row = conversations::find(db, caller.property_id, id).await?;
            named.push(("conversation_id", Some(row.guest_id)));
            conversation = Some(row);
        }
        let Some(&(_, first)) = named.first() else {
            return Err(Error::field(
                "guest_phone",
                "is required, unless guest_id or conversation_id is given",
            ));
        };
        if named.iter().any(|(_, guest)| *guest != first) {
            let details = json!({"named_by": named.iter().map(|(field, _)| *field).collect::<Vec<_>>()});
            let problem = Problem::ConversationMismatch;
            return Err(Error::with(problem, problem.row().meaning, details));
        }
        let who = match (first, phone) {
            (Some(guest), _) => Who::Known(guest),
            (None, Some(phone)) => Who::New(phone),
            (None, None) => return Err(Error::not_found("guest")),
        };
        if let (None, Who::Known(guest)) = (&conversation, &who) {
            // The number on which the guest was last spoken with: the guest knows it, and its window may be open.
            let numbers = self.numbers_of(caller.property_id).await?;
            conversation = conversations::latest_of_guest(db, numbers, *guest).await?;
        }
        let connection = match &conversation {
            Some(row) => self.connection(row.connection_id).await?,
            None => self.default_connection(caller.property_id).await?,
        };
        if let Who::Known(guest) = &who {
            let known = guest::identifiers(db, *guest).await?;
            Recipient::choose(&known).ok_or_else(|| Error::of(Problem::GuestUnreachable))?;
        }
        Ok(Resolved { who, conversation, connection })
    }

    /// The wamid of the message that a send answers.
    pub(super) async fn resolve_reply(
        &self,
        reply_to: Option<String>,
        resolved: &Resolved,
    ) -> Result<Option<String>> {
        match reply_to.filter(|given| !given.is_empty()) {
            Some(given) => self.find_said("reply_to", &given, resolved).await.map(|(_, wamid)| Some(wamid)),
            None => Ok(None),
        }
    }

    /// A message that was said in the conversation, by our id or the provider's.
    pub(super) async fn find_said(
        &self,
        field: &str,
        given: &str,
        resolved: &Resolved,
    ) -> Result<(MessageId, String)> {
        use message::Column;
        let missing = || Error::field(field, "is no message of this conversation");
        let conversation = resolved.conversation.as_ref().ok_or_else(missing)?;
        let query = message::Entity::find().filter(Column::ConversationId.eq(conversation.id));
        let query = match given.parse::<MessageId>() {
            Ok(id) => query.filter(Column::Id.eq(id)),
            Err(_) => query.filter(Column::Wamid.eq(given)),
        };
        let row = query.one(self.db.reader()).await?.ok_or_else(missing)?;
        let wamid = row.wamid.ok_or_else(|| Error::field(field, "has not reached WhatsApp yet"))?;
        Ok((row.id, wamid))
    }
}
