//! How a conversation went.

use bellhop_domain::ConversationId;
use bellhop_service::conversation::{ConversationAnalytics, DeliveryRates as Rates, ResponseTimes as Times};
use poem_openapi::Object;

use crate::types::{Nullable, Timestamp};

/// A conversation in numbers; of a very long one, the newest 5,000 messages.
#[derive(Debug, Object)]
pub struct Analytics {
    conversation_id: ConversationId,
    message_counts: MessageCounts,
    delivery_rates: DeliveryRates,
    response_times: ResponseTimes,
    satisfaction_scores: SatisfactionScores,
}

#[derive(Debug, Object)]
struct MessageCounts {
    inbound: u64,
    outbound: u64,
}

/// Of the messages to the guest, each from 0 to 1; `null` when there were none.
#[derive(Debug, Object)]
struct DeliveryRates {
    /// Messages that left, or should have.
    total: u64,
    /// Taken by WhatsApp, whatever came after.
    sent: u64,
    delivered: u64,
    /// Guests may keep this to themselves.
    read: u64,
    /// Failed, or the window closed first.
    failed: u64,
    sent_rate: Nullable<f64>,
    delivered_rate: Nullable<f64>,
    read_rate: Nullable<f64>,
    failed_rate: Nullable<f64>,
}

/// From the first of a guest's messages that nobody had answered to the answer. Batches answer nobody.
#[derive(Debug, Object)]
struct ResponseTimes {
    answered: u64,
    first_seconds: Nullable<f64>,
    average_seconds: Nullable<f64>,
    median_seconds: Nullable<f64>,
    longest_seconds: Nullable<f64>,
    /// Since when the guest waits for an answer.
    waiting_since: Nullable<Timestamp>,
}

/// What staff noted when they resolved the conversation, from 1 to 5.
#[derive(Debug, Object)]
struct SatisfactionScores {
    latest: Nullable<i16>,
    rated_at: Nullable<Timestamp>,
}

impl From<ConversationAnalytics> for Analytics {
    fn from(view: ConversationAnalytics) -> Self {
        Self {
            conversation_id: view.conversation_id,
            message_counts: MessageCounts { inbound: view.inbound, outbound: view.outbound },
            delivery_rates: view.delivery.into(),
            response_times: view.responses.into(),
            satisfaction_scores: SatisfactionScores {
                latest: Nullable(view.satisfaction.latest),
                rated_at: Nullable::from(view.satisfaction.rated_at),
            },
        }
    }
}

impl From<Rates> for DeliveryRates {
    fn from(rates: Rates) -> Self {
        let Rates { total, sent, delivered, read, failed } = rates;
        let rate = |part: u64| Nullable((total > 0).then(|| part as f64 / total as f64));
        Self {
            total,
            sent,
            delivered,
            read,
            failed,
            sent_rate: rate(sent),
            delivered_rate: rate(delivered),
            read_rate: rate(read),
            failed_rate: rate(failed),
        }
    }
}

impl From<Times> for ResponseTimes {
    fn from(times: Times) -> Self {
        Self {
            answered: times.answered,
            first_seconds: Nullable(times.first),
            average_seconds: Nullable(times.average),
            median_seconds: Nullable(times.median),
            longest_seconds: Nullable(times.longest),
            waiting_since: Nullable::from(times.waiting_since),
        }
    }
}
