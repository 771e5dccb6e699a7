//! Stays, as a PMS tells them, and what guests and conversations show of them.

use chrono::{Days, TimeDelta, Utc};
use poem::http::Method;
use serde_json::{Value, json};

use crate::support::{GUEST, World};

/// A day so many days from now, in UTC, which is the hotel's time.
pub fn day(from_now: i64) -> String {
    let today = Utc::now().date_naive();
    let day = if from_now < 0 {
        today - Days::new(from_now.unsigned_abs())
    } else {
        today + Days::new(from_now.unsigned_abs())
    };
    day.to_string()
}

fn in_house(version: i64, room: &str, guests: Value) -> Value {
    json!({"version": version, "status": "in_house", "room": room, "arrival": day(-1), "departure": day(1),
        "booking_reference": "BK-1", "guests": guests})
}

#[tokio::test]
async fn the_version_decides_what_becomes_of_an_update() {
    let world = World::new().await;
    let guests = json!([{"phone": GUEST, "name": "Ana Silva", "language": "pt-br", "tier": "gold"}]);
    let first = world.put_stay("R 1/2", in_house(5, "205", guests.clone())).await.ok(200);
    assert_eq!(first["outcome"], "applied");
    assert_eq!((&first["source"], &first["reservation_id"]), (&json!("opera"), &json!("R 1/2")));
    assert_eq!((&first["version"], &first["room"]), (&json!(5), &json!("205")));
    let ana = &first["guests"][0];
    assert_eq!(
        (&ana["name"], &ana["language"], &ana["tier"]),
        (&json!("Ana Silva"), &json!("pt_BR"), &json!("gold"))
    );
    for (version, outcome) in [(5, "unchanged"), (4, "stale"), (-1, "stale")] {
        let again = world.put_stay("R 1/2", in_house(version, "999", json!([]))).await.ok(200);
        assert_eq!(again["outcome"], outcome);
        assert_eq!((&again["version"], &again["room"]), (&json!(5), &json!("205")));
    }
    let read = world.get("/stays/opera/R%201%2F2").await.ok(200);
    assert_eq!(read["guests"], first["guests"]);
    let guest = world.guest(GUEST).await;
    assert_eq!(
        (&guest["name"], &guest["language"], &guest["tier"]),
        (&json!("Ana Silva"), &json!("pt_BR"), &json!("gold"))
    );
    assert_eq!(
        guest["stay"],
        json!({"source": "opera", "reservation_id": "R 1/2", "status": "in_house",
        "room": "205", "arrival": day(-1), "departure": day(1), "booking_reference": "BK-1"})
    );
    // Who is not named any more is no guest of it.
    let moved = json!([{"bsuid": "US.123", "name": "Ben"}]);
    let second = world.put_stay("R 1/2", in_house(6, "206", moved)).await.ok(200);
    assert_eq!((&second["outcome"], &second["guests"][0]["name"]), (&json!("applied"), &json!("Ben")));
    let guest = world.guest(GUEST).await;
    assert_eq!((&guest["name"], &guest["stay"]), (&Value::Null, &Value::Null));
    world.get("/stays/opera/none").await.error(404, "NOT_FOUND");
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_place_and_changes_nothing() {
    let world = World::new().await;
    let with = |key: &str, value: Value| {
        let mut body = in_house(1, "205", json!([{"phone": GUEST}]));
        body[key] = value;
        body
    };
    for (body, fields) in [
        (with("departure", json!(day(-2))), vec!["departure"]),
        (with("departure", json!("2026-02-30")), vec!["departure"]),
        (with("arrival", json!("1.2.2026")), vec!["arrival"]),
        (with("version", json!("x")), vec!["version"]),
        (with("status", json!("gone")), vec!["status"]),
        (with("room", json!("x".repeat(33))), vec!["room"]),
        (json!({}), vec!["version", "status", "arrival", "departure"]),
        (
            with(
                "guests",
                json!([{"phone": GUEST}, {}, {"bsuid": "nothing"}, {"phone": "+1", "bsuid": "US.1"}]),
            ),
            vec!["guests.1.phone", "guests.2.bsuid", "guests.3.bsuid"],
        ),
        (
            with("guests", json!([{"phone": GUEST, "tier": "x".repeat(65), "language": "no language"}])),
            vec!["guests.0.language", "guests.0.tier"],
        ),
    ] {
        let mut wrong = world.put_stay("1", body.clone()).await.wrong_fields();
        let mut fields: Vec<String> = fields.into_iter().map(str::to_owned).collect();
        wrong.sort();
        fields.sort();
        assert_eq!(wrong, fields, "{body}");
    }
    let bad = world.put_stay("1", with("guests", json!([{"phone": GUEST}, {"phone": "5"}]))).await;
    let error = bad.error(400, "INVALID_PHONE_NUMBER");
    assert_eq!(error["details"]["field"], "guests.1.phone");
    let put = async |path: &str, token: &str| {
        world.request(Method::PUT, path).token(token).json(in_house(1, "1", json!([]))).send().await
    };
    for path in ["/stays/Opera%20X/1".to_owned(), format!("/stays/opera/{}", "1".repeat(65))] {
        assert_eq!(put(&path, &world.partner).await.wrong_fields().len(), 1, "{path}");
    }
    put("/stays/opera/1", &world.staff).await.error(403, "FORBIDDEN");
    assert_eq!((world.rows("stays").await, world.rows("guests").await), (0, 0));
    put("/stays/opera/1", &world.admin).await.ok(200);
    let asked = world.request(Method::GET, "/stays").token(&world.partner).send().await;
    asked.error(403, "FORBIDDEN");
}

#[tokio::test]
async fn lists_of_stays_are_filtered_and_paged() {
    let world = World::new().await;
    for (id, status, room, arrival, departure) in [
        ("a", "in_house", "205", -2, 1),
        ("b", "reserved", "205", 3, 5),
        ("c", "departed", "206", -5, 0),
        ("d", "no_show", "207", -1, 2),
        ("e", "reserved", "207", 3, 4),
    ] {
        let body = json!({"version": 1, "status": status, "room": room, "arrival": day(arrival),
            "departure": day(departure), "guests": [{"phone": format!("+9725412345{arrival}{departure}").replace('-', "9")}]});
        world.put_stay(id, body).await.ok(200);
    }
    let listed = async |query: &str| -> String {
        let list = world.get(&format!("/stays?{query}")).await.ok(200);
        let ids =
            list["data"].as_array().unwrap().iter().map(|stay| stay["reservation_id"].as_str().unwrap());
        ids.collect()
    };
    assert_eq!(listed("").await, "ebdac");
    assert_eq!(listed("room=205").await, "ba");
    assert_eq!(listed("status=reserved").await, "eb");
    assert_eq!(listed(&format!("date={}", day(0))).await, "ac");
    assert_eq!(listed(&format!("arrival_from={}&arrival_to={}", day(-2), day(2))).await, "da");
    assert_eq!(listed("source=other").await, "");
    let stay = world.get("/stays/opera/a").await.ok(200);
    let guest = stay["guests"][0]["guest_id"].as_str().unwrap().to_owned();
    assert_eq!(listed(&format!("guest_id={guest}")).await, "a");
    let page = world.get("/stays?limit=2").await.ok(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(listed(&format!("limit=2&cursor={cursor}")).await, "da");
}

#[tokio::test]
async fn conversations_are_found_by_room_tier_language_and_stay() {
    let world = World::new().await;
    let conversation = world.guest_writes("before").await;
    let guests = json!([{"phone": GUEST, "name": "Ana", "language": "en-US", "tier": "gold"}]);
    world.put_stay("1", in_house(1, "205", guests)).await.ok(200);
    // One whose conversation begins when the stay is known already.
    let other = json!([{"phone": "+972541234567", "language": "he", "tier": "gold"}]);
    let reserved = json!({"version": 1, "status": "reserved", "room": "206", "arrival": day(2),
        "departure": day(3), "guests": other});
    world.put_stay("2", reserved).await.ok(200);
    world.webhook(json!({"from": "972541234567", "text": "shalom", "wamid": "in.2"})).await.ok(200);
    let found = async |query: &str| -> Vec<Value> {
        let list = world.get(&format!("/conversations?{query}")).await.ok(200);
        list["data"].as_array().unwrap().iter().map(|c| c["guest"]["stay"]["room"].clone()).collect()
    };
    for (query, rooms) in [
        ("room=205", vec!["205"]),
        ("tier=gold", vec!["206", "205"]),
        ("tier=gold&room=206", vec!["206"]),
        ("language=en_US", vec!["205"]),
        ("language=EN-us", vec!["205"]),
        ("language=en", vec![]),
        ("stay_status=in_house", vec!["205"]),
        ("stay_status=reserved", vec!["206"]),
        ("stay_status=departed", vec![]),
        ("status=resolved&room=205", vec![]),
    ] {
        assert_eq!(found(query).await, rooms, "{query}");
        let by_guests = query.split('&').all(|part| !part.starts_with("st"));
        if by_guests {
            let guests = world.get(&format!("/guests?{query}")).await.ok(200);
            assert_eq!(guests["data"].as_array().unwrap().len(), rooms.len(), "{query}");
        }
    }
    let shown = world.get(&format!("/conversations/{conversation}")).await.ok(200);
    assert_eq!((&shown["guest"]["tier"], &shown["guest"]["stay"]["room"]), (&json!("gold"), &json!("205")));
    world
        .put_stay(
            "1",
            json!({"version": 2, "status": "departed", "room": "205", "arrival": day(-1),
        "departure": day(0), "guests": [{"phone": GUEST, "tier": "gold"}]}),
        )
        .await
        .ok(200);
    assert_eq!(found("room=205").await, Vec::<Value>::new());
    assert_eq!(found("tier=gold").await, [json!("206"), Value::Null]);
}

#[tokio::test]
async fn events_tell_who_writes_and_what_changed() {
    let world = World::new().await;
    let guests = json!([{"phone": GUEST, "name": "Ana", "tier": "gold"}]);
    world.put_stay("1", in_house(1, "205", guests.clone())).await.ok(200);
    world.guest_writes("hi").await;
    let inbound = world.events("inbound_message").await;
    assert_eq!(inbound[0]["guest"], json!({"name": "Ana", "language": null, "tier": "gold"}));
    assert_eq!(
        inbound[0]["stay"],
        json!({"room": "205", "arrival": day(-1), "departure": day(1),
        "booking_reference": "BK-1", "status": "in_house"})
    );
    world.put_stay("1", in_house(2, "206", guests.clone())).await.ok(200);
    // The version is new, what is shown is not.
    world.put_stay("1", in_house(3, "206", guests)).await.ok(200);
    let told = world.events("guest_updated").await;
    let changed: Vec<&Value> = told.iter().map(|event| &event["changed"]).collect();
    assert_eq!(changed, [&json!(["name", "tier", "stay"]), &json!(["stay"])]);
    assert_eq!(told[1]["stay"]["room"], "206");
}

#[tokio::test]
async fn a_reservation_of_which_nobody_spoke_again_lapses() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    for (id, room, from, to) in [("1", "205", 0, 1), ("2", "206", 9, 10)] {
        let body = json!({"version": 1, "status": "reserved", "room": room, "arrival": day(from),
            "departure": day(to), "guests": [{"phone": GUEST}]});
        world.put_stay(id, body).await.ok(200);
    }
    let room = async || {
        world.app.sweep().await.unwrap();
        let guest = world.guest(GUEST).await;
        let filtered = world.get("/conversations?stay_status=reserved").await.ok(200);
        assert_eq!(filtered["data"].as_array().unwrap().is_empty(), guest["stay"].is_null());
        guest["stay"]["room"].clone()
    };
    assert_eq!(room().await, "205");
    world.clock.advance(TimeDelta::days(2));
    assert_eq!(room().await, "206");
    world.clock.advance(TimeDelta::days(10));
    assert_eq!(room().await, Value::Null);
}
