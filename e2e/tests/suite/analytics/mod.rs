//! The numbers of a hotel, against a slow and plain computation over all rows, on random histories.

mod history;
mod plain;

use bellhop_domain::analytics::GroupBy;
use bellhop_service::analytics::{RangeRequest, Summary};
use chrono::{Days, NaiveDate, TimeDelta};
use history::{Dice, History};
use plain::{Plain, compute, day_of};

/// Steps of each history; a third of them are looked at.
const STEPS: usize = 140;

/// Compares what the service says of these days, by each kind of group.
async fn check(history: &History, (from, to): (NaiveDate, NaiveDate), what: &str) {
    for by in GroupBy::ALL.iter().copied() {
        let what = format!("{what}, from {from} to {to} by {by}");
        let told = summary(history, (from, to), by).await;
        let (totals, mut groups) = compute(&history.db, (from, to), by).await;
        assert_eq!(told.days_pending, 0, "{what}");
        totals.agrees(&told.totals, &what);
        for group in &told.groups {
            // A day without anything is told too.
            let plain = groups.remove(&group.key).unwrap_or_default();
            plain.agrees(&group.numbers, &format!("{what}: {:?}", group.key));
        }
        let days_to_come = |group: &Plain| group == &Plain::default();
        assert!(groups.values().all(days_to_come), "not told, {what}: {:?}", groups.keys());
    }
}

async fn summary(history: &History, (from, to): (NaiveDate, NaiveDate), by: GroupBy) -> Summary {
    let range = RangeRequest { from: Some(from.to_string()), to: Some(to.to_string()) };
    history.app.analytics_summary(&history.caller, &range, by).await.unwrap()
}

async fn play(seed: u64) {
    println!("seed {seed}");
    let mut history = History::begin(Dice(seed)).await;
    for step in 0..STEPS {
        history.step().await;
        if !step.is_multiple_of(3) {
            continue;
        }
        let today = day_of(history.now());
        let back = |history: &mut History, days| Days::new(history.dice.below(days));
        let to = today - back(&mut history, 6);
        let from = to - back(&mut history, 20);
        check(&history, (from, to), &format!("seed {seed}, step {step}")).await;
    }
    // And once more when nobody has anything left to add up: marks of a day that is closed come after it.
    for _ in 0..2 {
        history.app.roll_up_analytics().await.unwrap();
    }
    assert_eq!(history.app.roll_up_analytics().await.unwrap(), 0);
    let today = day_of(history.now());
    check(&history, (today - Days::new(365), today), &format!("seed {seed}, in the end")).await;
    history.end().await;
}

#[tokio::test]
async fn random_histories_come_to_the_same_numbers() {
    // One that is new each time; it is printed.
    let new = chrono::Utc::now().timestamp_micros().unsigned_abs();
    for seed in [1, new] {
        play(seed).await;
    }
}

#[tokio::test]
async fn what_is_too_much_for_an_answer_is_added_up_by_the_worker() {
    let mut history = History::begin(Dice(3)).await;
    history.guest_writes(None).await;
    history.sends_many(1_200).await;
    let today = day_of(history.now());
    let told = summary(&history, (today, today), GroupBy::Day).await;
    assert_eq!((told.days_pending, told.totals.outbound), (1, 0));
    assert!(history.app.roll_up_analytics().await.unwrap() >= 1);
    check(&history, (today, today), "added up").await;
    let before = summary(&history, (today, today), GroupBy::Day).await;
    assert!(before.as_of <= history.now());
    // A round right after another leaves the day alone; a minute later it does not.
    history.sends_many(1).await;
    history.app.roll_up_analytics().await.unwrap();
    assert_eq!(summary(&history, (today, today), GroupBy::Day).await.totals.outbound, 1_200);
    history.clock.advance(TimeDelta::minutes(1));
    history.app.roll_up_analytics().await.unwrap();
    let after = summary(&history, (day_of(history.now()), day_of(history.now())), GroupBy::Day).await;
    assert!(after.as_of > before.as_of);
    // Four days later the day is closed, by one of two workers; a late status marks it.
    history.clock.advance(TimeDelta::days(4));
    let (one, other) = tokio::join!(history.app.roll_up_analytics(), history.other.roll_up_analytics());
    assert!(one.unwrap() + other.unwrap() >= 1);
    check(&history, (today, today), "closed").await;
    history.status(1).await;
    history.app.roll_up_analytics().await.unwrap();
    check(&history, (today, day_of(history.now())), "a late status").await;
    history.end().await;
}
