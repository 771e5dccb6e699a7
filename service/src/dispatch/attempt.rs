//! One attempt: what is checked before the wire, and the call.

use std::sync::Arc;
use std::time::Duration;

use bellhop_domain::answer::{Accepted, Answer};
use bellhop_domain::attempt::AttemptRef;
use bellhop_domain::error_table::OwnReason;
use bellhop_domain::guest::{Identifier, Recipient};
use bellhop_domain::inbound::Sender;
use bellhop_domain::ports::{Outbound, Permit, ProviderMedia};
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::status::Evidence;
use bellhop_domain::{ConnectionId, MessageStatus, window};
use bellhop_entity::{conversation, message};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, EntityTrait};

use super::claim::Begun;
use super::{Change, Claim, Pass, settle};
use crate::app::App;
use crate::batch;
use crate::connection::{OpenConnection, Refused, Way};
use crate::db::in_time;
use crate::error::{Error, Result};
use crate::event::Scope;
use crate::failpoint;
use crate::guest::{self, Learned};
use crate::media::HandOver;
use crate::message::lock;
use crate::numbers;

/// How long a claimed message waits in memory for its number's next free place. Longer waits go
/// back to the database, so that a lease is not spent on waiting.
const PATIENCE: f64 = 0.25;
/// How much of a lease is waited for a file to be handed over.
const HAND_OVER: f64 = 0.4;
/// When a message whose file is still on its way is looked at again.
const UNDERWAY: Duration = Duration::from_secs(1);
/// When a message that waits for a new access token is looked at again, if nobody gives one before.
const NO_TOKEN: Duration = Duration::from_secs(300);

/// Everything about the message that an attempt needs.
struct Prepared {
    known: Vec<Identifier>,
    recipient: Recipient,
}

/// What the checks before the wire say.
enum Check {
    Go(Prepared),
    /// It must not or cannot leave: this is its end.
    End(Change),
}

impl App {
    /// Sends a claimed message once.
    pub(super) async fn send_claimed(&self, claim: &Claim) -> Result<Pass> {
        let Some(row) = message::Entity::find_by_id(claim.message).one(self.db.reader()).await? else {
            return Ok(Pass::Waits);
        };
        let prepared = match check(self.db.reader(), &row, self.now()).await? {
            Check::Go(prepared) => prepared,
            Check::End(change) => {
                let closed = change.to == MessageStatus::Expired;
                if closed && self.fall_back(claim, &row).await? {
                    // Looked at again at once, as the template.
                    self.give_back(claim, Duration::ZERO).await?;
                    return Ok(Pass::Settled(row.conversation_id));
                }
                return self.end_untried(claim).await;
            }
        };
        let connection = match self.way_for(claim, row.connection_id).await? {
            Ok(connection) => connection,
            Err(pass) => return Ok(pass),
        };
        let patience = self.config.lease.mul_f64(HAND_OVER);
        let media = match self.hand_over(&connection, &row.content, patience).await? {
            HandOver::Ready(media) => Ok(media),
            HandOver::Instead(answer) => Err(answer),
            HandOver::Underway => {
                self.give_back(claim, UNDERWAY).await?;
                return Ok(Pass::Waits);
            }
        };
        if let Some(delay) = self.wait_for_place(claim, (&connection, &prepared.recipient)).await {
            self.give_back(claim, delay).await?;
            return Ok(Pass::Waits);
        }
        let row = match in_time(self.begin_attempt(claim, &row)).await? {
            Begun::OnWire(row) => row,
            Begun::NotWanted(lane) => return Ok(Pass::Settled(lane)),
            Begun::NotOurs => return Ok(Pass::Waits),
        };
        failpoint::here("attempt_begun");
        let attempt = AttemptRef { message: row.id, number: row.attempt };
        let Prepared { known, recipient } = prepared;
        let answer = match (media, claim.call_deadline(self.config.lease)) {
            (Ok(media), Some(deadline)) => {
                let outbound = outbound(&row, (recipient, media), (attempt, deadline));
                self.call_provider(&connection, &outbound).await
            }
            (Err(instead), _) => instead,
            (Ok(_), None) => Answer::NeverSent { reason: "the lease was nearly over".to_owned() },
        };
        failpoint::here("attempt_answered");
        let pass = self.record_answer(attempt, &answer).await?;
        failpoint::here("attempt_recorded");
        if let Answer::Accepted(accepted) = &answer {
            // The account behind the number is the better address from now on.
            let Accepted { wa_id, bsuid, .. } = accepted.clone();
            let sender = Sender { wa_id, bsuid, ..Sender::default() };
            let learned = Learned { property: row.property_id, guest: row.guest_id, sender };
            self.learn_addresses(&known, learned).await;
        }
        Ok(pass)
    }

    /// The connection over which a claimed message leaves; what became of the message when it cannot.
    async fn way_for(
        &self,
        claim: &Claim,
        connection: ConnectionId,
    ) -> Result<std::result::Result<Arc<OpenConnection>, Pass>> {
        match self.way(connection).await? {
            Way::Open(connection) => Ok(Ok(connection)),
            Way::Waits => {
                self.give_back(claim, NO_TOKEN).await?;
                // A new token may have come in between, and have found nothing that waits.
                self.release_if_renewed(claim.message).await?;
                Ok(Err(Pass::Waits))
            }
            Way::Gone => {
                let failure = ProviderError::own(OwnReason::NumberRemoved);
                self.fail_untried(claim, failure).await.map(Err)
            }
        }
    }

    /// The call itself, and what its answer says about more than this message.
    pub(crate) async fn call_provider(&self, connection: &OpenConnection, outbound: &Outbound) -> Answer {
        let answer = numbers::timed(self.ports.provider.send(&connection.line, outbound)).await;
        tracing::debug!(attempt = %outbound.attempt, answer = answer_word(&answer), "attempt answered");
        numbers::attempt(answer_word(&answer), &answer);
        match answer {
            Answer::Refused(error) => self.heed_refusal(connection, error).await,
            Answer::Accepted(_) => {
                self.note_sent(connection.id);
                answer
            }
            Answer::NeverSent { ref reason } | Answer::Unknown { ref reason } => {
                self.note_silence(connection.id, reason);
                answer
            }
        }
    }

    async fn heed_refusal(&self, connection: &OpenConnection, error: ProviderError) -> Answer {
        self.note_refusal(connection.id, &error);
        if error.forbids_sending() && self.token_refused(connection, &error).await == Refused::FormerToken {
            // As certain as any refusal, and no reason to wait for long.
            return Answer::NeverSent { reason: "the access token was replaced in the meantime".to_owned() };
        }
        if error.is_about_throughput() {
            self.ports.limiter.slow_down(connection.id, connection.pace).await;
        }
        let reason = format!("{} ({})", error.title, error.code);
        if error.restricts_the_number()
            && let Err(failed) = batch::stop_of_connection(self, connection.id, &reason).await
        {
            tracing::error!(connection = %connection.id, error = %failed, "batches not stopped");
        }
        Answer::Refused(error)
    }

    /// Takes a place within the provider's limits. `Some` when that is too far off: the delay.
    async fn wait_for_place(
        &self,
        claim: &Claim,
        (connection, recipient): (&OpenConnection, &Recipient),
    ) -> Option<Duration> {
        let patience = self.config.lease.mul_f64(PATIENCE);
        match self.ports.limiter.acquire(connection.id, recipient, connection.pace, patience).await {
            Permit::Granted { after } => {
                tracing::trace!(message = %claim.message, ?after, "has a place");
                tokio::time::sleep(after).await;
                None
            }
            Permit::RecipientBusy(delay) | Permit::ConnectionBusy(delay) => Some(delay),
        }
    }

    /// Ends a claimed message without an attempt. Looked at again under its lock: a merge or a
    /// guest's message in between may have changed what the first look said.
    async fn end_untried(&self, claim: &Claim) -> Result<Pass> {
        let tx = self.db.begin().await?;
        let row = lock(&tx, claim.message).await?;
        if row.lease_token != Some(claim.token) || row.status != MessageStatus::Queued {
            return Ok(Pass::Waits);
        }
        let change = match check(&tx, &row, self.now()).await? {
            Check::End(change) => change,
            Check::Go(_) => {
                tx.rollback().await?;
                self.give_back(claim, Duration::ZERO).await?;
                return Ok(Pass::Settled(row.conversation_id));
            }
        };
        let scope = Scope { property: row.property_id, at: self.now() };
        let row = settle(&tx, scope, row, change).await?;
        tx.commit().await?;
        Ok(Pass::Settled(row.conversation_id))
    }

    /// Ends a claimed message that cannot leave, without an attempt.
    async fn fail_untried(&self, claim: &Claim, failure: ProviderError) -> Result<Pass> {
        let tx = self.db.begin().await?;
        let row = lock(&tx, claim.message).await?;
        if row.lease_token != Some(claim.token) || row.status != MessageStatus::Queued {
            return Ok(Pass::Waits);
        }
        let scope = Scope { property: row.property_id, at: self.now() };
        let row = settle(&tx, scope, row, Change::failed(failure, Evidence::Dispatch)).await?;
        tx.commit().await?;
        Ok(Pass::Settled(row.conversation_id))
    }

    /// Stores an answer; tried again, because an answer that is lost here becomes a doubt.
    pub(crate) async fn record_answer(&self, attempt: AttemptRef, answer: &Answer) -> Result<Pass> {
        let mut tries = 0;
        loop {
            match in_time(self.record_once(attempt, answer)).await {
                Err(Error::Database(error)) if tries < 3 => {
                    tries += 1;
                    tracing::warn!(%attempt, %error, "answer not stored, trying again");
                    tokio::time::sleep(Duration::from_millis(100 << tries)).await;
                }
                other => {
                    if let Answer::Refused(error) = answer
                        && error.forbids_sending()
                    {
                        self.release_if_renewed(attempt.message).await?;
                    }
                    return other;
                }
            }
        }
    }
}

async fn check(db: &impl ConnectionTrait, row: &message::Model, now: DateTime<Utc>) -> Result<Check> {
    if row.content.needs_window() {
        let conversation = conversation::Entity::find_by_id(row.conversation_id).one(db).await?;
        if !window::is_open(conversation.and_then(|c| c.window_expires_at), now) {
            return Ok(Check::End(Change::to(MessageStatus::Expired, Evidence::Dispatch)));
        }
    }
    let known = guest::identifiers(db, row.guest_id).await?;
    match Recipient::choose(&known) {
        Some(recipient) if row.content.is_sendable() => Ok(Check::Go(Prepared { known, recipient })),
        Some(_) | None => {
            let failure = ProviderError::own(OwnReason::GuestUnreachable);
            Ok(Check::End(Change::failed(failure, Evidence::Dispatch)))
        }
    }
}

fn answer_word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Accepted(_) => "accepted",
        Answer::Refused(_) => "refused",
        Answer::NeverSent { .. } => "never_sent",
        Answer::Unknown { .. } => "unknown",
    }
}

/// What goes on the wire.
pub(crate) fn outbound(
    row: &message::Model,
    (recipient, media): (Recipient, Option<ProviderMedia>),
    (attempt, deadline): (AttemptRef, Duration),
) -> Outbound {
    let (content, reply_to) = (row.content.clone(), row.reply_to.clone());
    Outbound { recipient, content, media, reply_to, attempt, deadline }
}
