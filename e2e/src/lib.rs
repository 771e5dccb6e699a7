//! The harness of the end-to-end suite: a real Bellhop, a real simulator, and clients for both.

pub mod batch;
mod client;
pub mod fleet;
mod home;
mod hotel;
pub mod ledger;
pub mod outside;
mod overheard;
mod process;
pub mod program;
pub mod proxy;
mod scratch;
pub mod services;
mod simulator;
pub mod sink;
pub mod stream;

pub use client::{Answer, Api, text_to};
pub use home::Home;
pub use hotel::{Hotel, settings};
pub use process::{BellhopProcess, binary, use_programs_in};
pub use scratch::Scratch;
pub use simulator::Phones;

use std::time::Duration;

/// How long anything may take before a test gives up. Generous: the machines are small and shared.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until the answer is `Some`; panics with `what` when patience ends.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every order of `items`.
pub fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let pick = |i: usize| {
        let mut rest = items.to_vec();
        let first = rest.remove(i);
        orders(&rest).into_iter().map(move |mut order| {
            order.insert(0, first.clone());
            order
        })
    };
    (0..items.len()).flat_map(pick).collect()
}
