//! The calls of a group, each at its place.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellhop_domain::MessageId;
use bellhop_domain::answer::Answer;
use bellhop_domain::ports::{BatchAsk, BatchPlace};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::TaskTracker;

use super::begin::OnWire;
use super::exposure::Exposed;
use super::lane::AHEAD;
use super::prepare::Prepared;
use crate::app::App;
use crate::connection::OpenConnection;
use crate::db::real_now;
use crate::dispatch::outbound;
use crate::failpoint;

/// A place that was missed by more is not used: those who were held up together would leave together.
const LATE: Duration = Duration::from_millis(100);

impl App {
    /// Calls the provider for each at its place, in tasks of their own.
    pub(super) fn call_each(
        &self,
        went: Vec<OnWire>,
        places: &HashMap<MessageId, Instant>,
        connection: &Arc<OpenConnection>,
        (calls, mut room, mut exposed): (&TaskTracker, OwnedSemaphorePermit, Exposed),
    ) {
        for message in went {
            let Some(&place) = places.get(&message.attempt.message) else { continue };
            let (app, connection) = (self.clone(), Arc::clone(connection));
            let (room, exposed) = (room.split(1), exposed.one());
            calls.spawn(self.tasks.track_future(async move {
                let answer = app.call_at(&message, &connection, (place, exposed)).await;
                let exposed = app.exposure.answered();
                app.store_answer(message, answer).await;
                drop((room, exposed));
            }));
        }
    }

    async fn call_at(
        &self,
        message: &OnWire,
        connection: &OpenConnection,
        (place, exposed): (Instant, Exposed),
    ) -> Answer {
        if place.elapsed() <= LATE {
            tokio::time::sleep_until(place.into()).await;
            // From here on it is on the wire.
            drop(exposed);
        } else {
            drop(exposed);
            if !self.another_place(&message.prepared, connection).await {
                let reason = "its place among the number's messages was missed".to_owned();
                return Answer::NeverSent { reason };
            }
        }
        let left = (message.lease_until - real_now()).to_std().ok();
        let margin = (self.config.lease / 5).min(Duration::from_secs(2));
        let deadline = left.and_then(|left| left.min(self.config.lease).checked_sub(margin));
        let Some(deadline) = deadline.filter(|left| !left.is_zero()) else {
            return Answer::NeverSent { reason: "the lease was nearly over".to_owned() };
        };
        failpoint::here("call_before");
        let Prepared { row, recipient, media, .. } = &*message.prepared;
        let media = match media {
            Ok(media) => media.clone(),
            Err(instead) => return instead.clone(),
        };
        let outbound = outbound(row, (recipient.clone(), media), (message.attempt, deadline));
        let answer = self.call_provider(connection, &outbound).await;
        failpoint::here("call_answered");
        answer
    }

    /// Waits for another place, within the same limits as the one that was missed. `false` when there
    /// is none for a quarter of the lease.
    async fn another_place(&self, prepared: &Prepared, connection: &OpenConnection) -> bool {
        let Some(batch) = prepared.row.batch_id else { return false };
        let recipients = std::slice::from_ref(&prepared.recipient);
        let (connection, pace) = (connection.id, connection.pace);
        let ask = BatchAsk { batch, batch_pace: None, connection, pace, recipients, ahead: AHEAD };
        let deadline = Instant::now() + self.config.lease / 4;
        while Instant::now() < deadline {
            let permit = self.ports.limiter.acquire_group(&ask).await;
            match permit.places.first() {
                Some(BatchPlace::After(after)) => {
                    tokio::time::sleep(*after).await;
                    return true;
                }
                Some(BatchPlace::NotYet) => tokio::time::sleep(permit.again).await,
                Some(BatchPlace::RecipientBusy(_)) | None => return false,
            }
        }
        false
    }
}
