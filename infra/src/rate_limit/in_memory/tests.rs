use std::sync::Arc;

use super::*;
use crate::rate_limit::suite::{AHEAD, START, Subject, guest, pace, run_suite};
use bellhop_domain::BatchId;

#[async_trait]
impl Subject for InMemoryRateLimiter {
    async fn single(
        &self,
        at: Ticks,
        to: (ConnectionId, &Recipient),
        pace: Pace,
        patience: Duration,
    ) -> Permit {
        self.acquire_at(at, to, pace, patience)
    }

    async fn group(&self, at: Ticks, ask: &BatchAsk<'_>) -> BatchPermit {
        self.group_at(at, ask)
    }

    async fn request(&self, at: Ticks, asks: &[RequestAsk]) -> RequestPermit {
        self.take_request_at(at, asks)
    }

    async fn brake(&self, at: Ticks, connection: ConnectionId, pace: Pace) {
        self.slow_down_at(at, connection, pace);
    }

    async fn present(&self, at: Ticks, connection: ConnectionId, pace: Pace) -> f64 {
        self.pace_at(at, connection, pace)
    }

    async fn clean(&self) {}
}

async fn make() -> Option<InMemoryRateLimiter> {
    Some(InMemoryRateLimiter::new())
}

run_suite!(make);

const AT_ONCE: Permit = Permit::Granted { after: Duration::ZERO };

#[test]
fn what_is_idle_is_forgotten() {
    let limiter = InMemoryRateLimiter::new();
    for number in 0..50_000 {
        let at = START + number * SECOND / 10;
        let (connection, recipient) = (ConnectionId::new(), guest(number as usize));
        if number % 2 == 0 {
            assert_eq!(limiter.acquire_at(at, (connection, &recipient), pace(80), Duration::ZERO), AT_ONCE);
            continue;
        }
        let (batch, recipients) = (BatchId::new(), std::slice::from_ref(&recipient));
        let ask =
            BatchAsk { batch, batch_pace: Some(1.0), connection, pace: pace(80), recipients, ahead: AHEAD };
        assert_eq!(limiter.group_at(at, &ask).places, [BatchPlace::After(Duration::ZERO)]);
    }
    let state = limiter.state.lock().unwrap();
    let (pairs, lines) = (state.pairs.len(), state.lines.len());
    assert!(pairs <= PAIRS_MIN && lines <= 2 * PAIRS_MIN, "{pairs} recipients, {lines} connections");
}

#[test]
fn a_share_is_a_part_of_every_pace() {
    let (limiter, connection) = (InMemoryRateLimiter::new(), ConnectionId::new());
    limiter.share_among(4);
    let patience = Duration::from_secs(1);
    let recipients = [guest(3), guest(4)];
    let single = |number| limiter.acquire_at(START, (connection, &guest(number)), pace(80), patience);
    assert_eq!(single(1), AT_ONCE);
    assert_eq!(single(2), Permit::Granted { after: Duration::from_millis(50) });
    assert_eq!(limiter.pace_at(START, connection, pace(80)), 20.0);
    let group = |own, connection| {
        let (batch, ahead) = (BatchId::new(), patience);
        let ask =
            BatchAsk { batch, batch_pace: own, connection, pace: pace(80), recipients: &recipients, ahead };
        limiter.group_at(START, &ask).places
    };
    let after = |ms| BatchPlace::After(Duration::from_millis(ms));
    assert_eq!(group(None, connection), [after(100), after(150)]);
    assert_eq!(group(Some(10.0), ConnectionId::new()), [after(0), after(400)]);
    limiter.share_among(0);
    assert_eq!(limiter.pace_at(START, connection, pace(80)), 80.0);
}

#[tokio::test]
async fn the_port_uses_the_present() {
    let limiter: Arc<dyn RateLimiter> = Arc::new(InMemoryRateLimiter::new());
    let connection = ConnectionId::new();
    assert_eq!(limiter.acquire(connection, &guest(1), pace(1), Duration::ZERO).await, AT_ONCE);
    assert!(matches!(
        limiter.acquire(connection, &guest(2), pace(1), Duration::ZERO).await,
        Permit::ConnectionBusy(_)
    ));
    limiter.slow_down(connection, pace(80)).await;
    assert!(limiter.pace_now(connection, pace(80)).await < 60.0);
}

#[tokio::test]
async fn a_hold_passes() {
    let (limiter, connection) = (InMemoryRateLimiter::new(), ConnectionId::new());
    limiter.hold(Duration::from_secs(5));
    let Permit::Granted { after } =
        limiter.acquire(connection, &guest(1), pace(80), Duration::from_secs(6)).await
    else {
        panic!()
    };
    assert!(after > Duration::from_secs(4) && after <= Duration::from_secs(5), "{after:?}");
    assert!(limiter.booked(connection) > Duration::from_secs(4));
    assert_eq!(limiter.booked(ConnectionId::new()), Duration::ZERO);
}
