//! What is known about guests, whoever said it.

use poem::http::Method;
use serde_json::{Value, json};

use crate::stays::day;
use crate::support::{Answered, GUEST, World};

async fn change(world: &World, guest: &Value, body: Value) -> Answered {
    let path = format!("/guests/{}", guest["guest_id"].as_str().unwrap());
    world.request(Method::PATCH, &path).token(&world.staff).json(body).send().await
}

/// What is shown of a guest: name, language, tier.
fn shown(guest: &Value) -> [&Value; 3] {
    [&guest["name"], &guest["language"], &guest["tier"]]
}

#[tokio::test]
async fn staff_then_import_then_pms_then_whatsapp_in_whatever_order() {
    let world = World::new().await;
    let said = [
        // Beginning with who says it.
        json!({"by": "whatsapp"}),
        json!({"by": "pms", "name": "Pms", "language": "fr", "tier": "silver"}),
        json!({"by": "import", "name": "Import", "language": "he"}),
        json!({"by": "staff", "name": "Staff"}),
    ];
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]];
    for (n, order) in orders.iter().enumerate() {
        let phone = format!("+97254123456{n}");
        // Met first by a number alone, so that staff has somebody to name.
        let none = json!({"version": 1, "status": "departed", "arrival": day(-9), "departure": day(-8),
            "guests": [{"phone": phone}]});
        world.put_stay(&format!("0{n}"), none).await.ok(200);
        for step in order {
            let one = &said[*step];
            match one["by"].as_str().unwrap() {
                "whatsapp" => {
                    let from = phone.trim_start_matches('+');
                    let body =
                        json!({"from": from, "name": "WhatsApp", "text": "hi", "wamid": format!("in.{n}")});
                    world.webhook(body).await.ok(200);
                }
                "pms" => {
                    let mut guest = one.clone();
                    guest["phone"] = json!(phone);
                    let body = json!({"version": 1, "status": "in_house", "arrival": day(-1),
                        "departure": day(1), "guests": [guest]});
                    world.put_stay(&format!("1{n}"), body).await.ok(200);
                }
                "import" => {
                    let file = format!("phone,name,language,tier\n{phone},Import,he,\n");
                    crate::guest_import::import(&world, file).await.ok(200);
                }
                _ => {
                    let guest = world.guest(&phone).await;
                    change(&world, &guest, json!({"name": "Staff"})).await.ok(200);
                }
            }
        }
        let guest = world.guest(&phone).await;
        assert_eq!(shown(&guest), [&json!("Staff"), &json!("he"), &json!("silver")], "{order:?}");
        // What staff takes back uncovers the next.
        let guest = change(&world, &guest, json!({"name": null})).await.ok(200);
        assert_eq!(guest["name"], "Import");
    }
}

#[tokio::test]
async fn a_change_sets_what_it_names_and_says_what_is_wrong() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    let guest = world.guest(GUEST).await;
    assert_eq!((&guest["stay"], &guest["notes"]), (&Value::Null, &Value::Null));
    let body = json!({"name": " Ana ", "language": "PT-br", "tier": "gold", "notes": "likes 205\nquiet"});
    let changed = change(&world, &guest, body).await.ok(200);
    assert_eq!(shown(&changed), [&json!("Ana"), &json!("pt_BR"), &json!("gold")]);
    let changed = change(&world, &guest, json!({"tier": null})).await.ok(200);
    assert_eq!(shown(&changed), [&json!("Ana"), &json!("pt_BR"), &Value::Null]);
    assert_eq!(changed["notes"], "likes 205\nquiet");
    let told = world.events("guest_updated").await;
    let last = told.last().unwrap();
    assert_eq!((&last["changed"], &last["guest"]["name"]), (&json!(["tier"]), &json!("Ana")));
    assert!(!json!(told).to_string().contains("quiet"), "notes are for staff");
    change(&world, &guest, json!({})).await.ok(200);
    assert_eq!(world.events("guest_updated").await.len(), told.len());
    let wrong = json!({"name": " ", "language": "?", "tier": "x".repeat(65), "notes": "x".repeat(4001)});
    assert_eq!(change(&world, &guest, wrong).await.wrong_fields(), ["name", "language", "tier", "notes"]);
    assert_eq!(change(&world, &guest, json!({"name": 5})).await.wrong_fields(), ["name"]);
    let path = format!("/guests/{}", guest["guest_id"].as_str().unwrap());
    let partner = world.request(Method::PATCH, &path).token(&world.partner).json(json!({})).send().await;
    partner.error(403, "FORBIDDEN");
    let nobody = json!({"guest_id": "guest_01h455vb4pex5vsknk084sn02q"});
    change(&world, &nobody, json!({"name": "x"})).await.error(404, "NOT_FOUND");
}

#[tokio::test]
async fn two_who_are_one_keep_what_was_known_of_both() {
    let world = World::new().await;
    let bsuid = "US.100";
    let named = |who: Value, name: &str, tier: Option<&str>| {
        let mut who = who;
        who["name"] = json!(name);
        who["tier"] = json!(tier);
        who
    };
    let both = json!([
        named(json!({"bsuid": bsuid}), "By BSUID", None),
        named(json!({"phone": GUEST}), "By phone", Some("gold"))
    ]);
    let body = |room: &str, guests: Value| {
        json!({"version": 1, "status": "in_house", "room": room,
        "arrival": day(-1), "departure": day(1), "guests": guests})
    };
    let shared = world.put_stay("shared", body("205", both)).await.ok(200);
    let mine = json!([named(json!({"phone": GUEST}), "Alone", None)]);
    let alone =
        json!({"version": 1, "status": "reserved", "arrival": day(5), "departure": day(6), "guests": mine});
    world.put_stay("alone", alone).await.ok(200);
    let by_bsuid = &shared["guests"][0];
    let by_phone = world.guest(GUEST).await;
    change(&world, by_bsuid, json!({"notes": "vegan", "language": "he"})).await.ok(200);
    change(&world, &by_phone, json!({"notes": "late", "language": "en"})).await.ok(200);
    world.guest_writes("first").await;
    let hello = json!({"from": "1234567890", "bsuid": bsuid, "text": "both", "wamid": "in.both"});
    world.webhook(hello).await.ok(200);

    let one = world.guest(GUEST).await;
    assert_eq!(one["bsuid"], bsuid);
    assert_eq!((&one["name"], &one["tier"]), (&json!("By BSUID"), &json!("gold")));
    assert_eq!(one["stay"]["room"], "205");
    let kept =
        if one["guest_id"] == by_bsuid["guest_id"] { ("he", "vegan\nlate") } else { ("en", "late\nvegan") };
    assert_eq!((&one["language"], &one["notes"]), (&json!(kept.0), &json!(kept.1)));
    for (stay, guests) in [("shared", 1), ("alone", 1)] {
        let stay = world.get(&format!("/stays/opera/{stay}")).await.ok(200);
        assert_eq!(stay["guests"].as_array().unwrap().len(), guests);
        assert_eq!(stay["guests"][0]["guest_id"], one["guest_id"]);
    }
    let found = world.get("/conversations?room=205").await.ok(200);
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    let moved = world.select("SELECT moved FROM guest_merges").await;
    let moved: Value = moved[0].try_get("", "moved").unwrap();
    let told = &moved["shared_stays"][0];
    assert_eq!(moved["shared_stays"].as_array().unwrap().len(), 1);
    assert_ne!(told["kept"]["said"]["name"], told["gone"]["said"]["name"]);
    assert!(moved["kept_before"]["staff"]["notes"].is_string());
}

#[tokio::test]
async fn a_known_language_leads_among_suggested_templates() {
    let world = World::new().await;
    let conversation = world.guest_writes("hello").await;
    let guest = world.guest(GUEST).await;
    world.clock.advance(chrono::TimeDelta::hours(25));
    let first = async || {
        let body = json!({"conversation_id": conversation, "message_type": "text", "content": {"text": "x"}});
        let refused = world.post("/messages/send", body).await.error(403, "MESSAGE_WINDOW_EXPIRED");
        refused["details"]["suggested_templates"][0].clone()
    };
    assert_eq!(first().await, "service_followup");
    change(&world, &guest, json!({"language": "he"})).await.ok(200);
    assert_eq!(first().await, "welcome_checkin");
}
