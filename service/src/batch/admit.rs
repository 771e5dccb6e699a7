//! Which lines of a batch become messages.

use std::collections::HashMap;

use bellhop_domain::batch::RefusalKind;
use bellhop_domain::{Content, ConversationId, GuestId, window};
use sea_orm::DatabaseTransaction;

use super::lines::{Candidate, Unusable};
use super::people;
use super::receive::Reception;
use crate::consent::{Gate, NotWanted};
use crate::error::Result;

/// A message that will be.
pub(super) struct Ready {
    pub candidate: Candidate,
    pub guest: GuestId,
    pub conversation: ConversationId,
    pub key: String,
}

impl Reception {
    /// Finds everybody and refuses those who cannot get their message.
    pub(super) async fn ready(
        &mut self,
        tx: &DatabaseTransaction,
        candidates: Vec<Candidate>,
        refused: &mut Vec<(i32, RefusalKind, Unusable)>,
    ) -> Result<Vec<Ready>> {
        let guests = people::guests_of(tx, self.scope, &candidates).await?;
        let found: Vec<GuestId> = guests.iter().filter_map(|guest| guest.as_ref().ok().copied()).collect();
        let conversations = people::conversations_of(tx, self.scope, self.row.connection_id, found).await?;
        let unwanted = self.unwanted(tx, &candidates, &guests).await?;
        let mut ready = Vec::with_capacity(candidates.len());
        for (candidate, guest) in candidates.into_iter().zip(guests) {
            let number = candidate.number;
            if let Some(not_wanted) = unwanted.get(&number) {
                let unusable = Unusable::new(candidate.who.field(), not_wanted.reason());
                refused.push((number, RefusalKind::OptedOut, unusable));
                continue;
            }
            match self.admit(candidate, guest, &conversations) {
                Ok(admitted) => ready.push(admitted),
                Err((kind, unusable)) => refused.push((number, kind, unusable)),
            }
        }
        Ok(ready)
    }

    fn admit(
        &mut self,
        candidate: Candidate,
        guest: Result<GuestId, Unusable>,
        conversations: &HashMap<GuestId, people::Found>,
    ) -> Result<Ready, (RefusalKind, Unusable)> {
        let guest = guest.map_err(|unusable| (RefusalKind::Rejected, unusable))?;
        let Some(&(conversation, window)) = conversations.get(&guest) else {
            return Err((RefusalKind::Rejected, Unusable::new("guest_id", "there is no such guest")));
        };
        // A scheduled text is asked again when its time comes.
        let now = self.row.send_at.unwrap_or(self.scope.at).max(self.scope.at);
        let closed = candidate.content.needs_window() && !window::is_open(window, now);
        if closed && self.row.fallback.is_none() {
            let reason = "is outside the 24-hour window; use a template, or give a fallback_template";
            return Err((RefusalKind::Rejected, Unusable::new("content", reason)));
        }
        let key = match &candidate.reference {
            Some(reference) => format!("r:{reference}"),
            None => guest.to_string(),
        };
        if !self.seen.insert(key.clone()) {
            let (field, reason) = match &candidate.reference {
                Some(_) => ("reference", "is in this batch already"),
                None => ("phone", "this guest is in this batch already; give each a reference of its own"),
            };
            return Err((RefusalKind::Duplicate, Unusable::new(field, reason)));
        }
        Ok(Ready { candidate, guest, conversation, key })
    }

    /// The lines whose guests do not want what would leave for them, or instead of it. The guests are locked.
    async fn unwanted(
        &self,
        tx: &DatabaseTransaction,
        candidates: &[Candidate],
        guests: &[Result<GuestId, Unusable>],
    ) -> Result<HashMap<i32, NotWanted>> {
        let found = guests.iter().filter_map(|guest| guest.as_ref().ok().copied());
        let gate = Gate::read(tx, self.scope.property, found).await?;
        let mut lines = Vec::with_capacity(candidates.len());
        let mut asked: Vec<(GuestId, &Content)> = Vec::with_capacity(candidates.len());
        for (candidate, guest) in candidates.iter().zip(guests) {
            let Ok(guest) = guest else { continue };
            let instead = self.row.fallback.as_ref().filter(|_| candidate.content.needs_window());
            for content in [&candidate.content].into_iter().chain(instead) {
                lines.push(candidate.number);
                asked.push((*guest, content));
            }
        }
        let found = gate.check_all(tx, &asked).await?;
        Ok(lines.into_iter().zip(found).filter_map(|(line, found)| Some((line, found?))).collect())
    }
}
