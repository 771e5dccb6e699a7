//! What the simulator remembers.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    faults::Faults,
    guests::{Ids, Profile},
    limits::{PairBucket, SlidingSecond},
    media::Media,
    profile::NumberProfile,
    queue::{Notice, Queue},
    templates::{Gone, Reviews, Template},
    uploads::Upload,
};

/// How long a guest's message keeps the customer service window open.
pub(crate) const WINDOW_MS: i64 = 24 * 60 * 60 * 1_000;

/// Index into [`State::guests`]; guests are never removed.
pub(crate) type GuestId = usize;

#[derive(Default)]
pub(crate) struct State {
    pub guests: Vec<Guest>,
    /// Digits of a phone number or `wa_id`, or a BSUID, to its guest.
    pub names: HashMap<String, GuestId>,
    /// What guests were found by before; one that is in `names` too was taken up again.
    pub left_names: HashSet<String>,
    /// The access tokens that took the place of the well-known one; the last is the present one.
    pub tokens: Vec<String>,
    pub templates: Vec<Template>,
    /// Templates that were deleted, where that still matters.
    pub gone_templates: Vec<Gone>,
    /// When templates were created in the last hour, in simulated Unix milliseconds.
    pub creations: VecDeque<i64>,
    pub reviews: Reviews,
    pub media: HashMap<String, Media>,
    /// Resumable uploads by their id.
    pub uploads: HashMap<String, Upload>,
    /// Every accepted send, oldest first. The ledger is what stands from `ledger_start` on: the chats
    /// keep what the ledger has forgotten.
    pub sent: Vec<Arc<Sent>>,
    pub ledger_start: usize,
    pub inbound: Vec<Inbound>,
    /// Every message of both directions, in the order they came.
    pub log: Vec<Line>,
    /// wamid of a guest's message to its place in `inbound`.
    pub inbound_ids: HashMap<String, usize>,
    pub callback: Option<String>,
    pub number: NumberSettings,
    pub profile: NumberProfile,
    pub notices: Vec<Notice>,
    pub account_queue: Queue,
    pub faults: Faults,
    pub second: SlidingSecond,
    /// Orders queued webhooks that are due in the same millisecond.
    pub next_ticket: u64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct NumberSettings {
    /// Messages a second; None: unlimited.
    pub throughput: Option<u32>,
    pub pair_limit: bool,
}

impl Default for NumberSettings {
    fn default() -> Self {
        Self { throughput: Some(80), pair_limit: true }
    }
}

#[derive(Default)]
pub(crate) struct Guest {
    pub profile: Profile,
    /// Newest timestamp of a message that opens the window, in simulated Unix milliseconds.
    pub last_inbound: Option<i64>,
    pub chat: Vec<Line>,
    pub pair: PairBucket,
    pub queue: Queue,
    /// Until when the business is shown as typing, in milliseconds of the machine's clock.
    pub typing_until: Option<i64>,
}

impl Guest {
    /// When the window closes; None when the guest never wrote.
    pub(crate) fn window_closes(&self) -> Option<i64> {
        self.last_inbound.map(|at| at + WINDOW_MS)
    }

    pub(crate) fn window_open(&self, now_ms: i64) -> bool {
        self.window_closes().is_some_and(|closes| now_ms < closes)
    }
}

/// A place in a chat.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line {
    Sent(usize),
    Inbound(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Sent,
    Delivered,
    Read,
    Failed,
}

/// A status that the message will reach, decided when it is accepted: restarts change nothing about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Planned {
    pub status: Status,
    /// Simulated Unix milliseconds: the status's own timestamp.
    pub at: i64,
    /// Milliseconds of the machine's clock: when its webhook goes out.
    pub due: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<i64>,
}

/// What the business is charged, as status webhooks report it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pricing {
    pub billable: bool,
    #[serde(rename = "type")]
    pub kind: String,
    pub category: String,
}

/// An accepted send.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    pub id: String,
    pub guest: GuestId,
    /// Digits without `+`, or the BSUID: as it was addressed.
    pub to: String,
    pub kind: String,
    /// The request body, as text: it is looked at again only when somebody asks for the ledger.
    pub payload: Box<RawValue>,
    pub opaque: Option<String>,
    /// Simulated Unix milliseconds.
    pub accepted_at: i64,
    /// What the guest reads.
    pub text: String,
    /// The parts of a template, where there is more than a body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Box<RawValue>>,
    pub pricing: Pricing,
    pub plan: Vec<Planned>,
    /// It never reaches the phone: the guest has blocked the business, or wants none of its marketing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
    /// Bit n: the webhook of `plan[n]` was answered 200.
    #[serde(default)]
    pub told: AtomicU8,
}

impl Sent {
    pub(crate) fn mark_told(&self, place: usize) {
        self.told.fetch_or(1 << place, Ordering::Relaxed);
    }

    pub(crate) fn is_told(&self, place: usize) -> bool {
        self.told.load(Ordering::Relaxed) & (1 << place) != 0
    }

    /// The furthest status reached by now (machine's clock); None: still on its way.
    pub(crate) fn reached(&self, now: i64) -> Option<Status> {
        self.plan.iter().filter(|planned| planned.due <= now).map(|planned| planned.status).max()
    }
}

/// A message that a guest wrote.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Inbound {
    pub id: String,
    pub guest: GuestId,
    /// The message's own timestamp, simulated Unix milliseconds.
    pub at: i64,
    /// Milliseconds of the machine's clock: when it was written, and its webhook due.
    pub due: i64,
    /// Meta's inbound shape without the ids.
    pub body: Map<String, Value>,
    /// Who the guest was when it was written: a number that changes, or is hidden later, changes nothing
    /// about it. None in journals of the time before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Ids>,
    #[serde(default)]
    pub read: AtomicBool,
    #[serde(default)]
    pub told: AtomicBool,
}

impl State {
    pub(crate) fn add_sent(&mut self, sent: Sent) -> Arc<Sent> {
        let sent = Arc::new(sent);
        let line = Line::Sent(self.sent.len());
        self.log.push(line);
        let guest = self.resolve(sent.guest);
        if let Some(guest) = self.guests.get_mut(guest) {
            guest.chat.push(line);
        }
        self.sent.push(sent.clone());
        sent
    }

    /// Stores a guest's message and moves the window. Returns its place.
    pub(crate) fn add_inbound(&mut self, message: Inbound) -> usize {
        let place = self.inbound.len();
        self.log.push(Line::Inbound(place));
        let guest = self.resolve(message.guest);
        if let Some(guest) = self.guests.get_mut(guest) {
            guest.chat.push(Line::Inbound(place));
            if opens_window(&message.body) {
                guest.last_inbound = guest.last_inbound.max(Some(message.at));
            }
        }
        self.inbound_ids.insert(message.id.clone(), place);
        self.inbound.push(message);
        place
    }

    /// Marks a guest's message and all before it as read. False when nobody knows the id.
    pub(crate) fn mark_read(&mut self, id: &str) -> bool {
        let Some(&place) = self.inbound_ids.get(id) else { return false };
        let Some(message) = self.inbound.get(place) else { return false };
        let guest = self.guests.get(self.resolve(message.guest));
        let lines = guest.map(|guest| guest.chat.as_slice()).unwrap_or_default();
        for line in lines.iter().rev() {
            let Line::Inbound(at) = *line else { continue };
            let Some(message) = self.inbound.get(at).filter(|_| at <= place) else { continue };
            if message.read.swap(true, Ordering::Relaxed) {
                break;
            }
        }
        true
    }

    pub(crate) fn ledger(&self) -> &[Arc<Sent>] {
        self.sent.get(self.ledger_start..).unwrap_or_default()
    }
}

/// Whether Meta says for sure that this message opens the window. Of reactions, edits, revokes, system
/// notes and unsupported ones it does not, and a client that counted on them would be wrong some day.
fn opens_window(body: &Map<String, Value>) -> bool {
    let kind = body.get("type").and_then(Value::as_str);
    !matches!(kind, Some("reaction" | "edit" | "revoke" | "system" | "unsupported"))
}
