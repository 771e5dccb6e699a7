//! A lane: one task that puts a batch's chunks on the wire, one after the other.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellhop_domain::batch::{BatchMove, GROUP_MAX};
use bellhop_domain::error_table::OwnReason;
use bellhop_domain::ports::{BatchAsk, BatchPlace};
use bellhop_domain::{BatchId, MessageId};
use bellhop_entity::batch;
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::begin::{Begun, OnWire};
use super::chunk::{self, Chunk, lanes_of};
use super::exposure::Exposed;
use super::prepare::{BUSY, Prepared};
use super::state::{self, stop_of_connection};
use crate::app::App;
use crate::connection::{OpenConnection, Way};
use crate::db::in_time;
use crate::error::{Error, Result};
use crate::failpoint;

/// How far ahead places are taken: a single send waits no longer than this behind a batch, and no
/// more than this is in doubt after a death.
pub(super) const AHEAD: Duration = Duration::from_millis(50);
/// How long a lane goes on before others get its turn.
const TURN: Duration = Duration::from_secs(5);
/// The longest sleep between two looks at whether the batch still runs.
const NAP: Duration = Duration::from_millis(500);

/// How a chunk was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// Everything that was due is on its way.
    Through,
    /// Others want the place in which this lane runs; the rest of the chunk is due at once.
    Turn,
    /// The batch was paused, or the chunk is somebody else's, or the process is about to end.
    Halted,
}

/// What a lane is about.
struct Lane<'a> {
    app: &'a App,
    batch: &'a batch::Model,
    connection: &'a Arc<OpenConnection>,
    closing: &'a CancellationToken,
    began: Instant,
}

/// A chunk that a lane works on.
struct Work<'a> {
    chunk: Chunk,
    calls: &'a TaskTracker,
    renewed: Instant,
}

/// What the limiter said about a group.
struct Places {
    /// How long after the answer each may leave.
    going: Vec<(Arc<Prepared>, Duration)>,
    put_off: Vec<(MessageId, Duration)>,
    again: Duration,
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
        let connection = match self.way(row.connection_id).await? {
            Way::Open(connection) => connection,
            Way::Waits => {
                let reason = "The number needs a new access token";
                return stop_of_connection(self, row.connection_id, reason).await;
            }
            Way::Gone => {
                let reason = OwnReason::NumberRemoved.title();
                return stop_of_connection(self, row.connection_id, reason).await;
            }
        };
        let Some(chunk) = in_time(self.claim_chunk(&row, number)).await? else { return Ok(()) };
        self.count_again(&["attempts"]);
        let lane = Lane { app: self, batch: &row, connection: &connection, closing, began: Instant::now() };
        lane.run(chunk).await
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
    fn leave_after(&self, chunk: Chunk, calls: TaskTracker, soonest: Duration) {
        calls.close();
        let app = self.clone();
        self.tasks.spawn(async move {
            calls.wait().await;
            if let Err(error) = in_time(app.leave_chunk(chunk, soonest)).await {
                // Its lease runs out, and the next hint brings it back.
                tracing::warn!(batch = %chunk.batch, chunk = chunk.number, %error, "chunk not left");
            }
        });
    }

    /// Lets others begin a lane: they, or this process, get the hint.
    async fn open_next_chunk(&self, id: BatchId) -> Result<()> {
        let tx = self.db.begin().await?;
        chunk::open(&tx, id, 1).await?;
        tx.commit().await?;
        self.wake.notify_one();
        Ok(())
    }
}

impl Lane<'_> {
    async fn run(&self, mut chunk: Chunk) -> Result<()> {
        let app = self.app;
        let running = app.room.begin_lane(self.batch.id);
        loop {
            let calls = TaskTracker::new();
            let mut work = Work { chunk, calls: &calls, renewed: Instant::now() };
            let sent = self.send_chunk(&mut work).await;
            let soonest = if sent.is_err() { Duration::from_secs(1) } else { Duration::ZERO };
            app.leave_after(chunk, calls, soonest);
            match sent? {
                Sent::Through if self.is_over() => return in_time(app.open_next_chunk(self.batch.id)).await,
                Sent::Through => {}
                Sent::Turn | Sent::Halted => return Ok(()),
            }
            // A chunk that came back for a retry ends here, when there are lanes enough.
            if running.of_batch() > lanes_of(self.batch.messages_per_second) {
                return Ok(());
            }
            match in_time(app.claim_next_chunk(self.batch)).await? {
                Some(next) => chunk = next,
                None => return Ok(()),
            }
        }
    }

    /// Whether it is time to let others have this lane's place.
    fn is_over(&self) -> bool {
        self.began.elapsed() > TURN || self.closing.is_cancelled()
    }

    async fn send_chunk(&self, work: &mut Work<'_>) -> Result<Sent> {
        in_time(self.app.mark_running(self.batch)).await?;
        loop {
            let mut waiting =
                in_time(self.app.prepare_chunk((self.batch, self.connection), work.chunk)).await?;
            failpoint::here("chunk_prepared");
            if waiting.is_empty() {
                return Ok(Sent::Through);
            }
            while !waiting.is_empty() {
                if self.closing.is_cancelled() {
                    return Ok(Sent::Halted);
                }
                if self.is_over() {
                    return Ok(Sent::Turn);
                }
                if !self.send_group(work, &mut waiting).await? {
                    return Ok(Sent::Halted);
                }
            }
        }
    }

    /// Puts a group on its way, or waits for its places. `false` when the lane is to end.
    async fn send_group(&self, work: &mut Work<'_>, waiting: &mut VecDeque<Arc<Prepared>>) -> Result<bool> {
        let app = self.app;
        let group = first_of_each_lane(waiting);
        // Room first: a place is not kept waiting.
        let Some((room, mut exposed)) = self.room_for(group.len(), work).await? else { return Ok(false) };
        let places = self.places(&group[..exposed.len().min(group.len())]).await;
        // Right after the call: the limiter counts from its answer.
        let asked = Instant::now();
        exposed.keep(places.going.len());
        for (id, delay) in &places.put_off {
            app.put_off(self.batch.id, &[*id], *delay).await?;
            waiting.retain(|prepared| prepared.row.id != *id);
        }
        if places.going.is_empty() {
            drop((room, exposed));
            tokio::time::sleep(places.again.min(NAP)).await;
            return self.still_ours(work).await;
        }
        failpoint::here("places_taken");
        let (prepared, after): (Vec<_>, Vec<_>) = places.going.into_iter().unzip();
        let renew = work.renewed.elapsed() > app.config.lease / 4;
        let begun = in_time(app.begin_group((work.chunk, renew), &prepared)).await?;
        let Begun::Group { went, closed, unwanted } = begun else { return Ok(false) };
        failpoint::here("group_begun");
        if renew {
            work.renewed = Instant::now();
        }
        exposed.keep(went.len());
        let ids = prepared.iter().map(|prepared| prepared.row.id);
        let places: HashMap<MessageId, Instant> =
            ids.zip(after.into_iter().map(|after| asked + after)).collect();
        waiting.retain(|prepared| !places.contains_key(&prepared.row.id));
        let ended = closed.iter().copied().chain(unwanted.iter().map(|(id, _)| *id)).collect();
        let skipped = skipped(&places, &went, &ended);
        app.call_each(went, &places, self.connection, (work.calls, room, exposed));
        self.close_or_replace(&closed).await?;
        for (id, not_wanted) in unwanted {
            app.fail_unwanted(id, not_wanted).await?;
        }
        app.put_off(self.batch.id, &skipped, BUSY).await?;
        Ok(true)
    }

    /// Waits for room on the wire, and until little enough is exposed. `None` when the lane is to end.
    async fn room_for(
        &self,
        calls: usize,
        work: &mut Work<'_>,
    ) -> Result<Option<(OwnedSemaphorePermit, Exposed)>> {
        let app = self.app;
        let wire = app.room.wire(self.connection.id, self.connection.pace.per_second);
        let permits = u32::try_from(calls).unwrap_or(1);
        loop {
            let both = async {
                let room = Arc::clone(&wire).acquire_many_owned(permits).await;
                Ok::<_, Error>((room, app.exposure.begin(calls).await))
            };
            if let Ok(both) = tokio::time::timeout(NAP, both).await {
                let (room, exposed) = both?;
                let closed = |_| Error::of(bellhop_domain::problem::Problem::Unavailable);
                return Ok(Some((room.map_err(closed)?, exposed)));
            }
            if self.is_over() || !self.still_ours(work).await? {
                return Ok(None);
            }
        }
    }

    /// Asks the limiter.
    async fn places(&self, group: &[Arc<Prepared>]) -> Places {
        let recipients: Vec<_> = group.iter().map(|prepared| prepared.recipient.clone()).collect();
        let ask = BatchAsk {
            batch: self.batch.id,
            batch_pace: self.batch.messages_per_second.map(f64::from),
            connection: self.connection.id,
            pace: self.connection.pace,
            recipients: &recipients,
            ahead: AHEAD,
        };
        let permit = self.app.ports.limiter.acquire_group(&ask).await;
        let mut places = Places { going: Vec::new(), put_off: Vec::new(), again: permit.again };
        for (prepared, place) in group.iter().zip(permit.places) {
            match place {
                BatchPlace::After(after) => places.going.push((Arc::clone(prepared), after)),
                BatchPlace::RecipientBusy(delay) => places.put_off.push((prepared.row.id, delay)),
                BatchPlace::NotYet => {}
            }
        }
        places
    }

    /// Renews the chunk now and then. `false` when it is not ours any more, or the batch may not send.
    async fn still_ours(&self, work: &mut Work<'_>) -> Result<bool> {
        let app = self.app;
        if work.renewed.elapsed() < app.config.lease / 4 {
            return Ok(true);
        }
        work.renewed = Instant::now();
        let tx = app.db.begin().await?;
        let row = batch::Entity::find_by_id(self.batch.id).one(&tx).await?;
        let ours = row.is_some_and(|row| row.status.sends()) && app.renew_chunk(&tx, work.chunk).await?;
        tx.commit().await?;
        Ok(ours)
    }

    async fn close_or_replace(&self, closed: &[MessageId]) -> Result<()> {
        if closed.is_empty() {
            return Ok(());
        }
        if self.batch.fallback.is_some() {
            // Due again at once, as a template.
            return self.app.use_fallback(self.batch, closed).await;
        }
        for id in closed {
            self.app.expire(*id).await?;
        }
        Ok(())
    }
}

/// Those that neither went nor have ended: cancelled, moved by a merge, or their conversation is busy
/// with something that was sent by hand.
fn skipped(
    asked_for: &HashMap<MessageId, Instant>,
    went: &[OnWire],
    ended: &HashSet<MessageId>,
) -> Vec<MessageId> {
    let left =
        |id: &&MessageId| !ended.contains(*id) && !went.iter().any(|went| went.attempt.message == **id);
    asked_for.keys().filter(left).copied().collect()
}

/// The next messages, one of each conversation: two on one phone leave one after the other.
fn first_of_each_lane(waiting: &VecDeque<Arc<Prepared>>) -> Vec<Arc<Prepared>> {
    let mut lanes = HashSet::new();
    waiting
        .iter()
        .filter(|prepared| lanes.insert(prepared.row.conversation_id))
        .take(GROUP_MAX)
        .cloned()
        .collect()
}
