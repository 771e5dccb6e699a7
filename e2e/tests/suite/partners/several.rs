//! Several processes deliver: one at a time a hotel's events, whoever that is.

use std::collections::{BTreeMap, BTreeSet};

use bellhop_e2e::fleet::Fleet;
use bellhop_e2e::services::unless_embedded;
use bellhop_e2e::sink::Sink;
use bellhop_e2e::{Api, Home, eventually};
use serde_json::{Value, json};

use super::{INSECURE, configured, wanted};

const GUESTS: usize = 8;
const EACH: usize = 10;

fn admin_of(fleet: &Fleet) -> Api {
    let handoff = std::fs::read(fleet.home.path().join("standalone.json")).unwrap();
    let handoff: Value = serde_json::from_slice(&handoff).unwrap();
    Api::new(&fleet.staff[0].base, handoff["admin_token"].as_str().unwrap())
}

fn phone(guest: usize) -> String {
    format!("+1415555{guest:04}")
}

/// Every guest writes so often; what they wrote.
async fn all_write(fleet: &Fleet, word: &str) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for n in 0..EACH {
        for guest in 0..GUESTS {
            let text = format!("{word} {guest}/{n}");
            fleet.phones.writes(&phone(guest), &text).await;
            texts.insert(text);
        }
    }
    texts
}

/// How often each of these was delivered, once all were.
async fn delivered(sink: &Sink, texts: &BTreeSet<String>) -> BTreeMap<String, usize> {
    eventually("all of them", || async {
        let mut counts = BTreeMap::new();
        for seen in sink.seen().iter().filter(|seen| texts.contains(seen.text())) {
            *counts.entry(seen.text().to_owned()).or_default() += 1;
        }
        (counts.len() == texts.len()).then_some(counts)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_processes_each_event_comes_from_one() {
    let Some(services) = unless_embedded().await else { return };
    let settings = [INSECURE, ("BELLHOP_SEND_LEASE_SECONDS", "2")];
    let mut fleet = Fleet::start(Home::on_services(services).await, (1, 3), &settings).await;
    let sink = Sink::open().await;
    configured(&admin_of(&fleet), &wanted(&sink)).await;
    for guest in 0..GUESTS {
        fleet.phones.guest(json!({"phone": phone(guest), "name": format!("Guest {guest}")})).await;
    }
    let texts = all_write(&fleet, "calm").await;
    let counts = delivered(&sink, &texts).await;
    assert!(counts.values().all(|count| *count == 1), "nobody died: {counts:?}");

    // Each worker dies once while there is something to deliver, so whoever delivers does.
    let mut texts = BTreeSet::new();
    for round in 0..3 {
        texts.extend(all_write(&fleet, &format!("storm {round}")).await);
        fleet.replace_worker(0).await;
    }
    let counts = delivered(&sink, &texts).await;
    let twice = counts.values().filter(|count| **count > 1).count();
    // Eight at a time are on the wire, and what was answered and not stored comes again too.
    assert!(twice <= 3 * 8 * 2, "{twice} came more than once");
    let ids = |text: &str| sink.taken(text).iter().map(|seen| seen.id().to_owned()).collect::<BTreeSet<_>>();
    assert!(texts.iter().all(|text| ids(text).len() == 1), "the same id however often");
}
