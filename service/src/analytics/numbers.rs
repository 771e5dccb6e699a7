//! What is counted, and how counts of several days add up.

use std::collections::BTreeMap;

use bellhop_domain::conversation::Direction;
use bellhop_domain::histogram::Histogram;
use bellhop_domain::pricing::Pricing;
use bellhop_domain::{MessageStatus, window};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Of some messages. Stored as it is: fields are added with a default, never renamed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Numbers {
    pub inbound: u64,
    /// To guests, without what is scheduled or was taken back.
    pub outbound: u64,
    /// Taken by WhatsApp, whatever came after, unless that is a failure.
    pub sent: u64,
    pub delivered: u64,
    pub read: u64,
    /// By the provider's code, or by ours.
    pub failures: BTreeMap<i64, u64>,
    /// The window closed first.
    pub expired: u64,
    /// From a guest's question to the answer, in seconds, by the answers.
    pub responses: Histogram,
    /// From sent to read, in seconds, of templates.
    pub read_after: Histogram,
    /// Templates to which the guest wrote something within 24 hours.
    pub replies: u64,
    /// Taps on buttons of templates.
    pub taps: u64,
    /// By category and type, in Meta's words; empty for what it does not say.
    pub pricing: BTreeMap<String, BTreeMap<String, Priced>>,
    pub windows_opened: u64,
    /// How many gave 1, 2, 3, 4 and 5.
    pub ratings: [u64; 5],
}

/// Messages of which the provider said what they cost: no amounts, so they are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priced {
    pub billable: u64,
    pub free: u64,
}

/// What is looked at of a message.
#[derive(Debug)]
pub(super) struct Counted {
    pub direction: Direction,
    pub status: MessageStatus,
    pub at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
    pub read_at: Option<DateTime<Utc>>,
    pub staff: Option<String>,
    /// Name and language.
    pub template: Option<(String, String)>,
    pub failure: Option<i64>,
    pub pricing: Option<Pricing>,
    /// Of an answer: the first message of the guest that nobody had answered.
    pub asked_at: Option<DateTime<Utc>>,
    /// Of a template: when the guest said something next, by our clock.
    pub replied_at: Option<DateTime<Utc>>,
    pub taps: u64,
}

impl Numbers {
    pub fn failed(&self) -> u64 {
        self.expired + self.failures.values().sum::<u64>()
    }

    pub fn ratings_count(&self) -> u64 {
        self.ratings.iter().sum()
    }

    pub fn rating_average(&self) -> Option<f64> {
        let sum: u64 = (1..).zip(self.ratings).map(|(stars, count)| stars * count).sum();
        let count = self.ratings_count();
        (count > 0).then(|| sum as f64 / count as f64)
    }

    pub(super) fn add(&mut self, message: &Counted) {
        use MessageStatus as S;
        if message.direction == Direction::Inbound {
            self.inbound += 1;
            return;
        }
        let (sent, delivered, read) = match message.status {
            S::Sent => (1, 0, 0),
            S::Delivered => (1, 1, 0),
            S::Read => (1, 1, 1),
            S::Queued | S::Sending | S::InDoubt | S::Failed | S::Expired => (0, 0, 0),
            S::Scheduled | S::Cancelled | S::Received => return,
        };
        self.outbound += 1;
        self.sent += sent;
        self.delivered += delivered;
        self.read += read;
        match message.status {
            S::Failed => *self.failures.entry(message.failure.unwrap_or_default()).or_default() += 1,
            S::Expired => self.expired += 1,
            S::Queued | S::Sending | S::InDoubt | S::Sent | S::Delivered | S::Read => {}
            S::Scheduled | S::Cancelled | S::Received => {}
        }
        if let Some(asked_at) = message.asked_at {
            self.responses.add(seconds(asked_at, message.at));
        }
        if let Some(pricing) = &message.pricing {
            let word = |word: &Option<String>| word.clone().unwrap_or_default();
            let of_category = self.pricing.entry(word(&pricing.category)).or_default();
            let priced = of_category.entry(word(&pricing.kind)).or_default();
            priced.billable += u64::from(pricing.billable);
            priced.free += u64::from(!pricing.billable);
        }
        if message.template.is_some() {
            self.add_template(message);
        }
    }

    fn add_template(&mut self, message: &Counted) {
        if let (Some(sent_at), Some(read_at)) = (message.sent_at, message.read_at) {
            self.read_after.add(seconds(sent_at, read_at));
        }
        // From the time for which it counts, by our clock: nothing that comes later changes a closed day.
        let in_time = message.replied_at.is_some_and(|at| at <= message.at + window::LENGTH);
        self.replies += u64::from(in_time);
        self.taps += message.taps;
    }

    pub fn merge(&mut self, other: &Self) {
        self.inbound += other.inbound;
        self.outbound += other.outbound;
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.read += other.read;
        self.expired += other.expired;
        for (code, count) in &other.failures {
            *self.failures.entry(*code).or_default() += count;
        }
        self.responses.merge(&other.responses);
        self.read_after.merge(&other.read_after);
        self.replies += other.replies;
        self.taps += other.taps;
        for (category, kinds) in &other.pricing {
            let own = self.pricing.entry(category.clone()).or_default();
            for (kind, count) in kinds {
                let own = own.entry(kind.clone()).or_default();
                own.billable += count.billable;
                own.free += count.free;
            }
        }
        self.windows_opened += other.windows_opened;
        for (own, count) in self.ratings.iter_mut().zip(other.ratings) {
            *own += count;
        }
    }
}

/// The guest's clock is not ours.
fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_milliseconds().max(0) as f64 / 1_000.0
}
