//! Recipients, hints and refusals.

use std::time::Duration;

use bellhop_domain::guest::Recipient;
use bellhop_domain::ports::{BatchAsk, BatchPermit, BatchPlace, Permit};
use bellhop_domain::{BatchId, ConnectionId};

use super::{AHEAD, MS, START, Subject, exact, guest, pace, placed};
use crate::rate_limit::ticks::{SECOND, Ticks};

const AT_ONCE: Permit = Permit::Granted { after: Duration::ZERO };
const UNPACED: u32 = 1_000_000;

fn six_seconds() -> Permit {
    Permit::RecipientBusy(Duration::from_secs(6))
}

/// A batch and its connection.
struct One<'a> {
    subject: &'a dyn Subject,
    connection: ConnectionId,
    batch: BatchId,
}

impl<'a> One<'a> {
    fn new(subject: &'a dyn Subject) -> Self {
        Self { subject, connection: ConnectionId::new(), batch: BatchId::new() }
    }

    async fn group(
        &self,
        at: Ticks,
        recipients: &[Recipient],
        (own, per_second): (Option<f64>, u32),
    ) -> BatchPermit {
        let ask = BatchAsk {
            batch: self.batch,
            batch_pace: own,
            connection: self.connection,
            pace: pace(per_second),
            recipients,
            ahead: AHEAD,
        };
        self.subject.group(at, &ask).await
    }

    async fn single(&self, at: Ticks, to: usize, per_second: u32) -> Permit {
        self.subject.single(at, (self.connection, &guest(to)), pace(per_second), Duration::ZERO).await
    }
}

/// Each has its own number.
fn guests(count: usize) -> Vec<Recipient> {
    (1_000..1_000 + count).map(guest).collect()
}

pub async fn a_recipient_gets_45_at_once_and_then_one_in_six_seconds(subject: &dyn Subject) {
    let one = One::new(subject);
    let mut at = START;
    for _ in 0..45 {
        assert_eq!(one.single(at, 1, UNPACED).await, AT_ONCE);
        at += 16;
    }
    let full = START + 6 * SECOND;
    assert_eq!(
        one.single(START + 44 * 16, 1, UNPACED).await,
        Permit::RecipientBusy(Duration::from_secs(6) - Duration::from_micros(44))
    );
    assert_eq!(one.single(full - MS, 1, UNPACED).await, Permit::RecipientBusy(Duration::from_millis(1)));
    assert_eq!(one.single(full, 1, UNPACED).await, AT_ONCE);
    assert_eq!(one.single(full, 1, UNPACED).await, six_seconds());
    assert_eq!(one.single(full + 16, 2, UNPACED).await, AT_ONCE, "another recipient");
    let bsuid = (one.connection, &Recipient::Bsuid("1".to_owned()));
    assert_eq!(
        subject.single(full + 32, bsuid, pace(UNPACED), Duration::ZERO).await,
        AT_ONCE,
        "another kind"
    );
    // Full again: 45 more, not one more.
    let (later, mut granted) = (full + 45 * 6 * SECOND, 0);
    for n in 0..60 {
        granted += usize::from(one.single(later + n * 16, 1, UNPACED).await == AT_ONCE);
    }
    assert_eq!(granted, 45);
}

pub async fn a_refusal_takes_neither_place(subject: &dyn Subject) {
    let one = One::new(subject);
    for n in 0..45 {
        assert_eq!(one.single(START + n * 16, 1, UNPACED).await, AT_ONCE);
    }
    let at = START + MS;
    for _ in 0..10 {
        assert!(matches!(one.single(at, 1, 10).await, Permit::RecipientBusy(_)));
    }
    let at = START + SECOND;
    assert_eq!(one.single(at, 2, 10).await, AT_ONCE, "the refusals took no place of the connection");
    for _ in 0..100 {
        assert_eq!(one.single(at, 3, 10).await, Permit::ConnectionBusy(Duration::from_millis(100)));
    }
    let mut granted = 0;
    for n in 0..60 {
        granted += usize::from(one.single(at + SECOND + n * 16, 3, UNPACED).await == AT_ONCE);
    }
    assert_eq!(granted, 45, "the refusals took nothing from the third guest");
}

pub async fn a_busy_recipient_in_a_group_takes_nothing(subject: &dyn Subject) {
    let one = One::new(subject);
    // The same guest 45 times in one group, and once more.
    let mut recipients = vec![guest(1); 46];
    recipients.push(guest(2));
    let permit = one.group(START, &recipients, (None, 1_000)).await;
    assert!(
        permit.places[..45]
            .iter()
            .enumerate()
            .all(|(n, place)| *place == BatchPlace::After(Duration::from_millis(n as u64)))
    );
    assert_eq!(permit.places[45], BatchPlace::RecipientBusy(Duration::from_secs(6)));
    assert_eq!(permit.places[46], BatchPlace::After(Duration::from_millis(45)));
    assert_eq!(permit.again, Duration::from_secs(6), "when the busy one may be asked for again");
    let recipients = [vec![guest(1)], guests(64)].concat();
    let permit = one.group(START + SECOND, &recipients, (None, 1_000)).await;
    assert_eq!(permit.places[0], BatchPlace::RecipientBusy(Duration::from_secs(5)));
    assert_eq!(permit.places[1], BatchPlace::After(Duration::ZERO));
    assert_eq!(permit.places[61], BatchPlace::After(Duration::from_millis(60)));
    assert_eq!(permit.places[62..], [BatchPlace::NotYet; 3]);
    assert_eq!(permit.again, Duration::from_millis(31));
}

pub async fn the_hint_is_when_half_is_free(subject: &dyn Subject) {
    let one = One::new(subject);
    let permit = one.group(START, &guests(64), (None, 1_000)).await;
    assert_eq!((placed(&permit).len(), permit.again), (61, Duration::from_millis(31)));
    let permit = one.group(START + 31 * MS, &guests(64), (None, 1_000)).await;
    assert_eq!((placed(&permit).len(), permit.again), (31, Duration::from_millis(31)));
    let permit = one.group(START + SECOND, &guests(10), (None, 1_000)).await;
    assert_eq!((placed(&permit).len(), permit.again), (10, Duration::ZERO), "all have one");
    // So slow that only one fits: before its place, so that nothing is lost.
    let one = One::new(subject);
    let permit = one.group(START, &guests(3), (None, 1)).await;
    assert_eq!((placed(&permit), permit.again), (vec![0], Duration::from_millis(970)));
    let permit = one.group(START + 970 * MS, &guests(3), (None, 1)).await;
    assert_eq!((placed(&permit), permit.again), (vec![30 * MS], Duration::from_secs(1)));
    // Its own pace.
    let one = One::new(subject);
    let permit = one.group(START, &guests(9), (Some(50.0), 1_000)).await;
    assert_eq!(placed(&permit), [0, 20 * MS, 40 * MS, 60 * MS]);
    assert_eq!(permit.again, Duration::from_millis(50));
}

pub async fn a_slow_batch_leaves_its_gaps_to_others(subject: &dyn Subject) {
    let one = One::new(subject);
    let permit = one.group(START, &guests(9), (Some(50.0), 1_000)).await;
    assert_eq!(placed(&permit).last(), Some(&(60 * MS)));
    // Beside its places, not on them.
    assert_eq!(one.single(START, 1, 1_000).await, Permit::ConnectionBusy(Duration::from_millis(1)));
    assert_eq!(one.single(START + 19 * MS, 2, 1_000).await, AT_ONCE);
    assert_eq!(one.single(START + 20 * MS, 3, 1_000).await, Permit::ConnectionBusy(Duration::from_millis(1)));
    // A fast batch takes all that is left.
    let other = One { batch: BatchId::new(), ..one };
    let permit = other.group(START + 20 * MS, &guests(64), (None, 1_000)).await;
    let taken = placed(&permit);
    let wanted: Vec<_> = (21..60).filter(|ms| *ms != 40).map(|ms| (ms - 20) * MS).take(taken.len()).collect();
    assert_eq!(taken, wanted);
    assert!(taken.len() >= 38, "{}: two thirds, for the slow one's sake", taken.len());
}

pub async fn a_refusal_slows_down_and_the_pace_climbs_back(subject: &dyn Subject) {
    let connection = ConnectionId::new();
    let now = async |ms: Ticks| subject.present(START + ms * MS, connection, pace(90)).await;
    let refused = async |ms: Ticks| subject.brake(START + ms * MS, connection, pace(90)).await;
    assert_eq!(now(0).await, 90.0);
    refused(0).await;
    assert_eq!(now(0).await, 60.0);
    refused(999).await;
    assert!((now(999).await - 64.5).abs() < 0.01, "once a second, climbing by 4.5 a second");
    refused(1_000).await;
    assert!((now(1_000).await - 43.0).abs() < 0.01);
    for second in 2..40 {
        refused(second * 1_000).await;
    }
    assert!(now(39_000).await >= 1.0);
    assert_eq!(now(60_000).await, 90.0);
    // The places follow.
    refused(60_000).await;
    let to = guest(1);
    let ask = async |ms: Ticks| {
        subject.single(START + ms * MS, (connection, &to), pace(90), Duration::from_secs(1)).await
    };
    assert_eq!(ask(60_000).await, AT_ONCE);
    let Permit::Granted { after } = ask(60_000).await else { panic!() };
    assert_eq!(exact(after), (SECOND + 59) / 60);
    // The least: one a second, or the pace itself.
    let slow = ConnectionId::new();
    for second in 0..5 {
        subject.brake(START + second * SECOND, slow, pace(1)).await;
    }
    assert_eq!(subject.present(START + 4 * SECOND, slow, pace(1)).await, 1.0);
}

pub async fn without_a_pace_nobody_gets_a_place(subject: &dyn Subject) {
    let one = One::new(subject);
    let second = Duration::from_secs(1);
    assert_eq!(one.single(START, 1, 0).await, Permit::ConnectionBusy(second));
    for limits in [(None, 0), (Some(0.0), 80), (Some(-1.0), 80), (Some(f64::NAN), 80)] {
        let permit = one.group(START, &guests(2), limits).await;
        assert_eq!((&permit.places[..], permit.again), (&[BatchPlace::NotYet; 2][..], second), "{limits:?}");
    }
    let permit = one.group(START, &[], (None, 80)).await;
    assert_eq!((permit.places.len(), permit.again), (0, Duration::ZERO));
}
