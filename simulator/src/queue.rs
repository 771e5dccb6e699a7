//! Webhooks that wait for their delivery: a queue for each guest, and one for the account.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Notify;

use crate::state::{GuestId, Sent, State};

/// Whose queue it is. Queues do not wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Guest(GuestId),
    /// What concerns no guest: templates, the number.
    Account,
}

/// One webhook update that waits for its delivery.
#[derive(Clone)]
pub(crate) enum Event {
    /// The status at this place of the message's plan.
    Status(Arc<Sent>, usize),
    /// The guest's message at this place of [`State::inbound`].
    Inbound(usize),
    /// The notice at this place of [`State::notices`].
    Notice(usize),
}

/// A change of the account, or of what a guest wants, that a webhook tells of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// As `changes[].field` names it.
    pub field: String,
    pub value: Value,
    /// Simulated Unix milliseconds: `entry[].time`.
    pub at: i64,
    /// Milliseconds of the machine's clock.
    pub due: i64,
    /// Whose doing it is; None: it concerns the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<GuestId>,
    #[serde(default)]
    pub told: AtomicBool,
}

impl Notice {
    /// The queue it waits in: a guest's news keeps its place among the guest's messages.
    pub(crate) fn owner(&self) -> Owner {
        self.guest.map_or(Owner::Account, Owner::Guest)
    }

    pub(crate) fn is_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub(crate) struct Queue {
    /// By the time they are due.
    pub waiting: BTreeMap<(i64, u64), Event>,
    /// Whether a task is working the queue off.
    pub active: bool,
    /// Tells that task that something new was queued.
    pub wake: Arc<Notify>,
}

impl State {
    pub(crate) fn queue_of(&self, owner: Owner) -> Option<&Queue> {
        match owner {
            Owner::Guest(guest) => self.guests.get(guest).map(|guest| &guest.queue),
            Owner::Account => Some(&self.account_queue),
        }
    }

    pub(crate) fn queue_of_mut(&mut self, owner: Owner) -> Option<&mut Queue> {
        match owner {
            Owner::Guest(guest) => self.guests.get_mut(guest).map(|guest| &mut guest.queue),
            Owner::Account => Some(&mut self.account_queue),
        }
    }

    pub(crate) fn owners(&self) -> impl Iterator<Item = Owner> + use<> {
        (0..self.guests.len()).map(Owner::Guest).chain([Owner::Account])
    }

    /// Queues a webhook. True when no task works on this queue yet: the caller starts one.
    pub(crate) fn queue(&mut self, owner: Owner, due: i64, event: Event) -> bool {
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        let Some(queue) = self.queue_of_mut(owner) else { return false };
        queue.waiting.insert((due, ticket), event);
        queue.wake.notify_one();
        !queue.active
    }

    /// How many updates nobody has answered 200 yet.
    pub(crate) fn pending(&self) -> usize {
        self.owners().filter_map(|owner| self.queue_of(owner)).map(|queue| queue.waiting.len()).sum()
    }
}
