//! How a conversation went, in numbers.

use bellhop_domain::conversation::Direction;
use bellhop_domain::rights::Right;
use bellhop_domain::{ConversationId, MessageStatus};
use bellhop_entity::message;
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::find;
use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;

/// Messages that are looked at, the newest; a conversation with a guest has hundreds.
const LOOK_BACK: u64 = 5_000;

#[derive(Debug, Clone, PartialEq)]
pub struct ConversationAnalytics {
    pub conversation_id: ConversationId,
    pub delivery: DeliveryRates,
    pub responses: ResponseTimes,
    pub satisfaction: Satisfaction,
    /// How many messages were looked at.
    pub messages: u64,
    pub inbound: u64,
    pub outbound: u64,
}

/// Of the messages to the guest that left, or should have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeliveryRates {
    pub total: u64,
    /// Taken by WhatsApp, whatever came after.
    pub sent: u64,
    pub delivered: u64,
    pub read: u64,
    /// Failed or expired.
    pub failed: u64,
}

/// From the first of a guest's messages that nobody had answered to the answer, in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResponseTimes {
    pub answered: u64,
    pub first: Option<f64>,
    pub average: Option<f64>,
    pub median: Option<f64>,
    pub longest: Option<f64>,
    /// Since when the guest waits for an answer.
    pub waiting_since: Option<DateTime<Utc>>,
}

/// What staff noted when they closed the conversation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Satisfaction {
    /// 1 to 5, of the last time.
    pub latest: Option<i16>,
    pub rated_at: Option<DateTime<Utc>>,
}

/// What is needed of a message.
struct Said {
    direction: Direction,
    status: MessageStatus,
    /// The guest's own time, or ours of the acceptance.
    at: DateTime<Utc>,
    /// It answers.
    by_hand: bool,
}

impl App {
    pub async fn conversation_analytics(
        &self,
        caller: &Caller,
        id: ConversationId,
    ) -> Result<ConversationAnalytics> {
        caller.require(Right::ReadConversations)?;
        use message::Column;
        let conversation = find(self.db.reader(), caller.property_id, id).await?;
        let mut rows = message::Entity::find()
            .filter(Column::ConversationId.eq(conversation.id))
            .filter(Column::Seq.is_not_null())
            .order_by_desc(Column::Seq)
            .limit(LOOK_BACK)
            .all(self.db.reader())
            .await?;
        rows.reverse();
        let said: Vec<Said> = rows.iter().map(Said::of).collect();
        let count = |direction| said.iter().filter(|said| said.direction == direction).count() as u64;
        Ok(ConversationAnalytics {
            conversation_id: conversation.id,
            delivery: delivery(&said),
            responses: responses(&said),
            satisfaction: Satisfaction {
                latest: conversation.satisfaction_rating,
                rated_at: conversation.satisfaction_rating.and(conversation.resolved_at),
            },
            messages: said.len() as u64,
            inbound: count(Direction::Inbound),
            outbound: count(Direction::Outbound),
        })
    }
}

impl Said {
    fn of(row: &message::Model) -> Self {
        let at = match row.direction {
            Direction::Inbound => row.sent_at.unwrap_or(row.created_at),
            Direction::Outbound => row.send_at.unwrap_or(row.created_at),
        };
        Self { direction: row.direction, status: row.status, at, by_hand: by_hand(row) }
    }
}

fn delivery(said: &[Said]) -> DeliveryRates {
    let mut rates = DeliveryRates::default();
    for message in said.iter().filter(|said| said.direction == Direction::Outbound) {
        use MessageStatus as S;
        let (sent, delivered, read, failed) = match message.status {
            S::Sent => (1, 0, 0, 0),
            S::Delivered => (1, 1, 0, 0),
            S::Read => (1, 1, 1, 0),
            S::Failed | S::Expired => (0, 0, 0, 1),
            S::Queued | S::Sending | S::InDoubt => (0, 0, 0, 0),
            S::Scheduled | S::Cancelled | S::Received => continue,
        };
        rates.total += 1;
        rates.sent += sent;
        rates.delivered += delivered;
        rates.read += read;
        rates.failed += failed;
    }
    rates
}

fn responses(said: &[Said]) -> ResponseTimes {
    let mut waiting: Option<DateTime<Utc>> = None;
    let mut times: Vec<f64> = Vec::new();
    for message in said {
        match message.direction {
            Direction::Inbound => waiting = waiting.or(Some(message.at)),
            Direction::Outbound if message.by_hand && reaches(message.status) => {
                if let Some(asked) = waiting.take() {
                    // The guest's clock is not ours.
                    times.push(((message.at - asked).num_milliseconds().max(0) as f64) / 1_000.0);
                }
            }
            Direction::Outbound => {}
        }
    }
    let first = times.first().copied();
    times.sort_by(f64::total_cmp);
    let average = (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64);
    ResponseTimes {
        answered: times.len() as u64,
        first,
        average,
        median: median(&times),
        longest: times.last().copied(),
        waiting_since: waiting,
    }
}

/// Whether somebody wrote it to this guest: batches answer nobody, nor what goes out instead of a message.
pub(crate) fn by_hand(row: &message::Model) -> bool {
    row.batch_id.is_none() && row.fallback_for.is_none()
}

/// Whether the guest has the message, or will.
pub(crate) const fn reaches(status: MessageStatus) -> bool {
    match status {
        MessageStatus::Queued
        | MessageStatus::Sending
        | MessageStatus::InDoubt
        | MessageStatus::Sent
        | MessageStatus::Delivered
        | MessageStatus::Read => true,
        MessageStatus::Scheduled
        | MessageStatus::Failed
        | MessageStatus::Expired
        | MessageStatus::Cancelled
        | MessageStatus::Received => false,
    }
}

/// Of sorted numbers.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    match sorted.len() % 2 {
        0 => sorted.get(middle - 1).map(|lower| (lower + upper) / 2.0),
        _ => Some(upper),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(direction: Direction, status: MessageStatus, second: i64) -> Said {
        Said { direction, status, at: DateTime::from_timestamp(second, 0).unwrap(), by_hand: true }
    }

    #[test]
    fn answers_count_from_the_first_question() {
        use Direction::{Inbound, Outbound};
        let all = [
            said(Outbound, MessageStatus::Read, 0),
            said(Inbound, MessageStatus::Received, 10),
            said(Inbound, MessageStatus::Received, 20),
            said(Outbound, MessageStatus::Failed, 25),
            said(Outbound, MessageStatus::Delivered, 40),
            said(Outbound, MessageStatus::Sent, 50),
            said(Inbound, MessageStatus::Received, 60),
            said(Outbound, MessageStatus::Read, 70),
            said(Inbound, MessageStatus::Received, 80),
        ];
        let times = responses(&all);
        assert_eq!((times.answered, times.first, times.longest), (2, Some(30.0), Some(30.0)));
        assert_eq!((times.average, times.median), (Some(20.0), Some(20.0)));
        assert_eq!(times.waiting_since.unwrap().timestamp(), 80);
        let rates = delivery(&all);
        assert_eq!((rates.total, rates.sent, rates.delivered, rates.read, rates.failed), (5, 4, 3, 2, 1));
        assert_eq!(responses(&[]), ResponseTimes::default());
    }

    #[test]
    fn a_batch_answers_nobody() {
        let mut batch = said(Direction::Outbound, MessageStatus::Read, 20);
        batch.by_hand = false;
        let asked = said(Direction::Inbound, MessageStatus::Received, 10);
        assert_eq!(responses(&[asked, batch]).answered, 0);
    }
}
