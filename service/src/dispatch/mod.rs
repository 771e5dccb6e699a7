//! Sending: lanes, claims, attempts and what their answers mean.
//!
//! A lane is the outbound side of one conversation. Its head is the oldest message that is queued
//! or sending; nobody sends anything else of the conversation, so messages leave in the order in
//! which they were accepted. Whoever settles the head goes on with the next.

mod attempt;
mod claim;
mod fallback;
mod record;
mod settle;

use bellhop_domain::{ConversationId, MessageId};
use bellhop_entity::message;
use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::app::App;
use crate::db::in_time;
use crate::error::Result;

pub(crate) use attempt::outbound;
pub(crate) use claim::Claim;
pub(crate) use fallback::{fallback_of, put_instead};
pub(crate) use record::{find_attempt, flag_double, proven_attempts, settle_attempt};
pub(crate) use settle::{Change, event_of, kept_failure, kept_wamid, settle, step, tell};

/// What became of a claimed message in this pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// It is done with; the next one of this conversation may go. (A merge may have moved it.)
    Settled(ConversationId),
    /// It stays in the lane: it waits for a retry, or somebody else has it now.
    Waits,
}

/// Messages that hold their lane: those of a batch, and those whose time has not come, have no
/// place yet. Written out, so that SQLite sees that the partial index fits.
pub(crate) fn in_lane() -> SimpleExpr {
    Expr::cust("status IN ('queued', 'sending') AND seq IS NOT NULL")
}

impl App {
    /// Works off a conversation's lane in the background.
    pub(crate) fn start_lane(&self, conversation: ConversationId) {
        let app = self.clone();
        self.tasks.spawn(async move { app.run_lane_logged(conversation).await });
    }

    /// Sends a message that is claimed already, then goes on with its lane.
    pub(crate) fn start_claimed(&self, claim: Claim) {
        let app = self.clone();
        self.tasks.spawn(async move {
            match app.send_claimed(&claim).await {
                Ok(Pass::Settled(conversation)) => app.run_lane_logged(conversation).await,
                Ok(Pass::Waits) => {}
                Err(error) => tracing::error!(message = %claim.message, %error, "attempt not finished"),
            }
        });
    }

    async fn run_lane_logged(&self, conversation: ConversationId) {
        if let Err(error) = self.run_lane(conversation).await {
            // The lease runs out, and the sweep takes over.
            tracing::error!(%conversation, %error, "lane stopped");
        }
    }

    /// Sends what is due in a conversation, one after the other, until its head has to wait.
    async fn run_lane(&self, mut conversation: ConversationId) -> Result<()> {
        while let Some(claim) = in_time(self.claim_head(conversation)).await? {
            match self.send_claimed(&claim).await? {
                Pass::Settled(next) => conversation = next,
                Pass::Waits => break,
            }
        }
        Ok(())
    }

    /// Acts on a hint: works off the lanes of these messages. Returns when they are settled or
    /// wait, with everything committed.
    pub async fn dispatch(&self, messages: &[MessageId]) -> Result<()> {
        let mut lanes: Vec<ConversationId> = message::Entity::find()
            .select_only()
            .column(message::Column::ConversationId)
            .filter(message::Column::Id.is_in(messages.iter().copied()))
            .into_tuple()
            .all(self.db.reader())
            .await?;
        lanes.sort_unstable();
        lanes.dedup();
        let running: Vec<_> = lanes
            .into_iter()
            .map(|lane| {
                let app = self.clone();
                self.tasks.spawn(async move { app.run_lane_logged(lane).await })
            })
            .collect();
        for lane in running {
            if let Err(error) = lane.await {
                tracing::error!(%error, "lane panicked");
            }
        }
        Ok(())
    }
}
