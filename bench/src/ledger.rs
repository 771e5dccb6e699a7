//! When WhatsApp took each message: the simulator's ledger.

use std::time::Duration;

use anyhow::{Context, Result};
use bellhop_e2e::Phones;

use crate::until::until;

/// Waits until so many are in the ledger. Asks for the count only, which costs the simulator little.
pub async fn until_count(phones: &Phones, count: usize, patience: Duration) -> Result<()> {
    until(&format!("{count} messages in the ledger"), patience, async || {
        let found = phones.get("/messages?limit=0").await["count"].as_u64().unwrap_or(0);
        Ok((found >= count as u64).then_some(()))
    })
    .await
}

/// The acceptances of a kind of message, in Unix milliseconds of the one clock of this machine, with their
/// recipients; in order.
pub async fn acceptances(phones: &Phones, kind: &str) -> Result<Vec<(i64, String)>> {
    let ledger = phones.get(&format!("/messages?type={kind}&limit=10000000")).await;
    let entries = ledger["data"].as_array().context("a ledger")?;
    let mut accepted = Vec::with_capacity(entries.len());
    for entry in entries {
        let at = entry["accepted_at"].as_i64().context("a time")?;
        accepted.push((at, entry["to"].as_str().context("a recipient")?.to_owned()));
    }
    accepted.sort();
    Ok(accepted)
}

/// Messages per second from the first to the last.
pub fn mean_rate(times: &[i64]) -> f64 {
    match times {
        [first, .., last] if last > first => (times.len() - 1) as f64 * 1_000.0 / (last - first) as f64,
        _ => f64::NAN,
    }
}

/// The most in any second, wherever it begins: its first millisecond counts, the thousandth after does not.
pub fn most_in_a_second(times: &[i64]) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (last, time) in times.iter().enumerate() {
        while time - times[first] >= 1_000 {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_a_thousand_milliseconds() {
        assert_eq!(most_in_a_second(&[0, 999, 1_000, 1_500]), 3);
        assert_eq!(most_in_a_second(&[0, 1_000, 2_000]), 1);
        assert_eq!(most_in_a_second(&[]), 0);
        assert!((mean_rate(&[0, 10, 20, 30]) - 100.0).abs() < 1e-9);
    }
}
