//! A lane: one task that puts a batch's chunks on the wire, one after the other.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellhop_domain::answer::Answer;
use bellhop_domain::attempt::AttemptRef;
use bellhop_domain::batch::{BatchMove, GROUP_MAX};
use bellhop_domain::ports::{BatchAsk, BatchPlace, Outbound, Permit};
use bellhop_domain::{BatchId, MessageId};
use bellhop_entity::{batch, message};
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::begin::Begun;
use super::chunk::{self, Chunk};
use super::prepare::Prepared;
use super::state;
use crate::app::App;
use crate::connection::OpenConnection;
use crate::db::{in_time, real_now};
use crate::error::{Error, Result};
use crate::failpoint;

/// How far ahead places are taken: a single send waits no longer than this behind a batch, and no
/// more than this is in doubt after a death.
const AHEAD: Duration = Duration::from_millis(50);
/// A place that was missed by more is not used: those who were held up together would leave together.
const LATE: Duration = Duration::from_millis(100);
/// How long a lane goes on before others get its turn.
const TURN: Duration = Duration::from_secs(5);
/// The longest sleep between two looks at whether the batch still runs.
const NAP: Duration = Duration::from_millis(500);
/// When a message whose conversation is busy is looked at again.
const BUSY: Duration = Duration::from_secs(1);

/// How a chunk was left.
enum Sent {
    /// Everything that was due is on its way.
    Through,
    /// The batch was paused, or the chunk is somebody else's, or the process is about to end.
    Halted,
}

impl App {
    /// Acts on a hint: sends this chunk, and goes on with the batch's next ones.
    pub async fn run_lane_of_batch(
        &self,
        id: BatchId,
        number: i32,
        closing: &CancellationToken,
    ) -> Result<()> {
        let row = batch::Entity::find_by_id(id).one(self.db.reader()).await?;
        let Some(row) = row.filter(|row| row.status.sends()) else { return Ok(()) };
        let Some(mut chunk) = in_time(self.claim_chunk(&row, number)).await? else { return Ok(()) };
        self.mark_running(&row).await?;
        let connection = self.connection(row.connection_id).await?;
        let began = Instant::now();
        loop {
            let calls = TaskTracker::new();
            let sent = self.send_chunk((&row, &connection), chunk, &calls, closing).await;
            self.leave_after(chunk, calls, &sent);
            match sent {
                Ok(Sent::Through) => {}
                Ok(Sent::Halted) => return Ok(()),
                Err(error) => return Err(error),
            }
            if began.elapsed() > TURN || closing.is_cancelled() {
                let tx = self.db.begin().await?;
                chunk::open(&tx, id, 1).await?;
                tx.commit().await?;
                self.wake.notify_one();
                return Ok(());
            }
            match in_time(self.claim_next_chunk(&row)).await? {
                Some(next) => chunk = next,
                None => return Ok(()),
            }
        }
    }

    async fn mark_running(&self, row: &batch::Model) -> Result<()> {
        if row.started_at.is_some() && row.status.after(BatchMove::Run).is_none() {
            return Ok(());
        }
        let tx = self.db.begin().await?;
        let row = state::lock(&tx, row.id).await?;
        let now = self.now();
        let status = row.status.after(BatchMove::Run).unwrap_or(row.status);
        let started = row.started_at.or(Some(now));
        state::put(&tx, row, status, |new| new.started_at = Set(started)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Gives the chunk back when its last answer is stored, without holding up the lane.
    fn leave_after(&self, chunk: Chunk, calls: TaskTracker, sent: &Result<Sent>) {
        calls.close();
        let app = self.clone();
        let soonest = if sent.is_err() { Duration::from_secs(1) } else { Duration::ZERO };
        self.tasks.spawn(async move {
            calls.wait().await;
            if let Err(error) = in_time(app.leave_chunk(chunk, soonest)).await {
                // Its lease runs out, and the next hint brings it back.
                tracing::warn!(batch = %chunk.batch, chunk = chunk.number, %error, "chunk not left");
            }
        });
    }

    async fn send_chunk(
        &self,
        (batch, connection): (&batch::Model, &Arc<OpenConnection>),
        chunk: Chunk,
        calls: &TaskTracker,
        closing: &CancellationToken,
    ) -> Result<Sent> {
        let mut waiting = in_time(self.prepare_chunk(batch, chunk)).await?;
        failpoint::here("chunk_prepared");
        let mut renewed = Instant::now();
        while !waiting.is_empty() {
            if closing.is_cancelled() {
                return Ok(Sent::Halted);
            }
            let mut group = first_of_each_lane(&waiting);
            // Room on the wire first: a place is not kept waiting.
            let room = self.room_on_wire(group.len()).await?;
            let exposed = self.exposure.begin(group.len()).await;
            group.truncate(exposed);
            let (going, put_off, again) = self.places(batch, connection, &group).await;
            // Right after the call: the limiter counts from its answer.
            let asked = Instant::now();
            self.exposure.remove(exposed - going.len());
            self.put_off_each(&put_off).await?;
            waiting.retain(|prepared| !put_off.iter().any(|(id, _)| *id == prepared.id));
            if going.is_empty() {
                drop(room);
                tokio::time::sleep(again.min(NAP)).await;
                if renewed.elapsed() > self.config.lease / 4 {
                    renewed = Instant::now();
                    if !self.still_ours(batch.id, chunk).await? {
                        return Ok(Sent::Halted);
                    }
                }
                continue;
            }
            failpoint::here("places_taken");
            let group: Vec<&Prepared> = going.iter().map(|(prepared, _)| prepared).collect();
            let begun = in_time(self.begin_group(chunk, &group)).await;
            let went = match &begun {
                Ok(Begun::Group { went, .. }) => went.len(),
                Ok(Begun::Halted) | Err(_) => 0,
            };
            self.exposure.remove(group.len() - went);
            let Begun::Group { went, closed } = begun? else { return Ok(Sent::Halted) };
            failpoint::here("group_begun");
            renewed = Instant::now();
            let asked_for: HashSet<MessageId> = group.iter().map(|prepared| prepared.id).collect();
            waiting.retain(|prepared| !asked_for.contains(&prepared.id));
            let skipped = skipped(&asked_for, &went, &closed);
            self.call_each(went, going, (connection, asked), (calls, room));
            self.close_or_replace(batch, &closed).await?;
            self.put_off(&skipped, BUSY).await?;
        }
        Ok(Sent::Through)
    }

    async fn room_on_wire(&self, calls: usize) -> Result<OwnedSemaphorePermit> {
        let calls = u32::try_from(calls).unwrap_or(1);
        let room = Arc::clone(&self.wire).acquire_many_owned(calls).await;
        room.map_err(|_| Error::of(bellhop_domain::problem::Problem::Unavailable))
    }

    /// Asks the limiter: who has a place and when, who has to wait for long, and when to ask again.
    async fn places(
        &self,
        batch: &batch::Model,
        connection: &OpenConnection,
        group: &[Prepared],
    ) -> (Vec<(Prepared, Duration)>, Vec<(MessageId, Duration)>, Duration) {
        let recipients: Vec<_> = group.iter().map(|prepared| prepared.recipient.clone()).collect();
        let ask = BatchAsk {
            batch: batch.id,
            batch_pace: batch.messages_per_second.map(f64::from),
            connection: connection.id,
            pace: connection.pace,
            recipients: &recipients,
            ahead: AHEAD,
        };
        let permit = self.ports.limiter.acquire_group(&ask).await;
        let (mut going, mut put_off) = (Vec::with_capacity(group.len()), Vec::new());
        for (prepared, place) in group.iter().zip(permit.places) {
            match place {
                BatchPlace::After(after) => going.push((prepared.clone(), after)),
                BatchPlace::RecipientBusy(delay) => put_off.push((prepared.id, delay)),
                BatchPlace::NotYet => {}
            }
        }
        (going, put_off, permit.again)
    }

    async fn put_off_each(&self, put_off: &[(MessageId, Duration)]) -> Result<()> {
        for (id, delay) in put_off {
            self.put_off(&[*id], *delay).await?;
        }
        Ok(())
    }

    async fn still_ours(&self, id: BatchId, chunk: Chunk) -> Result<bool> {
        let tx = self.db.begin().await?;
        let row = batch::Entity::find_by_id(id).one(&tx).await?;
        let ours = row.is_some_and(|row| row.status.sends()) && self.renew_chunk(&tx, chunk).await?;
        tx.commit().await?;
        Ok(ours)
    }

    async fn close_or_replace(&self, batch: &batch::Model, closed: &[MessageId]) -> Result<()> {
        if closed.is_empty() {
            return Ok(());
        }
        if batch.fallback.is_some() {
            // Due again at once, as a template.
            return self.use_fallback(batch, closed).await;
        }
        for id in closed {
            self.expire(*id).await?;
        }
        Ok(())
    }

    /// Calls the provider for each at its place, in tasks of their own.
    fn call_each(
        &self,
        went: Vec<message::Model>,
        going: Vec<(Prepared, Duration)>,
        (connection, asked): (&Arc<OpenConnection>, Instant),
        (calls, mut room): (&TaskTracker, OwnedSemaphorePermit),
    ) {
        for row in went {
            let Some((prepared, after)) = going.iter().find(|(prepared, _)| prepared.id == row.id) else {
                continue;
            };
            let (app, connection, prepared) = (self.clone(), Arc::clone(connection), prepared.clone());
            let place = asked + *after;
            let room = room.split(1);
            calls.spawn(self.tasks.track_future(async move {
                let answer = app.call_at(&row, &prepared, &connection, place).await;
                app.exposure.add();
                app.recorder.submit(&app, (row, prepared.known), answer).await;
                app.exposure.remove(1);
                drop(room);
            }));
        }
    }

    async fn call_at(
        &self,
        row: &message::Model,
        prepared: &Prepared,
        connection: &OpenConnection,
        place: Instant,
    ) -> Answer {
        let may_go = self.reach_place(prepared, connection, place).await;
        // From here on it is on the wire, or as good as answered.
        self.exposure.remove(1);
        if !may_go {
            return Answer::NeverSent {
                reason: "its place among the number's messages was missed".to_owned(),
            };
        }
        let attempt = AttemptRef { message: row.id, number: row.attempt };
        let left = row.lease_until.and_then(|until| (until - real_now()).to_std().ok());
        let margin = (self.config.lease / 5).min(Duration::from_secs(2));
        let Some(deadline) = left.and_then(|left| left.min(self.config.lease).checked_sub(margin)) else {
            return Answer::NeverSent { reason: "the lease was nearly over".to_owned() };
        };
        let (recipient, body) = (prepared.recipient.clone(), prepared.body.clone());
        failpoint::here("call_before");
        let answer = self.call_provider(connection, &Outbound { recipient, body, attempt, deadline }).await;
        failpoint::here("call_answered");
        answer
    }

    /// Waits for the place; for another one, when that was missed. `false` when there is none.
    async fn reach_place(&self, prepared: &Prepared, connection: &OpenConnection, place: Instant) -> bool {
        if place.elapsed() <= LATE {
            tokio::time::sleep_until(place.into()).await;
            return true;
        }
        let patience = self.config.lease / 4;
        let asked = self.ports.limiter.acquire(connection.id, &prepared.recipient, connection.pace, patience);
        match asked.await {
            Permit::Granted { after } => {
                tokio::time::sleep(after).await;
                true
            }
            Permit::ConnectionBusy(_) | Permit::RecipientBusy(_) => false,
        }
    }
}

/// Those that neither went nor are closed: cancelled, moved by a merge, or their conversation is busy
/// with something that was sent by hand.
fn skipped(asked_for: &HashSet<MessageId>, went: &[message::Model], closed: &[MessageId]) -> Vec<MessageId> {
    let left = |id: &&MessageId| !closed.contains(*id) && !went.iter().any(|row| row.id == **id);
    asked_for.iter().filter(left).copied().collect()
}

/// The next messages, one of each conversation: two on one phone leave one after the other.
fn first_of_each_lane(waiting: &VecDeque<Prepared>) -> Vec<Prepared> {
    let mut lanes = HashSet::new();
    waiting.iter().filter(|prepared| lanes.insert(prepared.conversation)).take(GROUP_MAX).cloned().collect()
}

/// Calls of batches that one process has on the wire: enough for 1,000 a second at a provider that
/// takes half a second.
pub(crate) fn wire() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(512))
}
