//! Batches among themselves, and single messages among batches.

use super::{AHEAD, Asker, Grant, MS, Road, START, Subject, assert_paced, drive, exact, places, within};
use crate::rate_limit::ticks::{SECOND, Ticks};

/// What each of `askers` got in seconds `from` to `to`, in parts of the connection's pace.
fn parts(grants: &[Grant], road: &Road, (from, to): (Ticks, Ticks), askers: usize) -> Vec<f64> {
    let all = f64::from(road.pace.per_second) * (to - from) as f64;
    (0..askers).map(|who| within(grants, from, to, Some(who)) as f64 / all).collect()
}

fn assert_part(part: f64, wanted: f64, what: &str) {
    assert!((part - wanted).abs() <= 0.1 * wanted + 0.01, "{what}: {part:.3} instead of {wanted:.3}");
}

pub async fn batches_get_equal_shares(subject: &dyn Subject) {
    for (per_second, seconds) in [(1_000, 3), (80, 5), (20, 12), (2, 60)] {
        for count in [2_usize, 3, 5] {
            let road = Road::new(per_second);
            let askers: Vec<_> = (0..count).map(|_| Asker::new(None)).collect();
            let grants = drive(subject, &road, &askers, seconds).await;
            assert_paced(&places(&grants), per_second as usize);
            let parts = parts(&grants, &road, (0, seconds - 1), count);
            for part in &parts {
                assert_part(*part, 1.0 / count as f64, &format!("{parts:?} at {per_second}"));
            }
        }
    }
}

pub async fn a_slow_batch_beside_a_fast_one_gets_its_pace(subject: &dyn Subject) {
    for (per_second, own) in [(1_000, 100.0), (1_000, 300.0), (1_000, 10.0), (80, 20.0), (80, 5.0)] {
        let road = Road::new(per_second);
        let grants = drive(subject, &road, &[Asker::new(None), Asker::new(Some(own))], 4).await;
        assert_paced(&places(&grants), per_second as usize);
        let slow: Vec<_> = grants.iter().filter(|grant| grant.who == 1).map(|grant| grant.place).collect();
        assert_paced(&slow, own as usize);
        let parts = parts(&grants, &road, (0, 3), 2);
        let wanted = own / f64::from(per_second);
        assert!(
            parts[1] >= wanted * 0.9 && parts[1] <= wanted * 1.005 + 0.01,
            "{parts:?}, {own} of {per_second}"
        );
        assert!(parts[0] + parts[1] >= 0.98, "{parts:?}: the fast one has the rest");
    }
    // One whose own pace is more than its share has its share.
    let road = Road::new(1_000);
    let grants = drive(subject, &road, &[Asker::new(None), Asker::new(Some(900.0))], 5).await;
    for part in parts(&grants, &road, (0, 4), 2) {
        assert_part(part, 0.5, "900/s of its own");
    }
}

pub async fn a_batch_that_asks_more_often_gets_no_more(subject: &dyn Subject) {
    let road = Road::new(1_000);
    let (busy, other) = (Asker::new(None), Asker::new(None));
    let askers = [busy.clone(), other, busy.clone(), busy];
    let grants = drive(subject, &road, &askers, 4).await;
    assert_part(parts(&grants, &road, (0, 3), 2)[1], 0.5, "against three workers of one batch");
}

pub async fn nobody_makes_good_for_time_it_was_not_there(subject: &dyn Subject) {
    let road = Road::new(1_000);
    let late = Asker { from: START + 3 * SECOND, ..Asker::new(None) };
    let grants = drive(subject, &road, &[Asker::new(None), late], 6).await;
    let parts = parts(&grants, &road, (3, 5), 2);
    assert_part(parts[0], 0.5, "the one that was there");
    assert_part(parts[1], 0.5, "the one that came");
}

pub async fn one_that_went_away_holds_nobody_back(subject: &dyn Subject) {
    let road = Road::new(1_000);
    let gone = Asker { to: START + 2 * SECOND, ..Asker::new(None) };
    let grants = drive(subject, &road, &[Asker::new(None), gone], 5).await;
    assert!(within(&grants, 0, 4, None) >= 3_920);
    assert!(parts(&grants, &road, (3, 4), 1)[0] >= 0.98);
}

pub async fn a_single_message_hardly_waits_behind_batches(subject: &dyn Subject) {
    for (per_second, own) in [(1_000, None), (80, None), (1_000, Some(200.0))] {
        let road = Road { singles_every: SECOND / 8, ..Road::new(per_second) };
        let grants = drive(subject, &road, &[Asker::new(None), Asker::new(own)], 6).await;
        assert_paced(&places(&grants), per_second as usize);
        let singles = grants.iter().filter(|grant| grant.who == 2);
        let mut waits: Vec<_> = singles.map(|grant| grant.place - grant.asked).collect();
        waits.sort_unstable();
        let p99 = waits[waits.len() * 99 / 100];
        let most = exact(AHEAD) + 3 * SECOND / Ticks::from(per_second);
        assert!(p99 <= most, "{} ms of {}", p99 / MS, waits.len());
    }
}
