//! What both limiters must do, on a time that the tests move: the same for both.

pub mod even;
pub mod limits;
pub mod requests;
pub mod shares;

use std::time::Duration;

use async_trait::async_trait;
use bellhop_domain::guest::Recipient;
use bellhop_domain::ports::{BatchAsk, BatchPermit, BatchPlace, Pace, Permit, RequestAsk, RequestPermit};
use bellhop_domain::{BatchId, ConnectionId};

use super::ticks::{SECOND, Ticks};

pub const MS: Ticks = SECOND / 1_000;
/// When the tests begin.
pub const START: Ticks = 1_000_000 * SECOND;
/// How far batches book in production.
pub const AHEAD: Duration = Duration::from_millis(60);

/// A limiter that is told what time it is.
#[async_trait]
pub trait Subject: Send + Sync {
    async fn single(
        &self,
        at: Ticks,
        to: (ConnectionId, &Recipient),
        pace: Pace,
        patience: Duration,
    ) -> Permit;
    async fn group(&self, at: Ticks, ask: &BatchAsk<'_>) -> BatchPermit;
    async fn request(&self, at: Ticks, asks: &[RequestAsk]) -> RequestPermit;
    async fn brake(&self, at: Ticks, connection: ConnectionId, pace: Pace);
    async fn present(&self, at: Ticks, connection: ConnectionId, pace: Pace) -> f64;
    /// Leaves nothing behind.
    async fn clean(&self);
}

/// Every test of the suite, for the limiter that `$make` makes, if it can.
macro_rules! run_suite {
    ($make:path) => {
        run_suite!(@ $make, even::{
            no_second_has_more_than_the_pace_and_the_mean_has_all_of_it, a_batch_keeps_its_own_pace,
            single_messages_do_not_push_a_batch_over_its_own_pace,
            nobody_catches_up_after_a_stall, those_who_wait_have_each_their_own_place,
            a_wait_is_as_long_as_it_says, unpaced_is_nearly_unlimited
        });
        run_suite!(@ $make, shares::{
            batches_get_equal_shares, a_slow_batch_beside_a_fast_one_gets_its_pace,
            a_batch_that_asks_more_often_gets_no_more, nobody_makes_good_for_time_it_was_not_there,
            one_that_went_away_holds_nobody_back, a_single_message_hardly_waits_behind_batches
        });
        run_suite!(@ $make, limits::{
            a_recipient_gets_45_at_once_and_then_one_in_six_seconds, a_refusal_takes_neither_place,
            a_busy_recipient_in_a_group_takes_nothing, the_hint_is_when_half_is_free,
            a_slow_batch_leaves_its_gaps_to_others, a_refusal_slows_down_and_the_pace_climbs_back,
            without_a_pace_nobody_gets_a_place
        });
        run_suite!(@ $make, requests::{
            a_quota_comes_at_once_and_then_evenly, who_waits_as_told_is_granted,
            one_limit_without_room_takes_nothing_of_the_other, a_clock_that_was_set_back_locks_nobody_out
        });
    };
    (@ $make:path, $module:ident :: {$($name:ident),+}) => { $(
        #[tokio::test]
        async fn $name() {
            let Some(subject) = $make().await else { return };
            crate::rate_limit::suite::$module::$name(&subject).await;
            crate::rate_limit::suite::Subject::clean(&subject).await;
        }
    )+ };
}
pub(super) use run_suite;

pub fn guest(number: usize) -> Recipient {
    Recipient::Number(number.to_string())
}

pub const fn pace(per_second: u32) -> Pace {
    Pace { per_second }
}

/// The ticks that a duration was made from.
pub fn exact(duration: Duration) -> Ticks {
    Ticks::try_from((duration.as_nanos() * 2).div_ceil(125)).unwrap()
}

/// A number from 0 to `below`, other each time.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: Ticks) -> Ticks {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as Ticks % below.max(1)
    }
}

/// One that asks again whenever it is told to, a little late.
#[derive(Clone)]
pub struct Asker {
    pub batch: BatchId,
    pub own: Option<f64>,
    pub group: usize,
    pub from: Ticks,
    pub to: Ticks,
}

impl Asker {
    pub fn new(own: Option<f64>) -> Self {
        Self { batch: BatchId::new(), own, group: 64, from: START, to: Ticks::MAX }
    }
}

pub struct Road {
    pub connection: ConnectionId,
    pub pace: Pace,
    /// How late askers come at most.
    pub late: Ticks,
    /// A front-desk message so often; zero: none.
    pub singles_every: Ticks,
}

impl Road {
    pub fn new(per_second: u32) -> Self {
        Self { connection: ConnectionId::new(), pace: pace(per_second), late: 3 * MS, singles_every: 0 }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// The asker's index; one more for single messages.
    pub who: usize,
    pub asked: Ticks,
    pub place: Ticks,
}

/// Lets all ask in the order of their times, for so many seconds; the places, in their order.
pub async fn drive(subject: &dyn Subject, road: &Road, askers: &[Asker], seconds: Ticks) -> Vec<Grant> {
    let (mut dice, mut grants, mut sent) = (Dice(7), Vec::new(), 0);
    let mut turns: Vec<Ticks> = askers.iter().map(|asker| asker.from).collect();
    turns.push(if road.singles_every > 0 { START } else { Ticks::MAX });
    loop {
        let (who, now) = turns.iter().copied().enumerate().min_by_key(|(_, at)| *at).unwrap();
        if now >= START + seconds * SECOND {
            break;
        }
        let Some(asker) = askers.get(who) else {
            sent += 1;
            let to = (road.connection, &guest(sent));
            match subject.single(now, to, road.pace, Duration::from_secs(5)).await {
                Permit::Granted { after } => {
                    grants.push(Grant { who, asked: now, place: now + exact(after) });
                }
                busy => panic!("{busy:?}"),
            }
            turns[who] = now + road.singles_every + dice.roll(road.singles_every);
            continue;
        };
        let recipients: Vec<_> = (sent + 1..=sent + asker.group).map(guest).collect();
        sent += asker.group;
        let (batch, batch_pace) = (asker.batch, asker.own);
        let Road { connection, pace, .. } = *road;
        let ask = BatchAsk { batch, batch_pace, connection, pace, recipients: &recipients, ahead: AHEAD };
        let permit = subject.group(now, &ask).await;
        assert_eq!(permit.places.len(), recipients.len());
        grants.extend(placed(&permit).into_iter().map(|after| Grant { who, asked: now, place: now + after }));
        turns[who] = now + exact(permit.again).max(1) + dice.roll(road.late);
        if turns[who] >= asker.to {
            turns[who] = Ticks::MAX;
        }
    }
    grants.sort_by_key(|grant| grant.place);
    grants
}

/// The places that were given, from now.
pub fn placed(permit: &BatchPermit) -> Vec<Ticks> {
    let after = |place: &BatchPlace| match place {
        BatchPlace::After(after) => Some(exact(*after)),
        BatchPlace::RecipientBusy(_) | BatchPlace::NotYet => None,
    };
    permit.places.iter().filter_map(after).collect()
}

/// No second, wherever it begins, has more than `most`.
pub fn assert_paced(places: &[Ticks], most: usize) {
    for (first, after) in places.iter().zip(places.iter().skip(most)) {
        assert!(after - first >= SECOND, "{most} + 1 places in {} ms", (after - first) / MS);
    }
}

/// Places in seconds `from` to `to` of the test.
pub fn within(grants: &[Grant], from: Ticks, to: Ticks, who: Option<usize>) -> usize {
    let (from, to) = (START + from * SECOND, START + to * SECOND);
    let fits = |grant: &&Grant| (from..to).contains(&grant.place) && who.is_none_or(|who| grant.who == who);
    grants.iter().filter(fits).count()
}

pub fn places(grants: &[Grant]) -> Vec<Ticks> {
    grants.iter().map(|grant| grant.place).collect()
}
