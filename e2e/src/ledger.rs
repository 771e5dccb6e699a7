//! What Bellhop says it sent, against what WhatsApp has.

use std::collections::HashMap;

use serde_json::Value;

use crate::{Api, Phones};

/// States in which a message has left.
pub const LEFT: &[&str] = &["sent", "delivered", "read"];
/// States in which one that was accepted may rest when nothing is going on any more.
pub const AT_REST: &[&str] = &["sent", "delivered", "read", "in_doubt"];

/// How often each message reached WhatsApp. Each attempt carried `<message id>.<attempt>`.
pub fn sends(ledger: &[Value]) -> HashMap<String, usize> {
    let mut sends = HashMap::new();
    for send in ledger {
        let echo = send["biz_opaque_callback_data"].as_str().expect("an attempt carries its message's id");
        let message = echo.split('.').next().unwrap_or(echo);
        *sends.entry(message.to_owned()).or_default() += 1;
    }
    sends
}

/// What is wrong, and what is only open; ids of messages.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Said to have left, and WhatsApp has none.
    pub missing: Vec<String>,
    /// WhatsApp has more than one, accepted or not.
    pub twice: Vec<String>,
    /// Neither left nor in doubt.
    pub unsettled: Vec<String>,
    /// In doubt; those that did leave will be settled by their echo.
    pub in_doubt: Vec<String>,
}

impl Comparison {
    /// Compares messages and their states with the simulator's ledger.
    pub fn of(states: &[(String, String)], ledger: &[Value]) -> Self {
        let sends = sends(ledger);
        let mut comparison = Self {
            twice: sends.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id.clone()).collect(),
            ..Self::default()
        };
        comparison.twice.sort();
        for (id, state) in states {
            let list = match state.as_str() {
                state if LEFT.contains(&state) && sends.contains_key(id) => continue,
                state if LEFT.contains(&state) => &mut comparison.missing,
                "in_doubt" => &mut comparison.in_doubt,
                _ => &mut comparison.unsettled,
            };
            list.push(id.clone());
        }
        comparison
    }

    /// The messages in doubt, when nothing is missing, doubled or unsettled.
    #[track_caller]
    pub fn expect_exact(self) -> Vec<String> {
        let wrong = [&self.missing, &self.twice, &self.unsettled];
        assert!(wrong.iter().all(|list| list.is_empty()), "{self:?}");
        self.in_doubt
    }
}

/// Waits until every accepted message has come to rest, then compares with the ledger. Panics unless WhatsApp
/// has each one that left once, and none twice; the messages in doubt.
pub async fn compare(api: &Api, phones: &Phones, accepted: &[String]) -> Vec<String> {
    let mut states = Vec::with_capacity(accepted.len());
    for id in accepted {
        let message = api.until(id, AT_REST).await;
        states.push((id.clone(), message["status"].as_str().expect("a status").to_owned()));
    }
    Comparison::of(&states, &phones.ledger().await).expect_exact()
}

/// Waits until the echoes have settled the doubts of those that did reach WhatsApp.
pub async fn settle(api: &Api, phones: &Phones, in_doubt: &[String]) {
    let sends = sends(&phones.ledger().await);
    for id in in_doubt.iter().filter(|id| sends.contains_key(*id)) {
        api.until(id, LEFT).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_is_listed_for_what_it_is() {
        let ledger =
            ["a.1", "b.1", "b.2", "d.1", "x.1"].map(|echo| json!({"biz_opaque_callback_data": echo}));
        let states = [("a", "read"), ("b", "sent"), ("c", "delivered"), ("d", "in_doubt"), ("e", "queued")];
        let states = states.map(|(id, state)| (id.to_owned(), state.to_owned()));
        let own = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let expected = Comparison {
            missing: own(&["c"]),
            twice: own(&["b"]),
            unsettled: own(&["e"]),
            in_doubt: own(&["d"]),
        };
        assert_eq!(Comparison::of(&states, &ledger), expected);
        assert_eq!(Comparison::of(&states[..1], &ledger[..1]).expect_exact(), Vec::<String>::new());
    }
}
