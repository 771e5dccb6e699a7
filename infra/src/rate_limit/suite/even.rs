//! Even spacing.

use std::time::Duration;

use bellhop_domain::ports::{BatchAsk, Permit};
use bellhop_domain::{BatchId, ConnectionId};

use super::{
    AHEAD, Asker, MS, Road, START, Subject, assert_paced, drive, exact, guest, pace, placed, places, within,
};
use crate::rate_limit::ticks::{SECOND, Ticks};

const AT_ONCE: Permit = Permit::Granted { after: Duration::ZERO };

pub async fn no_second_has_more_than_the_pace_and_the_mean_has_all_of_it(subject: &dyn Subject) {
    for (per_second, seconds) in [(1, 30), (7, 12), (20, 6), (60, 5), (80, 5), (1_000, 3)] {
        for singles_every in [0, SECOND / 3] {
            let singles_every = singles_every * 20 / Ticks::from(per_second.min(20));
            let road = Road { singles_every, ..Road::new(per_second) };
            let askers = [(); 4].map(|()| Asker::new(None));
            let grants = drive(subject, &road, &askers, seconds).await;
            let n = per_second as usize;
            assert_paced(&places(&grants), n);
            let least = SECOND / Ticks::from(per_second);
            assert!(places(&grants).windows(2).all(|pair| pair[1] - pair[0] >= least), "{n}/s is uneven");
            let (all, share) = (n * (seconds as usize - 1), within(&grants, 0, seconds - 1, None));
            assert!(
                share as f64 >= all as f64 * 0.98 && share as f64 <= all as f64 * 1.005 + 1.0,
                "{share} of {all}"
            );
        }
    }
}

pub async fn a_batch_keeps_its_own_pace(subject: &dyn Subject) {
    let cases = [
        (1_000, 100.0),
        (1_000, 600.0),
        (1_000, 7.5),
        (80, 50.0),
        (60, 40.0),
        (20, 0.5),
        (80, 80.0),
        (20, 99.0),
    ];
    for (per_second, own) in cases {
        for singles_every in [0, SECOND / 5] {
            let road = Road { singles_every, ..Road::new(per_second) };
            let grants = drive(subject, &road, &[Asker::new(Some(own))], 9).await;
            assert_paced(&places(&grants), per_second as usize);
            let own = own.min(f64::from(per_second));
            let batch: Vec<_> =
                grants.iter().filter(|grant| grant.who == 0).map(|grant| grant.place).collect();
            assert_paced(&batch, own.ceil() as usize);
            let (share, all) = (within(&grants, 0, 8, Some(0)) as f64, own * 8.0);
            // Single messages have their own places, of the same connection.
            let singles =
                if own < f64::from(per_second) { 0.0 } else { within(&grants, 0, 8, Some(1)) as f64 };
            assert!(
                share + singles >= all * 0.98 - 1.0 && share <= all * 1.005 + 1.0,
                "{share} of {all} at {own}/{per_second}"
            );
        }
    }
}

pub async fn single_messages_do_not_push_a_batch_over_its_own_pace(subject: &dyn Subject) {
    let road = Road { singles_every: SECOND / 150, ..Road::new(1_000) };
    let grants = drive(subject, &road, &[Asker::new(Some(600.0))], 3).await;
    assert_paced(&places(&grants), 1_000);
    let batch: Vec<_> = grants.iter().filter(|grant| grant.who == 0).map(|grant| grant.place).collect();
    assert_paced(&batch, 600);
    assert!(within(&grants, 0, 2, Some(0)) >= 1_020, "{} in 2 s", within(&grants, 0, 2, Some(0)));
}

pub async fn nobody_catches_up_after_a_stall(subject: &dyn Subject) {
    let road = Road::new(80);
    for own in [None, Some(30.0)] {
        let batch = Asker::new(own);
        let most = own.unwrap_or(80.0) as usize;
        let mut all = Vec::new();
        for from in [0, 3, 7] {
            let asker =
                Asker { from: START + from * SECOND, to: START + (from + 2) * SECOND, ..batch.clone() };
            let grants = drive(subject, &road, &[asker], from + 3).await;
            assert!(within(&grants, from, from + 1, None) <= most, "more after a stall");
            all.extend(places(&grants));
        }
        assert_paced(&all, most);
    }
}

pub async fn those_who_wait_have_each_their_own_place(subject: &dyn Subject) {
    let (connection, patience) = (ConnectionId::new(), Duration::from_secs(3));
    let (mut places, mut refused) = (Vec::new(), 0);
    for number in 0..400 {
        let at = START + number * 160;
        match subject.single(at, (connection, &guest(number as usize)), pace(80), patience).await {
            Permit::Granted { after } => places.push(at + exact(after)),
            Permit::ConnectionBusy(wait) => {
                assert!(wait > patience);
                refused += 1;
            }
            Permit::RecipientBusy(_) => panic!("every message has its own recipient"),
        }
    }
    assert_eq!((places.len(), refused), (241, 159), "one now and those of three seconds");
    assert_paced(&places, 80);
    assert!(places.windows(2).all(|pair| pair[1] - pair[0] == SECOND / 80));
}

pub async fn a_wait_is_as_long_as_it_says(subject: &dyn Subject) {
    let connection = ConnectionId::new();
    let ask = async |at: Ticks, per_second, patience_ms| {
        let patience = Duration::from_millis(patience_ms);
        subject.single(START + at, (connection, &guest(at as usize)), pace(per_second), patience).await
    };
    let busy = |ms| Permit::ConnectionBusy(Duration::from_millis(ms));
    assert_eq!(ask(0, 10, 0).await, AT_ONCE, "an idle connection");
    assert_eq!(ask(0, 10, 99).await, busy(100));
    assert_eq!(ask(0, 10, 100).await, Permit::Granted { after: Duration::from_millis(100) });
    assert_eq!(ask(150 * MS, 10, 0).await, busy(50));
    assert_eq!(ask(150 * MS, 4, 0).await, busy(200), "a lower pace");
    assert_eq!(ask(200 * MS - 16, 10, 0).await, Permit::ConnectionBusy(Duration::from_micros(1)));
    assert_eq!(ask(200 * MS, 10, 0).await, AT_ONCE);
    let other = (ConnectionId::new(), &guest(1));
    assert_eq!(subject.single(START + 200 * MS, other, pace(10), Duration::ZERO).await, AT_ONCE);
    assert_eq!(ask(900 * MS, 10, 0).await, AT_ONCE);
    assert_eq!(ask(900 * MS + 1, 10, 0).await, Permit::ConnectionBusy(Duration::from_nanos(99_999_937)));
}

pub async fn unpaced_is_nearly_unlimited(subject: &dyn Subject) {
    let (batch, connection) = (BatchId::new(), ConnectionId::new());
    let mut all = Vec::new();
    for turn in 0..50 {
        let recipients: Vec<_> = (0..200).map(|n| guest(turn as usize * 200 + n)).collect();
        let (pace, at) = (pace(1_000_000), START + turn * MS / 5);
        let ask =
            BatchAsk { batch, batch_pace: None, connection, pace, recipients: &recipients, ahead: AHEAD };
        let permit = subject.group(at, &ask).await;
        let places = placed(&permit);
        assert_eq!((places.len(), permit.again), (200, Duration::ZERO));
        all.extend(places.into_iter().map(|after| at + after));
    }
    assert!(all.windows(2).all(|pair| pair[1] - pair[0] == 16), "10,000 in 10 ms");
}
