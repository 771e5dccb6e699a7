//! The 24-hour window at acceptance: the message, its fallback, or a refusal that helps.

use bellhop_domain::problem::Problem;
use bellhop_domain::{Content, ConversationId, window};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::target::{Resolved, Who};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::event;

/// What leaves, and what instead if the window has closed by then.
pub(super) struct Fitted {
    pub content: Content,
    pub fallback: Option<Content>,
    /// The content is the fallback already.
    pub fell_back: bool,
}

impl App {
    /// What of these may be accepted now; a refusal where nothing may.
    pub(super) async fn fit_window(
        &self,
        caller: &Caller,
        resolved: &Resolved,
        (content, fallback): (Content, Option<Content>),
        send_at: Option<DateTime<Utc>>,
    ) -> Result<Fitted> {
        if !content.needs_window() {
            return Ok(Fitted { content, fallback: None, fell_back: false });
        }
        // What leaves later must be free to leave then, as far as anybody knows.
        let now = send_at.map_or(self.now(), |at| Ord::max(at, self.now()));
        if self.window_is_open(resolved, now).await {
            return Ok(Fitted { content, fallback, fell_back: false });
        }
        match fallback {
            // Its time may come within a window that the guest opens until then.
            Some(fallback) if now > self.now() => {
                Ok(Fitted { content, fallback: Some(fallback), fell_back: false })
            }
            Some(content) => Ok(Fitted { content, fallback: None, fell_back: true }),
            None => Err(self.window_closed(caller, resolved).await?),
        }
    }

    /// The cache may only allow; a refusal is always the database's word.
    async fn window_is_open(&self, resolved: &Resolved, now: DateTime<Utc>) -> bool {
        let Some(conversation) = &resolved.conversation else { return false };
        match self.ports.windows.get(conversation.id).await {
            Ok(cached) if window::is_open(cached, now) => return true,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "window cache left out"),
        }
        let open = window::is_open(conversation.window_expires_at, now);
        if open {
            self.cache_window(conversation.id, conversation.window_expires_at).await;
        }
        open
    }

    async fn window_closed(&self, caller: &Caller, resolved: &Resolved) -> Result<Error> {
        let conversation = resolved.conversation.as_ref();
        let phone = match &resolved.who {
            Who::New(phone) => Some(phone.to_string()),
            Who::Known(guest) => self.guest(caller, *guest).await?.phone,
        };
        let suggested = self.suggest_templates(caller.property_id, conversation.map(|row| row.id)).await?;
        let details = json!({
            "guest_phone": phone,
            "last_guest_message": conversation.and_then(|row| row.last_inbound_at).map(event::rfc3339),
            "window_expires": conversation.and_then(|row| row.window_expires_at).map(event::rfc3339),
            "suggested_templates": suggested,
        });
        let problem = Problem::MessageWindowExpired;
        Ok(Error::with(problem, problem.row().meaning, details))
    }

    pub(crate) async fn cache_window(&self, id: ConversationId, expires_at: Option<DateTime<Utc>>) {
        let Some(end) = expires_at else { return };
        if let Err(error) = self.ports.windows.put(id, end).await {
            tracing::warn!(%error, "window cache left out");
        }
    }
}
