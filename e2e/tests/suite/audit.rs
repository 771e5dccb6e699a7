//! Who did what: with the change or not at all, and for good.

use std::time::Duration;

use bellhop_e2e::{Api, BellhopProcess, Home, Hotel, Phones, eventually, text_to};
use reqwest::Method;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend};
use serde_json::{Value, json};

const PHONE: &str = "+1234567890";
const PASSWORD: &str = "correct horse battery";

async fn trail(admin: &Api, query: &str) -> Vec<Value> {
    admin.get(&format!("/audit{query}")).await.expect(200)["data"].as_array().unwrap().clone()
}

async fn database(hotel: &Hotel) -> DatabaseConnection {
    Database::connect(hotel.settings.database_url.expose()).await.unwrap()
}

/// Signs a new person in. Their id.
async fn person(hotel: &Hotel, email: &str, role: &str) -> (Api, String) {
    let about = json!({"name": "Dana Levi", "email": email, "role": role, "password": PASSWORD});
    let made = hotel.admin.post("/staff", &about).await.expect(201);
    let session =
        hotel.admin.post("/sessions", &json!({"email": email, "password": PASSWORD})).await.expect(201);
    let id = made["staff_member_id"].as_str().unwrap().to_owned();
    (Api::new(&hotel.admin.base, session["token"].as_str().unwrap()), id)
}

#[tokio::test]
async fn a_send_and_a_change_are_told_with_who_did_them() {
    let hotel = Hotel::open().await;
    let (dana, id) = person(&hotel, "dana@hotel.example", "staff").await;
    let keyed = [("Idempotency-Key", "once")];
    let sent = dana.ask(Method::POST, "/messages/send", Some(&text_to(PHONE, "Secret words")), &keyed).await;
    let sent = sent.expect(202);
    let again = dana.ask(Method::POST, "/messages/send", Some(&text_to(PHONE, "Secret words")), &keyed).await;
    assert_eq!(again.expect(202)["message_id"], sent["message_id"]);
    let told = trail(&hotel.admin, &format!("?actor_id={id}")).await;
    let actions: Vec<&str> = told.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["message_sent", "signed_in"], "a repeat is no second send");
    let send = &told[0];
    assert_eq!(send["actor"], json!({"kind": "staff", "id": id, "name": "Dana Levi", "role": "staff"}));
    assert_eq!(send["subject"], sent["message_id"]);
    let details = json!({"conversation_id": sent["conversation_id"], "guest_id": send["guest_id"],
        "message_type": "text", "staff_member_id": id});
    assert_eq!(send["after"], details, "the words stay in the message");
    // What an admin changes, as it was and as it is.
    let change = json!({"require_opt_in": true});
    hotel.admin.ask(Method::PATCH, "/property", Some(&change), &[]).await.expect(200);
    let entry = &trail(&hotel.admin, "?limit=1").await[0];
    assert_eq!((&entry["before"], &entry["after"]), (&json!({"require_opt_in": false}), &change));
    assert_eq!((&entry["actor"]["kind"], &entry["actor"]["role"]), (&json!("token"), &json!("admin")));
    // A refusal changes nothing, and nothing is told.
    let before = trail(&hotel.admin, "?limit=100").await.len();
    hotel.admin.ask(Method::PATCH, "/property", Some(&json!({"time_zone": "Mars"})), &[]).await.refused(400);
    hotel.staff.post("/messages/send", &text_to("+972501112233", "no window")).await.refused(403);
    dana.get("/audit").await.refused(403);
    assert_eq!(trail(&hotel.admin, "?limit=100").await.len(), before);
    hotel.close().await;
}

#[tokio::test]
async fn the_database_itself_keeps_it() {
    let hotel = Hotel::open().await;
    hotel.staff.text(PHONE, "Good morning").await.expect(202);
    let before = trail(&hotel.admin, "?limit=100").await;
    let db = database(&hotel).await;
    let mut refused = vec![
        "DELETE FROM audit_entries",
        "UPDATE audit_entries SET actor_name = 'nobody'",
        "UPDATE audit_entries SET \"before\" = NULL, \"after\" = '{}', erased_at = at",
        "UPDATE audit_entries SET \"before\" = NULL, \"after\" = NULL, erased_at = at, action = 'message_sent'",
    ];
    if db.get_database_backend() == DbBackend::Postgres {
        refused.push("TRUNCATE audit_entries");
    }
    for sql in refused {
        let error = db.execute_unprepared(sql).await.unwrap_err().to_string();
        assert!(error.contains("never changed or removed"), "{sql}: {error}");
    }
    assert_eq!(trail(&hotel.admin, "?limit=100").await, before);
    // All that an erasure does.
    let erase = "UPDATE audit_entries SET \"before\" = NULL, \"after\" = NULL, erased_at = at WHERE guest_id IS NOT NULL";
    assert!(db.execute_unprepared(erase).await.unwrap().rows_affected() > 0);
    let send = &trail(&hotel.admin, "?action=message_sent").await[0];
    assert!(
        send["after"].is_null() && send["erased_at"].is_string() && send["subject"].is_string(),
        "{send}"
    );
    db.close().await.unwrap();
    hotel.close().await;
}

#[tokio::test]
async fn a_list_is_narrowed_and_read_page_by_page() {
    let hotel = Hotel::open().await;
    let sent = hotel.staff.text(PHONE, "Good morning").await.expect(202);
    let guest = trail(&hotel.admin, "?action=message_sent").await[0]["guest_id"].as_str().unwrap().to_owned();
    let subject = sent["message_id"].as_str().unwrap();
    let from = "from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z";
    let queries = [
        format!("?guest_id={guest}&{from}"),
        format!("?subject={subject}&guest_id={guest}"),
        format!("?action=message_sent&subject={subject}"),
    ];
    for query in queries {
        let found = trail(&hotel.admin, &query).await;
        assert_eq!((found.len(), &found[0]["subject"]), (1, &json!(subject)), "{query}");
    }
    assert!(trail(&hotel.admin, "?action=template_deleted").await.is_empty());
    // One by one, without a gap or a double.
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = hotel.admin.get(&format!("/audit?limit=1{cursor}")).await.expect(200);
        seen.extend(page["data"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, trail(&hotel.admin, "?limit=100").await);
    hotel.close().await;
}

/// Dies at a place, comes again, and is asked again with the same key, as a program does that got no answer.
async fn dies_and_repeats(place: &str, path: &str, body: &Value) -> Vec<Value> {
    let (phones, home) = (Phones::start(1).await, Home::make().await);
    let process = BellhopProcess::start(&home, &phones.url, &[("BELLHOP_FAIL_POINT", place)]).await;
    process.api.conversation_of(PHONE).await;
    let headers = [("Idempotency-Key", "again")];
    let answer = process.api.try_ask(Method::POST, path, Some(body), &headers).await;
    assert!(answer.is_err(), "{place}: {answer:?}");
    assert!(process.died(Duration::from_secs(30)).await, "nobody came to {place}");
    let process = BellhopProcess::start(&home, &phones.url, &[]).await;
    eventually("the repeat to be taken", || async {
        let answer = process.api.ask(Method::POST, path, Some(body), &headers).await;
        (answer.status.as_u16() == 202).then_some(())
    })
    .await;
    let told = trail(&process.admin(), "?limit=100").await;
    process.kill().await;
    told.into_iter().filter(|entry| entry["action"] != "token_created").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_leaves_the_change_with_its_entry_or_neither() {
    let batch = json!({"messages": [{"phone": PHONE, "content": "Storm"}]});
    let committed = dies_and_repeats("send_accepted", "/messages/send", &text_to(PHONE, "once")).await;
    let open = dies_and_repeats("batch_before_finish", "/messages/batch-send", &batch).await;
    for (told, action) in [(committed, "message_sent"), (open, "batch_created")] {
        assert_eq!((told.len(), &told[0]["action"]), (1, &json!(action)), "{told:#?}");
    }
}
