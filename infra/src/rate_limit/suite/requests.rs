//! Limits of requests to the API.

use std::time::Duration;

use bellhop_domain::ports::{RequestAsk, RequestRate, RequestStanding};
use uuid::Uuid;

use super::{Dice, START, Subject, exact};
use crate::rate_limit::ticks::{SECOND, Ticks};

/// A limit of its own.
pub fn limit(per_minute: u32) -> RequestAsk {
    RequestAsk { of: Uuid::now_v7(), rate: RequestRate::a_minute(per_minute).unwrap() }
}

async fn one(subject: &dyn Subject, at: Ticks, ask: RequestAsk) -> RequestStanding {
    subject.request(at, &[ask]).await.0[0]
}

pub async fn a_quota_comes_at_once_and_then_evenly(subject: &dyn Subject) {
    let ask = limit(600);
    for left in (0..100).rev() {
        let gone = Duration::from_millis(100 * (100 - u64::from(left)));
        let standing = RequestStanding { left, wait: Duration::ZERO, whole_in: gone };
        assert_eq!(one(subject, START, ask).await, standing);
    }
    let refused =
        RequestStanding { left: 0, wait: Duration::from_millis(100), whole_in: Duration::from_secs(10) };
    assert_eq!(one(subject, START, ask).await, refused);
    assert_eq!(one(subject, START, ask).await, refused, "a refusal takes nothing");
    let (early, later) = (START + SECOND / 10 - 1, START + SECOND / 10);
    assert!(!one(subject, early, ask).await.wait.is_zero());
    assert!(one(subject, later, ask).await.wait.is_zero());
    assert!(!one(subject, later, ask).await.wait.is_zero(), "one and not two");
    let rested = one(subject, START + 100 * SECOND, ask).await;
    assert_eq!((rested.left, rested.whole_in), (99, Duration::from_millis(100)), "no more than a quota");
}

pub async fn who_waits_as_told_is_granted(subject: &dyn Subject) {
    let (ask, mut dice, mut at) = (limit(7_777), Dice(3), START);
    let mut granted = 0;
    while at < START + 30 * SECOND {
        let standing = one(subject, at, ask).await;
        if standing.wait.is_zero() {
            granted += 1;
            at += dice.roll(SECOND / 500);
        } else {
            at += exact(standing.wait);
            assert!(one(subject, at, ask).await.wait.is_zero(), "after {:?}", standing.wait);
            granted += 1;
        }
    }
    let most = u64::from(ask.rate.quota()) + u64::from(ask.rate.per_minute()) / 2;
    assert!((most - 5..=most + 1).contains(&granted), "{granted} of {most}");
}

pub async fn one_limit_without_room_takes_nothing_of_the_other(subject: &dyn Subject) {
    let (narrow, wide) = (limit(60), limit(6_000));
    for _ in 0..10 {
        assert!(subject.request(START, &[narrow, wide]).await.is_granted());
    }
    for _ in 0..50 {
        let permit = subject.request(START, &[narrow, wide]).await;
        assert!(!permit.is_granted());
        assert_eq!(permit.0[0].wait, Duration::from_secs(1));
        assert_eq!((permit.0[1].left, permit.0[1].wait), (990, Duration::ZERO));
    }
    // Neither does another who shares the second.
    let permit = subject.request(START, &[limit(60), wide]).await;
    assert!(permit.is_granted());
    assert_eq!((permit.0[0].left, permit.0[1].left), (9, 989));
}

pub async fn a_clock_that_was_set_back_locks_nobody_out(subject: &dyn Subject) {
    let ask = limit(600);
    assert!(one(subject, START + 1_000_000 * SECOND, ask).await.wait.is_zero());
    let standing = one(subject, START, ask).await;
    assert!(standing.wait <= Duration::from_millis(100), "{standing:?}");
}
