//! A PMS tells of stays over several connections at once, twice and in disorder.

use std::collections::BTreeMap;

use bellhop_e2e::{Answer, Hotel};
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::webhook_security::{Inbound, deliver, inbound};

const AT_ONCE: usize = 8;

async fn put(hotel: &Hotel, reservation: &str, body: &Value) -> Answer {
    hotel.admin.ask(Method::PUT, &format!("/stays/pms/{reservation}"), Some(body), &[]).await
}

fn phone(n: u64) -> String {
    format!("+97254123450{n}")
}

/// A reservation at a version: who is named, and in which room, follows from both.
fn update(reservation: u64, version: u64) -> Value {
    let named = [reservation % 7, (reservation * version) % 7, version % 7];
    let guests: Vec<Value> = named
        .iter()
        .map(|n| json!({"phone": phone(*n), "name": format!("Guest {n}"), "tier": format!("tier {reservation}.{version}")}))
        .collect();
    json!({
        "version": version, "status": "in_house", "room": (100 + reservation).to_string(),
        "arrival": format!("2026-05-{:02}", 1 + (reservation * 3 + version) % 28), "departure": "2026-06-01",
        "guests": guests,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_updates_in_disorder_end_in_one_state_and_lock_nobody_out() {
    const RESERVATIONS: u64 = 40;
    const VERSIONS: u64 = 125;
    let hotel = Hotel::open().await;
    let all = RESERVATIONS * VERSIONS * 2;
    // A step that has no part in common with their number visits each once: shuffled, and all of it twice.
    let updates: Vec<(u64, Value)> = (0..all)
        .map(|i| (i * 331) % (RESERVATIONS * VERSIONS))
        .map(|i| (i % RESERVATIONS, update(i % RESERVATIONS, 1 + i / RESERVATIONS)))
        .collect();
    let told = stream::iter(&updates).map(async |(reservation, body)| {
        let answer = put(&hotel, &reservation.to_string(), body).await.expect(200);
        answer["outcome"].as_str().unwrap().to_owned()
    });
    // Meanwhile the same guests write, and are found to be who a BSUID means.
    let account = bellhop_simulator::well_known(1);
    let written = stream::iter(0..14).map(async |n| {
        let (wa_id, bsuid) = (format!("97254123450{}", n % 7), format!("IL.{}", n % 7));
        let wamid = format!("wamid.STAY{n}");
        let told = Inbound { wa_id: Some(&wa_id), bsuid: Some(&bsuid), wamid: &wamid, ..Inbound::of(1) };
        assert_eq!(deliver(&hotel, &inbound(&told), Some(&account.app_secret)).await, 200);
    });
    let (outcomes, ()) = tokio::join!(
        told.buffer_unordered(AT_ONCE).collect::<Vec<String>>(),
        written.buffer_unordered(4).collect::<()>(),
    );
    assert!(outcomes.iter().any(|outcome| outcome == "stale"));

    let last: BTreeMap<u64, Value> = (0..RESERVATIONS).map(|n| (n, update(n, VERSIONS))).collect();
    for (reservation, body) in &last {
        let stay = hotel.staff.get(&format!("/stays/pms/{reservation}")).await.expect(200);
        assert_eq!((&stay["version"], &stay["room"]), (&body["version"], &body["room"]));
    }
    for n in 0..7 {
        // All are in the house: the latest arrival counts, of equals the first by name.
        let names =
            |body: &Value| body["guests"].as_array().unwrap().iter().any(|guest| guest["phone"] == phone(n));
        let current = last.iter().filter(|(_, body)| names(body)).max_by(|(a, x), (b, y)| {
            let by_day = x["arrival"].as_str().cmp(&y["arrival"].as_str());
            by_day.then_with(|| b.to_string().cmp(&a.to_string()))
        });
        let (_, expected) = current.unwrap();
        let conversation = hotel.staff.conversation_of(&phone(n)).await;
        let guest = &conversation["guest"];
        assert_eq!(guest["stay"]["room"], expected["room"], "{guest}");
        assert_eq!(guest["tier"], expected["guests"][0]["tier"]);
        assert_eq!(guest["name"], format!("Guest {n}"));
        let room = expected["room"].as_str().unwrap();
        let found =
            hotel.staff.get(&format!("/conversations?room={room}&stay_status=in_house")).await.expect(200);
        let found = found["data"].as_array().unwrap();
        assert!(found.iter().any(|one| one["conversation_id"] == conversation["conversation_id"]), "{room}");
    }
    hotel.close().await;
}

#[tokio::test]
async fn an_import_and_stays_about_the_same_guests_do_not_wait_for_each_other_for_ever() {
    let hotel = Hotel::open().await;
    let http = reqwest::Client::new();
    let import = async |round: usize| {
        let head = "phone,name,opt_in,opt_in_at,opt_in_evidence\n".to_owned();
        // Each round from another end.
        let order: Vec<u64> = if round.is_multiple_of(2) { (0..7).collect() } else { (0..7).rev().collect() };
        let rows =
            order.iter().map(|n| format!("{},Import {round},both,2024-05-01,form {round}\n", phone(*n)));
        let url = format!("{}/guests/import", hotel.admin.base);
        let request = http.post(url).bearer_auth(&hotel.admin.token).header("content-type", "text/csv");
        let answer = request.body(rows.fold(head, |file, row| file + &row)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap_or_default());
    };
    let imports = stream::iter(0..12).map(import).buffer_unordered(4).collect::<()>();
    let updates: Vec<(u64, u64)> = (1..4).flat_map(|v| (0..14).map(move |n| (n, v))).collect();
    let stays = stream::iter(updates)
        .map(async |(n, version)| {
            put(&hotel, &n.to_string(), &update(n, version)).await.expect(200);
        })
        .buffer_unordered(4)
        .collect::<()>();
    tokio::join!(imports, stays);
    let guests =
        hotel.staff.get(&format!("/guests?phone={}", phone(3).replace('+', "%2B"))).await.expect(200);
    let guest = &guests["data"][0];
    assert!(guest["name"].as_str().unwrap().starts_with("Import"), "{guest}");
    let consent = format!("/guests/{}/consent", guest["guest_id"].as_str().unwrap());
    let consent = hotel.staff.get(&consent).await.expect(200);
    assert_eq!(consent["marketing"]["state"], "opted_in", "{consent}");
    assert_eq!(consent["history"].as_array().map(Vec::len), Some(24));
    hotel.close().await;
}
