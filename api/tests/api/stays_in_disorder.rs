//! Updates of stays that come in any order, twice, and several at once end in one state: that of a plain
//! computation over the highest versions.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Value, json};

use crate::stays::day;
use crate::support::World;

const UPDATES: usize = 10_000;
const RESERVATIONS: u32 = 300;
const PEOPLE: u32 = 60;
const AT_ONCE: usize = 8;

struct Dice(TestRng);

impl Dice {
    fn below(&mut self, most: u32) -> u32 {
        self.0.next_u32() % most
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u32) as usize]
    }
}

fn phone(n: u32) -> String {
    format!("+9725412340{n:02}")
}

/// A reservation at some version. The same version always has the same body.
fn update(version: u32, dice: &mut Dice) -> Value {
    let status = dice.one(&["reserved", "reserved", "in_house", "departed", "cancelled", "no_show"]);
    let arrival = i64::from(dice.below(20)) - 10;
    let nights = i64::from(dice.below(6));
    let say = |dice: &mut Dice, words: &[&str]| match dice.below(3) {
        0 => Value::Null,
        _ => json!(dice.one(words)),
    };
    let guests: Vec<Value> = (0..dice.below(4))
        .map(|_| {
            let who = dice.below(PEOPLE);
            let name = say(dice, &["Ana", "Ben", "Carla", "Dan"]);
            let language = say(dice, &["en", "he", "pt_BR"]);
            json!({"phone": phone(who), "name": name, "language": language, "tier": say(dice, &["gold", "silver"])})
        })
        .collect();
    json!({
        "version": version, "status": status, "room": dice.below(30).to_string(), "arrival": day(arrival),
        "departure": day(arrival + nights), "guests": guests,
    })
}

type Stays<'a> = BTreeMap<&'a str, &'a Value>;

/// What a guest must show: name, language, tier, room.
fn expected(stays: &Stays, phone: &str) -> [Value; 4] {
    let text = |stay: &Value, key: &str| stay[key].as_str().unwrap().to_owned();
    let mut mine: Vec<(&str, &Value)> = stays
        .iter()
        .filter(|(_, stay)| stay["guests"].as_array().unwrap().iter().any(|guest| guest["phone"] == phone))
        .map(|(id, stay)| (*id, *stay))
        .collect();
    // Of those in the house the latest, else of those to come the next.
    let here = mine.iter().filter(|(_, stay)| stay["status"] == "in_house");
    let here = here.max_by_key(|(id, s)| (text(s, "arrival"), text(s, "departure"), std::cmp::Reverse(*id)));
    let next = mine.iter().filter(|(_, s)| s["status"] == "reserved" && text(s, "departure") >= day(0));
    let next = next.min_by_key(|(id, stay)| (text(stay, "arrival"), text(stay, "departure"), *id));
    let current = here.or(next).map(|(id, _)| *id);
    mine.sort_by_key(|(id, stay)| {
        let off = stay["status"] == "cancelled" || stay["status"] == "no_show";
        (current != Some(*id), off, std::cmp::Reverse(text(stay, "departure")), *id)
    });
    let first = |fact: &str| {
        let told = mine.iter().flat_map(|(_, stay)| stay["guests"].as_array().unwrap());
        let mut told = told.filter(|guest| guest["phone"] == phone).map(|guest| &guest[fact]);
        told.find(|said| !said.is_null()).cloned().unwrap_or_default()
    };
    let room = current.map_or(Value::Null, |id| stays[id]["room"].clone());
    [first("name"), first("language"), first("tier"), room]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_updates_shuffled_and_repeated_end_in_one_state() {
    let world = World::new().await;
    let mut dice = Dice(TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut all: Vec<(String, Value)> = Vec::with_capacity(UPDATES);
    for n in 0..RESERVATIONS {
        let versions = 1 + dice.below(25);
        all.extend(
            (0..versions).map(|_| (format!("r{n:03}"), dice.below(1000))).map(|(id, v)| (id, json!(v))),
        );
    }
    all.sort_by_key(|(id, version)| (id.clone(), version.as_u64()));
    all.dedup();
    for (_, version) in &mut all {
        *version = update(u32::try_from(version.as_u64().unwrap()).unwrap(), &mut dice);
    }
    let distinct = all.len();
    while all.len() < UPDATES {
        let again = all[dice.below(distinct as u32) as usize].clone();
        all.push(again);
    }
    for i in (1..all.len()).rev() {
        all.swap(i, dice.below(i as u32 + 1) as usize);
    }
    let outcomes: Vec<String> = stream::iter(&all)
        .map(async |(id, body)| {
            let answer = world.put_stay(id, body.clone()).await.ok(200);
            answer["outcome"].as_str().unwrap().to_owned()
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let count = |outcome: &str| outcomes.iter().filter(|one| *one == outcome).count();
    assert!(count("stale") > 1000 && count("unchanged") > 100, "{}", count("stale"));
    assert!(count("applied") >= RESERVATIONS as usize && count("applied") <= distinct);

    let mut stays: Stays = BTreeMap::new();
    for (id, body) in &all {
        let known = stays.entry(id).or_insert(body);
        if known["version"].as_u64() < body["version"].as_u64() {
            *known = body;
        }
    }
    for (id, body) in &stays {
        let stored = world.get(&format!("/stays/opera/{id}")).await.ok(200);
        for key in ["version", "status", "room", "arrival", "departure"] {
            assert_eq!(stored[key], body[key], "{id} {key}");
        }
    }
    for n in 0..PEOPLE {
        let guest = world.guest(&phone(n)).await;
        let shown = [&guest["name"], &guest["language"], &guest["tier"], &guest["stay"]["room"]];
        assert_eq!(shown.map(Clone::clone), expected(&stays, &phone(n)), "{}", phone(n));
    }
}
