//! Times in steps that grow with them: small to keep, quick to add up, and exact enough for percentiles.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A step is so many times as long as the one before it.
const GROWTH: f64 = 1.05;

/// How many times fell into each step. A percentile is off by at most 2.5 %, and times below a second are 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram(BTreeMap<u16, u64>);

impl Histogram {
    /// Takes a time in seconds in.
    pub fn add(&mut self, seconds: f64) {
        *self.0.entry(step(seconds)).or_default() += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        for (step, count) in &other.0 {
            *self.0.entry(*step).or_default() += count;
        }
    }

    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time in seconds that so many of all, from 0 to 1, do not exceed (by nearest rank).
    pub fn percentile(&self, part: f64) -> Option<f64> {
        let count = self.count();
        let rank = ((part * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        self.0.iter().find_map(|(step, count)| {
            seen += count;
            (seen >= rank).then(|| middle(*step))
        })
    }
}

/// Step 0 is below a second; step n begins at `GROWTH` to the power n - 1.
fn step(seconds: f64) -> u16 {
    if seconds < 1.0 {
        return 0;
    }
    // Saturates: 1.05 to the power 65,534 is longer than any guest waits.
    (seconds.ln() / GROWTH.ln()).floor() as u16 + 1
}

/// To the millisecond.
fn middle(step: u16) -> f64 {
    match step {
        0 => 0.0,
        step => (GROWTH.powf(f64::from(step) - 0.5) * 1_000.0).round() / 1_000.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_the_precision() {
        let mut histogram = Histogram::default();
        let times: Vec<f64> = (1..=2_000).map(|n| f64::from(n) * 1.7).collect();
        times.iter().for_each(|time| histogram.add(*time));
        assert_eq!(histogram.count(), 2_000);
        for part in [0.01, 0.25, 0.5, 0.9, 0.99, 1.0] {
            let exact = times[(part * 2_000.0_f64).ceil() as usize - 1];
            let told = histogram.percentile(part).unwrap();
            assert!((told / exact - 1.0).abs() <= 0.025, "{part}: {told} for {exact}");
        }
    }

    #[test]
    fn parts_add_up_and_are_stored_as_a_map() {
        let (mut a, mut b, mut all) = Default::default();
        for (n, time) in [0.0, 0.4, 1.0, 61.0, 3_600.0, 1e9].into_iter().enumerate() {
            let part: &mut Histogram = if n % 2 == 0 { &mut a } else { &mut b };
            part.add(time);
            Histogram::add(&mut all, time);
        }
        a.merge(&b);
        assert_eq!(a, all);
        assert_eq!((a.percentile(0.0), Histogram::default().percentile(0.5)), (Some(0.0), None));
        let stored = serde_json::to_string(&all).unwrap();
        assert!(stored.starts_with(r#"{"0":2,"1":1,"#), "{stored}");
        assert_eq!(serde_json::from_str::<Histogram>(&stored).unwrap(), all);
    }
}
