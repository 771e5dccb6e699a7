//! Ports that do nothing, a clock that is moved, and a partner.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bellhop_domain::guest::Recipient;
use bellhop_domain::ports::{
    BadUrl, BatchAsk, BatchPermit, BatchPlace, Bounce, Cipher, CipherError, Clock, Hint, Pace, Permit, Queue,
    QueueError, RateLimiter, Reply, RequestAsk, RequestPermit, RequestStanding, Subscription, WebhookBody,
    WebhookClient, WebhookRequest, WindowStore, WindowStoreError,
};
use bellhop_domain::{ConnectionId, ConversationId, Secret};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

#[derive(Default)]
pub struct FakeClock(AtomicI64);

impl FakeClock {
    pub fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(3) + TimeDelta::milliseconds(self.0.load(Ordering::SeqCst))
    }
}

/// A queue, cache, limiter and cipher that do nothing.
pub struct Nowhere;

#[async_trait]
impl Queue for Nowhere {
    async fn publish(&self, _: &Hint) -> Result<(), QueueError> {
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>, QueueError> {
        Err(QueueError("there is none".into()))
    }
}

#[async_trait]
impl WindowStore for Nowhere {
    async fn get(&self, _: ConversationId) -> Result<Option<DateTime<Utc>>, WindowStoreError> {
        Ok(None)
    }

    async fn put(&self, _: ConversationId, _: DateTime<Utc>) -> Result<(), WindowStoreError> {
        Ok(())
    }
}

#[async_trait]
impl RateLimiter for Nowhere {
    async fn acquire(&self, _: ConnectionId, _: &Recipient, _: Pace, _: Duration) -> Permit {
        Permit::Granted { after: Duration::ZERO }
    }

    async fn acquire_group(&self, ask: &BatchAsk<'_>) -> BatchPermit {
        let places = vec![BatchPlace::After(Duration::ZERO); ask.recipients.len()];
        BatchPermit { places, again: Duration::ZERO }
    }

    async fn slow_down(&self, _: ConnectionId, _: Pace) {}

    async fn pace_now(&self, _: ConnectionId, pace: Pace) -> f64 {
        pace.per_second.into()
    }

    async fn take_request(&self, asks: &[RequestAsk]) -> RequestPermit {
        let standing = RequestStanding { left: 1, wait: Duration::ZERO, whole_in: Duration::ZERO };
        RequestPermit(vec![standing; asks.len()])
    }

    fn share_among(&self, _: u32) {}
}

/// A partner who proves every address and takes everything.
pub struct Partner;

#[async_trait]
impl WebhookClient for Partner {
    fn check(&self, _: &str) -> Result<(), BadUrl> {
        Ok(())
    }

    async fn send(&self, request: WebhookRequest) -> Result<Reply, Bounce> {
        let body = match request.body {
            WebhookBody::Query(query) => query.into_iter().find(|(name, _)| *name == "hub.challenge"),
            WebhookBody::Json(_) => None,
        };
        let body = body.map_or_else(Vec::new, |(_, challenge)| challenge.into_bytes());
        Ok(Reply { status: 200, body, retry_after: None })
    }
}

impl Cipher for Nowhere {
    fn encrypt(&self, plain: &Secret, _: &str) -> Vec<u8> {
        plain.expose().as_bytes().to_vec()
    }

    fn reseal(&self, _: &[u8], _: &str) -> Result<Option<Vec<u8>>, CipherError> {
        Ok(None)
    }

    fn decrypt(&self, sealed: &[u8], _: &str) -> Result<Secret, CipherError> {
        Ok(Secret::new(String::from_utf8(sealed.to_vec()).map_err(|_| CipherError)?))
    }
}
