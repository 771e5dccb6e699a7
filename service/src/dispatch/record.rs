//! Storing what is known of an attempt: by its number, also after its lease was lost.

use bellhop_domain::answer::Answer;
use bellhop_domain::attempt::{AttemptOutcome, AttemptRef};
use bellhop_domain::error_table::OwnReason;
use bellhop_domain::provider_error::ProviderError;
use bellhop_domain::retry::{self, AfterRefusal};
use bellhop_domain::status::Evidence;
use bellhop_domain::{Content, MessageId, MessageStatus};
use bellhop_entity::{attempt, message};
use chrono::TimeDelta;
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};

use super::{Change, Pass, fallback_of, kept_failure, kept_wamid, put_instead, settle, tell};
use crate::app::App;
use crate::batch::{self, RetryPolicy};
use crate::consent;
use crate::db::real_now;
use crate::error::Result;
use crate::event::Scope;
use crate::ingest;
use crate::message::lock;

impl App {
    /// Stores an answer and what it means for its message, in one transaction.
    pub(super) async fn record_once(&self, attempt: AttemptRef, answer: &Answer) -> Result<Pass> {
        let tx = self.db.begin().await?;
        let stopped = matches!(answer, Answer::Refused(error) if error.says_marketing_stopped());
        if stopped {
            consent::hold_guest_of(&tx, attempt.message).await?;
        }
        let row = lock(&tx, attempt.message).await?;
        let scope = Scope { property: row.property_id, at: self.now() };
        // A webhook that overtook the answer knows better: taken, and failed afterwards.
        let known = find_attempt(&tx, attempt).await?;
        let overtaken = matches!(answer, Answer::Accepted(_))
            && known.as_ref().is_some_and(|known| known.outcome == AttemptOutcome::Failed);
        let row = if overtaken {
            row
        } else {
            let (outcome, wamid, error) = facts(answer);
            let wamid = wamid.map(|wamid| kept_wamid(&row, wamid));
            settle_attempt(&tx, known, outcome, (wamid.as_deref(), kept_failure(&row, error))).await?;
            record(&tx, scope, (row, attempt), answer).await?
        };
        if stopped {
            consent::note_refusal(&tx, scope, &row, None).await?;
        }
        tx.commit().await?;
        Ok(if row.status.holds_the_lane() { Pass::Waits } else { Pass::Settled(row.conversation_id) })
    }
}

async fn record(
    tx: &DatabaseTransaction,
    scope: Scope,
    (row, attempt): (message::Model, AttemptRef),
    answer: &Answer,
) -> Result<message::Model> {
    let nth = in_a_row(tx, attempt, answer).await?;
    let policy = match answer {
        Answer::Refused(_) | Answer::NeverSent { .. } => batch::retry_policy(tx, &row).await?,
        Answer::Accepted(_) | Answer::Unknown { .. } => None,
    };
    let refusals = if policy.is_some() { refusals(tx, attempt.message).await? } else { 0 };
    let (row, change) = match closed_window(tx, (&row, attempt), answer).await? {
        Some((error, content)) => {
            let row = put_instead(tx, row, content).await?;
            let again = requeue(&row, error, std::time::Duration::ZERO);
            (row, Some(again))
        }
        None => {
            let change = change_for(&row, (attempt, nth, policy.map(|policy| (policy, refusals))), answer);
            (row, change)
        }
    };
    let row = match change {
        Some(change) => settle(tx, scope, row, change).await?,
        None => row,
    };
    let row = if row.status == MessageStatus::Queued && policy.is_some_and(|policy| policy.cancelled) {
        batch::forget(tx, &row).await?;
        settle(tx, scope, row, Change::to(MessageStatus::Cancelled, Evidence::Dispatch)).await?
    } else {
        row
    };
    match answer {
        Answer::Accepted(accepted) => {
            let row = flag_double(tx, scope, row).await?;
            ingest::apply_parked(tx, scope, (row, attempt), &accepted.wamid).await
        }
        Answer::Refused(_) | Answer::NeverSent { .. } | Answer::Unknown { .. } => Ok(row),
    }
}

/// What goes out instead, when the answer is that the guest's window had closed.
async fn closed_window(
    tx: &DatabaseTransaction,
    (row, attempt): (&message::Model, AttemptRef),
    answer: &Answer,
) -> Result<Option<(ProviderError, Content)>> {
    match answer {
        Answer::Refused(error) if error.says_window_closed() && is_present(row, attempt) => {
            Ok(fallback_of(tx, row).await?.map(|content| (error.clone(), content)))
        }
        Answer::Refused(_) | Answer::Accepted(_) | Answer::NeverSent { .. } | Answer::Unknown { .. } => {
            Ok(None)
        }
    }
}

/// How many attempts in a row, this one included, ended for the same kind of reason. Patience and
/// gaps belong to one cause: an outage before must not make the first 131000 the last.
async fn in_a_row(tx: &DatabaseTransaction, this: AttemptRef, answer: &Answer) -> Result<i32> {
    let class = match answer {
        Answer::Refused(error) => Some(error.class()),
        Answer::NeverSent { .. } => None,
        Answer::Accepted(_) | Answer::Unknown { .. } => return Ok(1),
    };
    let before = attempt::Entity::find()
        .filter(attempt::Column::MessageId.eq(this.message))
        .filter(attempt::Column::Number.lt(this.number))
        .order_by_desc(attempt::Column::Number)
        .limit(LOOK_BACK)
        .all(tx)
        .await?;
    let same = |row: &&attempt::Model| {
        let error = || row.error.clone().and_then(|e| serde_json::from_value::<ProviderError>(e).ok());
        match class {
            Some(class) => {
                row.outcome == AttemptOutcome::Refused && error().is_some_and(|e| e.class() == class)
            }
            None => row.outcome == AttemptOutcome::NeverSent,
        }
    };
    Ok(1 + i32::try_from(before.iter().take_while(same).count()).unwrap_or(i32::MAX - 1))
}

/// A batch's policy, and how many refusals count for it.
type Policy = (RetryPolicy, usize);

/// Refusals of a message that say something about it, this one included.
async fn refusals(tx: &DatabaseTransaction, message: MessageId) -> Result<usize> {
    let refused = attempt::Entity::find()
        .filter(attempt::Column::MessageId.eq(message))
        .filter(attempt::Column::Outcome.eq(AttemptOutcome::Refused))
        .all(tx)
        .await?;
    let errors =
        refused.into_iter().filter_map(|row| serde_json::from_value::<ProviderError>(row.error?).ok());
    Ok(errors.filter(batch::counts).count())
}

/// The longest row of refusals that still lengthens the gap.
const LOOK_BACK: u64 = 20;

fn facts(answer: &Answer) -> (AttemptOutcome, Option<&str>, Option<serde_json::Value>) {
    match answer {
        Answer::Accepted(accepted) => (AttemptOutcome::Sent, Some(&accepted.wamid), None),
        Answer::Refused(error) => (AttemptOutcome::Refused, None, serde_json::to_value(error).ok()),
        Answer::NeverSent { reason } => (AttemptOutcome::NeverSent, None, Some(reason.as_str().into())),
        Answer::Unknown { reason } => (AttemptOutcome::InDoubt, None, Some(reason.as_str().into())),
    }
}

/// What the answer means for the message; `None` when it says nothing about its present state.
fn change_for(
    row: &message::Model,
    (attempt, nth, policy): (AttemptRef, i32, Option<Policy>),
    answer: &Answer,
) -> Option<Change> {
    match answer {
        Answer::Accepted(accepted) => {
            // Also proves an earlier attempt, as an echo does, when the message went on without it.
            let late = row.attempt != attempt.number || row.status != MessageStatus::Sending;
            let evidence = if late { Evidence::Echo } else { Evidence::Dispatch };
            Some(Change { wamid: Some(accepted.wamid.clone()), ..Change::to(MessageStatus::Sent, evidence) })
        }
        // A refusal speaks for its own attempt, and only while nothing better is known.
        Answer::Refused(_) | Answer::NeverSent { .. } | Answer::Unknown { .. }
            if !is_present(row, attempt) =>
        {
            None
        }
        Answer::Refused(error) => Some(after_refusal(row, (nth, policy), error)),
        Answer::NeverSent { reason } => {
            let delay = retry::after_no_connection(nth, rand::random());
            let details = Some(reason.clone());
            let failure = ProviderError { details, ..ProviderError::own(OwnReason::NotReached) };
            Some(requeue(row, failure, delay))
        }
        Answer::Unknown { .. } => Some(Change::to(MessageStatus::InDoubt, Evidence::Dispatch)),
    }
}

/// Whether nothing better is known than what this attempt's answer says.
fn is_present(row: &message::Model, attempt: AttemptRef) -> bool {
    row.attempt == attempt.number && matches!(row.status, MessageStatus::Sending | MessageStatus::InDoubt)
}

fn after_refusal(
    row: &message::Model,
    (nth, policy): (i32, Option<Policy>),
    error: &ProviderError,
) -> Change {
    if policy.is_some_and(|(policy, refusals)| policy.is_spent(refusals, error)) {
        return Change::failed(error.clone(), Evidence::Dispatch);
    }
    match retry::after_refusal(error.class(), nth, rand::random()) {
        AfterRefusal::GiveUp => Change::failed(error.clone(), Evidence::Dispatch),
        AfterRefusal::RetryIn(delay) => {
            let delay = policy.and_then(|(policy, _)| policy.delay(error)).unwrap_or(delay);
            // The provider knows best how long it wants to be left alone.
            requeue(row, error.clone(), delay.max(error.retry_after.unwrap_or_default()))
        }
    }
}

fn requeue(row: &message::Model, failure: ProviderError, delay: std::time::Duration) -> Change {
    // A late refusal of a message in doubt is the proof that it did not leave: as good as a
    // decision to send it again.
    let evidence = if row.status == MessageStatus::InDoubt { Evidence::Decision } else { Evidence::Dispatch };
    let due_at = real_now() + TimeDelta::from_std(delay).unwrap_or(TimeDelta::seconds(1));
    Change { failure: Some(failure), due_at: Some(due_at), ..Change::to(MessageStatus::Queued, evidence) }
}

/// An attempt as it is known; `None` for one that we never made.
pub(crate) async fn find_attempt(
    tx: &DatabaseTransaction,
    attempt: AttemptRef,
) -> Result<Option<attempt::Model>> {
    Ok(attempt::Entity::find_by_id((attempt.message, attempt.number)).one(tx).await?)
}

/// Writes what is known of an attempt. A wamid, once known, and a proof that it was sent stay.
pub(crate) async fn settle_attempt(
    tx: &DatabaseTransaction,
    known: Option<attempt::Model>,
    outcome: AttemptOutcome,
    (wamid, error): (Option<&str>, Option<serde_json::Value>),
) -> Result<()> {
    let Some(known) = known else { return Ok(()) };
    let proven = matches!(known.outcome, AttemptOutcome::Sent | AttemptOutcome::Failed);
    let weaker =
        matches!(outcome, AttemptOutcome::InDoubt | AttemptOutcome::NeverSent | AttemptOutcome::Refused);
    let mut new = known.clone().into_active_model();
    if known.outcome != outcome && !(proven && weaker) {
        new.outcome = Set(outcome);
        new.error = Set(error);
    }
    if let Some(wamid) = wamid.filter(|_| known.wamid.is_none()) {
        new.wamid = Set(Some(wamid.to_owned()));
    }
    if known.ended_at.is_none() {
        new.ended_at = Set(Some(real_now()));
    }
    if new.is_changed() {
        new.update(tx).await?;
    }
    Ok(())
}

/// How many attempts of a message are proven to have reached the provider.
pub(crate) async fn proven_attempts(tx: &DatabaseTransaction, message: MessageId) -> Result<u64> {
    let proven = attempt::Entity::find()
        .filter(attempt::Column::MessageId.eq(message))
        .filter(attempt::Column::Outcome.eq(AttemptOutcome::Sent));
    Ok(proven.count(tx).await?)
}

/// Reports a message that is proven to have been sent twice.
pub(crate) async fn flag_double(
    tx: &DatabaseTransaction,
    scope: Scope,
    row: message::Model,
) -> Result<message::Model> {
    // The first attempt has no elder that could be proven too.
    if row.sent_twice || row.attempt < 2 || proven_attempts(tx, row.id).await? < 2 {
        return Ok(row);
    }
    tracing::warn!(message = %row.id, "two attempts of a message reached the provider");
    let mut new = row.into_active_model();
    new.sent_twice = Set(true);
    let row = new.update(tx).await?;
    tell(tx, scope, &row).await?;
    Ok(row)
}
