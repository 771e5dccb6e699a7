//! Accepting a message: everything is checked, then written in one transaction.

mod accept;
mod draft;
mod suggest;
mod target;
mod window;

use bellhop_domain::MessageId;
use bellhop_domain::rights::Right;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

pub use draft::{Draft, TemplateSend};
pub use target::Target;

pub(crate) use accept::{insert_scheduled, lease_token};
pub(crate) use draft::{fill, misfit};

use crate::app::App;
use crate::auth::Caller;
use crate::batch::check_send_at;
use crate::error::{Error, Result};
use crate::idempotency::IdempotencyKey;
use crate::message::MessageView;

const METADATA_MAX: usize = 4096;
const STAFF_ID_MAX: usize = 64;

/// What every kind of send may carry.
#[derive(Debug, Clone, Default)]
pub struct SendOptions {
    /// Kept as given.
    pub staff_member_id: Option<String>,
    pub metadata: Option<Map<String, Value>>,
    /// Laid over the conversation's own.
    pub conversation_metadata: Option<Map<String, Value>>,
    pub idempotency_key: Option<IdempotencyKey>,
    /// Leaves then instead of now; a time that has passed is now.
    pub send_at: Option<DateTime<Utc>>,
    /// The message of the conversation that this one answers: our id or the provider's.
    pub reply_to: Option<String>,
    /// Leaves instead where the window is closed: now, or when the message's turn comes.
    pub fallback_template: Option<TemplateSend>,
}

impl App {
    /// Accepts a message of any kind. Free-form ones are refused outside the guest's window, unless there is
    /// a template for that case.
    pub async fn send(
        &self,
        caller: &Caller,
        target: Target,
        draft: Draft,
        mut options: SendOptions,
    ) -> Result<MessageView> {
        caller.require(Right::SendMessages)?;
        if let Some(made) = self.made_before(caller, &options).await? {
            return Ok(made);
        }
        options.check(self.now())?;
        options.staff_member_id = caller.staff_member(options.staff_member_id)?;
        let draft = draft.check()?;
        let resolved = self.resolve(caller, &target).await?;
        let over = (caller.property_id, resolved.connection.id);
        let fallback = match options.fallback_template.take() {
            Some(template) => Some(self.fill_template(over, template).await?),
            None => None,
        };
        let content = self.resolve_draft(caller, draft, &resolved).await?;
        options.reply_to = self.resolve_reply(options.reply_to, &resolved).await?;
        let content = self.fit_window(caller, &resolved, (content, fallback), options.send_at).await?;
        self.accept(caller, resolved, content, options).await
    }

    async fn made_before(&self, caller: &Caller, options: &SendOptions) -> Result<Option<MessageView>> {
        let Some(key) = &options.idempotency_key else { return Ok(None) };
        match key.find::<MessageId>(self.db.reader(), caller, self.now()).await? {
            Some(id) => self.message(caller, id).await.map(Some),
            None => Ok(None),
        }
    }
}

impl SendOptions {
    fn check(&self, now: DateTime<Utc>) -> Result<()> {
        check_send_at(self.send_at, now)?;
        if self.staff_member_id.as_ref().is_some_and(|id| id.chars().count() > STAFF_ID_MAX) {
            return Err(Error::field(
                "staff_member_id",
                format_args!("must have at most {STAFF_ID_MAX} characters"),
            ));
        }
        for (field, map) in
            [("metadata", &self.metadata), ("conversation_metadata", &self.conversation_metadata)]
        {
            let size = map.as_ref().map_or(0, |map| serde_json::to_string(map).map_or(0, |text| text.len()));
            if size > METADATA_MAX {
                return Err(Error::field(
                    field,
                    format_args!("has {size} bytes as JSON; at most {METADATA_MAX} are kept"),
                ));
            }
        }
        Ok(())
    }
}
