//! What the audit trail tells, to whom, and that it stays.

use bellhop_domain::GuestId;
use bellhop_domain::rights::Role;
use chrono::TimeDelta;
use poem::http::Method;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::people::{add, admin, find};
use crate::support::{GUEST, World, hotel};

impl World {
    async fn trail(&self, query: &str) -> Vec<Value> {
        let ask = self.request(Method::GET, &format!("/audit{query}")).token(&self.admin);
        ask.send().await.ok(200)["data"].as_array().unwrap().clone()
    }

    async fn actions(&self, query: &str) -> Vec<String> {
        self.trail(query).await.iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn an_entry_says_who_and_what_was_before_and_after() {
    let world = World::new().await;
    let dana = add(&world, "dana@h.example", "admin").await;
    let id = find(&world, "dana@h.example").await;
    let change = json!({"name": "Seaside", "time_zone": "UTC", "default_language": "he"});
    world.request(Method::PATCH, "/property").token(&dana).json(change.clone()).send().await.ok(200);
    let entry = &world.trail("?action=property_changed").await[0];
    assert_eq!(entry["actor"], json!({"kind": "staff", "id": id, "name": "Dana Levi", "role": "admin"}));
    assert_eq!(entry["before"], json!({"name": "Grand Plaza", "default_language": "en"}));
    assert_eq!(entry["after"], json!({"name": "Seaside", "default_language": "he"}));
    assert!(entry["subject"].as_str().unwrap().starts_with("prop_") && entry["guest_id"].is_null());
    assert!(entry["entry_id"].as_str().unwrap().starts_with("aud_") && entry["erased_at"].is_null());
    // The same again changes nothing.
    world.request(Method::PATCH, "/property").token(&dana).json(change).send().await.ok(200);
    assert_eq!(world.trail("?action=property_changed").await.len(), 1);
    // A guest's facts, as staff said them.
    world.guest_writes("hi").await;
    let guest = world.guest(GUEST).await["guest_id"].as_str().unwrap().to_owned();
    for (tier, notes) in [("gold", Value::Null), ("gold", json!("tea")), ("silver", json!("tea"))] {
        let body = json!({"tier": tier, "notes": notes});
        world
            .request(Method::PATCH, &format!("/guests/{guest}"))
            .token(&world.staff)
            .json(body)
            .send()
            .await
            .ok(200);
    }
    let told: Vec<_> = world.trail(&format!("?guest_id={guest}")).await;
    let told: Vec<_> = told.iter().map(|entry| (entry["before"].clone(), entry["after"].clone())).collect();
    let expected = [
        (json!({"tier": "gold"}), json!({"tier": "silver"})),
        (json!({"notes": null}), json!({"notes": "tea"})),
        (json!({"tier": null}), json!({"tier": "gold"})),
    ];
    assert_eq!(told, expected);
    // A name that is changed later was another one then.
    admin(&world, Method::PATCH, &format!("/staff/{id}"), json!({"name": "Dana Cohen"})).await.ok(200);
    assert_eq!(
        world.trail(&format!("?actor_id={id}&action=property_changed")).await[0]["actor"]["name"],
        "Dana Levi"
    );
}

#[tokio::test]
async fn a_repeat_tells_nothing_and_a_merge_loses_nothing() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    for path in ["/messages/send", "/messages/send", "/messages/batch-send", "/messages/batch-send"] {
        let body = match path {
            "/messages/send" => {
                json!({"guest_phone": GUEST, "message_type": "text", "content": {"text": "once"}})
            }
            _ => {
                json!({"messages": [{"phone": GUEST, "content": "a"}, {"phone": GUEST, "content": "b", "reference": "2"}]})
            }
        };
        let ask = world.request(Method::POST, path).token(&world.staff).header("idempotency-key", path);
        let answer = ask.json(body).send().await;
        assert_eq!(answer.status, 202, "{path}: {}", answer.text);
    }
    let told = world.trail("").await;
    let sends: Vec<_> = told.iter().filter(|entry| entry["actor"]["kind"] == "token").collect();
    assert_eq!(sends.len(), 2, "{told:#?}");
    assert_eq!((&sends[0]["action"], &sends[0]["after"]["accepted"]), (&json!("batch_created"), &json!(2)));
    let send = &sends[1];
    let message = world.trail(&format!("?subject={}", send["subject"].as_str().unwrap())).await;
    assert_eq!(message, [(*send).clone()]);
    assert_eq!(send["after"]["message_type"], "text");
    assert_eq!(send["after"]["guest_id"], send["guest_id"]);
    assert!(send["before"].is_null() && send["after"]["conversation_id"].is_string());
    // Who became somebody else is found by both.
    let (kept, gone) = (GuestId::new(), send["guest_id"].as_str().unwrap());
    let hex = |id: &str| {
        let id: GuestId = id.parse().unwrap();
        format!("x'{}'", id.uuid().simple())
    };
    let (into, from) = (hex(&kept.to_string()), hex(gone));
    world
        .execute(&format!(
            "INSERT INTO guest_merges (id, property_id, kept_guest_id, merged_guest_id, moved, created_at) \
             SELECT {into}, property_id, {into}, id, '{{}}', created_at FROM guests WHERE id = {from}"
        ))
        .await;
    assert_eq!(world.actions(&format!("?guest_id={kept}")).await, ["message_sent"]);
    assert_eq!(world.actions(&format!("?guest_id={gone}")).await, ["message_sent"]);
}

#[tokio::test]
async fn a_list_is_narrowed_and_read_in_pages() {
    let world = World::new().await;
    // The demo's tokens were made by a command.
    let made = world.trail("").await;
    assert!(
        made.iter().all(|entry| entry["action"] == "token_created" && entry["actor"]["kind"] == "operator")
    );
    assert_eq!((made.len(), &made[0]["actor"]["id"]), (3, &Value::Null));
    world.clock.advance(TimeDelta::hours(1));
    let from = world.app.now();
    for n in 0..5 {
        admin(&world, Method::PATCH, "/property", json!({"name": format!("Hotel {n}")})).await.ok(200);
        world.clock.advance(TimeDelta::hours(1));
    }
    let at = |hours| (from + TimeDelta::hours(hours)).format("%FT%TZ").to_string();
    let names = async |query: String| -> Vec<String> {
        world
            .trail(&query)
            .await
            .iter()
            .map(|entry| entry["after"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(format!("?from={}", at(3))).await, ["Hotel 4", "Hotel 3"]);
    assert_eq!(names(format!("?from={}&to={}", at(0), at(2))).await, ["Hotel 1", "Hotel 0"]);
    assert_eq!(names("?action=property_changed&limit=2".to_owned()).await, ["Hotel 4", "Hotel 3"]);
    let mut seen = Vec::new();
    let mut path = "/audit?limit=3".to_owned();
    loop {
        let page = world.request(Method::GET, &path).token(&world.admin).send().await.ok(200);
        seen.extend(page["data"].as_array().unwrap().iter().map(|entry| entry["entry_id"].to_string()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/audit?limit=3&cursor={cursor}");
    }
    let all: Vec<_> = world.trail("").await.iter().map(|entry| entry["entry_id"].to_string()).collect();
    assert_eq!((seen.len(), seen), (8, all));
    for wrong in [
        "action=nothing",
        "from=yesterday",
        "limit=0",
        "cursor=x",
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
    ] {
        let answer = world.request(Method::GET, &format!("/audit?{wrong}")).token(&world.admin).send().await;
        answer.error(400, "VALIDATION_FAILED");
    }
    let nobody = world.request(Method::GET, "/audit?actor_id=guest_01h455vb4pex5vsknk084sn02q");
    nobody.token(&world.admin).send().await.error(404, "NOT_FOUND");
    world.get("/audit").await.error(403, "FORBIDDEN");
    let other = hotel(&world.app, "Seaside", "2").await;
    let theirs = world.app.issue_token(other, Role::Admin, "theirs").await.unwrap();
    let list = world.request(Method::GET, "/audit").token(theirs.expose()).send().await.ok(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "their own token's making");
}

#[tokio::test]
async fn the_database_keeps_the_trail_as_it_is() {
    let world = World::new().await;
    let url = format!("sqlite://{}", world.folder.path().join("test.db").display());
    let db = sea_orm::Database::connect(url).await.unwrap();
    for sql in [
        "DELETE FROM audit_entries",
        "UPDATE audit_entries SET actor_name = 'nobody'",
        "UPDATE audit_entries SET \"after\" = NULL",
        "UPDATE audit_entries SET \"after\" = '{}', erased_at = at",
        "UPDATE audit_entries SET \"before\" = NULL, \"after\" = NULL, erased_at = at, subject = 'x'",
    ] {
        let error = db.execute_unprepared(sql).await.unwrap_err().to_string();
        assert!(error.contains("never changed or removed"), "{sql}: {error}");
    }
    let erase = "UPDATE audit_entries SET \"before\" = NULL, \"after\" = NULL, erased_at = at";
    db.execute_unprepared(erase).await.unwrap();
    let erased = world.trail("").await;
    assert!(erased.iter().all(|entry| entry["after"].is_null() && entry["erased_at"].is_string()));
    let later = format!("{erase} + 1");
    assert!(db.execute_unprepared(&later).await.is_err(), "once and for all");
}
