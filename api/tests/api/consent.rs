//! What guests agreed to: who may say so, what stands, and what is refused after it.

use bellhop_domain::rights::Role;
use chrono::{DateTime, TimeDelta, Utc};
use poem::http::Method;
use serde_json::{Value, json};

use crate::batches::refusals;
use crate::support::{Answered, GUEST, World, hotel};

const MARKETING: &str = "UPDATE templates SET category = 'MARKETING' WHERE name = 'service_followup'";
const OUT: &str = "events WHERE event = 'guest_opted_out'";
const IN: &str = "events WHERE event = 'guest_opted_in'";

impl World {
    pub async fn guest_id(&self, phone: &str) -> String {
        let found = self.get(&format!("/guests?phone={}", phone.replace('+', "%2B"))).await.ok(200);
        found["data"][0]["guest_id"].as_str().unwrap().to_owned()
    }

    pub async fn set_consent(&self, guest: &str, body: Value) -> Answered {
        let ask = self.request(Method::PUT, &format!("/guests/{guest}/consent"));
        ask.token(&self.staff).json(body).send().await
    }

    pub async fn consent(&self, guest: &str) -> Value {
        self.get(&format!("/guests/{guest}/consent")).await.ok(200)
    }

    /// A guest who has written and a template that is marketing; the guest's id.
    pub async fn with_marketing(&self) -> String {
        self.guest_writes("hi").await;
        self.execute(MARKETING).await;
        self.guest_id(GUEST).await
    }

    pub async fn send(&self, template: &str) -> Answered {
        let parameters = if template == "welcome_checkin" { json!({"room": "205"}) } else { json!({}) };
        let body = json!({"guest_phone": GUEST, "template_name": template, "parameters": parameters});
        self.post("/templates/send", body).await
    }
}

fn closes(kind: &str) -> Value {
    json!({"kind": kind, "state": "opted_out"})
}

fn opens(kind: &str) -> Value {
    json!({"kind": kind, "state": "opted_in"})
}

fn text() -> Value {
    json!({"guest_phone": GUEST, "message_type": "text", "content": {"text": "Hello"}})
}

fn at(minutes: i64) -> String {
    let at: DateTime<Utc> = Utc::now() - TimeDelta::hours(2) + TimeDelta::minutes(minutes);
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

#[tokio::test]
async fn staff_write_down_what_a_guest_says() {
    let world = World::new().await;
    let guest = {
        world.guest_writes("hi").await;
        world.guest_id(GUEST).await
    };
    let unknown = json!({"state": "unknown", "source": null, "since": null});
    let before = world.consent(&guest).await;
    assert_eq!(before, json!({"guest_id": guest, "marketing": unknown, "service": unknown, "history": []}));
    let said = json!({"kind": "marketing", "state": "opted_in", "source": "booking", "at": at(0),
        "evidence": "booking form, box ticked", "staff_member_id": "staff_456"});
    let after = world.set_consent(&guest, said.clone()).await.ok(200);
    assert_eq!(
        (&after["marketing"]["state"], &after["marketing"]["source"]),
        (&json!("opted_in"), &json!("booking"))
    );
    assert_eq!(after["service"]["state"], "unknown");
    for field in ["kind", "state", "source", "evidence", "staff_member_id"] {
        assert_eq!(after["history"][0][field], said[field], "{field}");
    }
    let shown = world.get(&format!("/guests/{guest}")).await.ok(200);
    assert_eq!(shown["consent"], json!({"marketing": "opted_in", "service": "unknown"}));
    let listed = world.get("/conversations").await.ok(200);
    assert_eq!(listed["data"][0]["guest"]["consent"]["marketing"], "opted_in");
    // The same again, with its time or without one, is the same.
    assert_eq!(world.set_consent(&guest, said).await.ok(200), after);
    for _ in 0..2 {
        world.set_consent(&guest, closes("service")).await.ok(200);
    }
    assert_eq!(world.consent(&guest).await["history"].as_array().unwrap().len(), 2);
    assert_eq!((world.rows(IN).await, world.rows(OUT).await), (1, 1));
}

#[tokio::test]
async fn who_may_not_and_what_is_wrong() {
    let world = World::new().await;
    let guest = {
        world.guest_writes("hi").await;
        world.guest_id(GUEST).await
    };
    let path = format!("/guests/{guest}/consent");
    let other = hotel(&world.app, "Other", "2").await;
    let theirs = world.app.issue_token(other, Role::Admin, "test").await.unwrap();
    for method in [Method::GET, Method::PUT] {
        let ask = || world.request(method.clone(), &path).json(closes("marketing"));
        ask().token(theirs.expose()).send().await.error(404, "NOT_FOUND");
        ask().token(&world.partner).send().await.error(403, "FORBIDDEN");
        ask().send().await.error(401, "UNAUTHENTICATED");
        let nobody = world.request(method.clone(), "/guests/guest_1/consent").json(closes("marketing"));
        nobody.token(&world.staff).send().await.error(404, "NOT_FOUND");
    }
    let with = |key: &str, value: Value| {
        let mut body = closes("marketing");
        body[key] = value;
        body
    };
    let later = (Utc::now() + TimeDelta::hours(1)).to_rfc3339();
    for (field, value) in [
        ("kind", json!("spam")),
        ("state", json!("unknown")),
        ("source", json!("stop_word")),
        ("source", json!("user_preferences")),
        ("evidence", json!("x".repeat(1_001))),
        ("at", json!(later)),
    ] {
        let refused = world.set_consent(&guest, with(field, value.clone())).await;
        let error = refused.error(400, "VALIDATION_FAILED");
        assert!(error["message"].as_str().unwrap().contains(field), "{field} {value}: {error}");
    }
    assert_eq!(world.consent(&guest).await["history"], json!([]));
    let admin = world.request(Method::PUT, &path).token(&world.admin).json(closes("marketing"));
    admin.send().await.ok(200);
}

#[tokio::test]
async fn whatever_the_order_of_the_news_the_latest_word_stands() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        let world = World::new().await;
        let said = [("stop", 0), ("resume", 30), ("stop", 60)];
        for i in order.into_iter().chain([1]) {
            let (choice, minutes) = said[i];
            let body = json!({"wamid": "-", "from": "1234567890", "bsuid": "US.1", "choice": choice,
                "at": at(minutes), "copy": i});
            world.webhook(body).await.ok(200);
        }
        let guest = world.guest_id(GUEST).await;
        let consent = world.consent(&guest).await;
        assert_eq!(consent["marketing"]["state"], "opted_out", "{order:?}");
        assert_eq!(consent["marketing"]["source"], "user_preferences");
        let states: Vec<&Value> =
            consent["history"].as_array().unwrap().iter().map(|change| &change["state"]).collect();
        assert_eq!(states, ["opted_out", "opted_in", "opted_out"], "{order:?}");
        assert_eq!(consent["service"]["state"], "unknown");
    }
}

#[tokio::test]
async fn marketing_that_is_closed_refuses_marketing_only() {
    let world = World::new().await;
    let guest = world.with_marketing().await;
    world.send("service_followup").await.ok(202);
    world.set_consent(&guest, closes("marketing")).await.ok(200);
    let refused = world.send("service_followup").await.error(403, "GUEST_OPTED_OUT");
    let details = &refused["details"];
    assert_eq!((&details["kind"], &details["state"]), (&json!("marketing"), &json!("opted_out")));
    assert_eq!((&details["guest_id"], &details["source"]), (&json!(guest), &json!("api")));
    assert!(details["since"].is_string());
    world.send("welcome_checkin").await.ok(202);
    world.post("/messages/send", text()).await.ok(202);
    // Also as what would leave instead of a text, now or later.
    let mut covered = text();
    covered["fallback_template"] = json!({"template_name": "service_followup"});
    world.post("/messages/send", covered.clone()).await.error(403, "GUEST_OPTED_OUT");
    let tomorrow = (Utc::now() + TimeDelta::days(2)).to_rfc3339();
    covered["send_at"] = json!(tomorrow);
    world.post("/messages/send", covered).await.error(403, "GUEST_OPTED_OUT");
    let before = world.rows("messages").await;
    world.set_consent(&guest, opens("marketing")).await.ok(200);
    world.send("service_followup").await.ok(202);
    assert_eq!(world.rows("messages").await, before + 1);
}

#[tokio::test]
async fn service_that_is_closed_refuses_everything() {
    let world = World::new().await;
    let guest = world.with_marketing().await;
    world.set_consent(&guest, opens("marketing")).await.ok(200);
    world.set_consent(&guest, closes("service")).await.ok(200);
    for answer in [
        world.send("service_followup").await,
        world.send("welcome_checkin").await,
        world.post("/messages/send", text()).await,
    ] {
        assert_eq!(answer.error(403, "GUEST_OPTED_OUT")["details"]["kind"], "service");
    }
    // The guest may still write, which opens nothing again.
    world.guest_writes("one more thing").await;
    world.post("/messages/send", text()).await.error(403, "GUEST_OPTED_OUT");
    world.set_consent(&guest, opens("service")).await.ok(200);
    world.post("/messages/send", text()).await.ok(202);
}

#[tokio::test]
async fn a_hotel_may_ask_for_an_opt_in_to_marketing() {
    let world = World::new().await;
    let guest = world.with_marketing().await;
    assert_eq!(world.get("/property").await.ok(200)["require_opt_in"], false);
    let change = world.request(Method::PATCH, "/property").token(&world.admin);
    let changed = change.json(json!({"require_opt_in": true})).send().await.ok(200);
    assert_eq!(changed["require_opt_in"], true);
    let refused = world.send("service_followup").await.error(403, "GUEST_OPTED_OUT");
    assert_eq!(
        (&refused["details"]["state"], &refused["details"]["since"]),
        (&json!("unknown"), &Value::Null)
    );
    world.send("welcome_checkin").await.ok(202);
    world.post("/messages/send", text()).await.ok(202);
    let lines = json!({"template": {"template_name": "service_followup"},
        "recipients": [{"phone": GUEST}, {"phone": "+972501234567"}]});
    let batch = world.post("/messages/batch-send", lines).await.ok(202);
    assert_eq!((&batch["opted_out"], &batch["accepted"]), (&json!(2), &json!(0)));
    world.set_consent(&guest, opens("marketing")).await.ok(200);
    world.send("service_followup").await.ok(202);
}

#[tokio::test]
async fn a_stop_word_alone_stops_marketing() {
    let world = World::new().await;
    let guest = world.with_marketing().await;
    for said in ["stop by at 5", "Don't stop!", "nonstop"] {
        world.guest_writes(said).await;
    }
    assert_eq!(world.consent(&guest).await["history"], json!([]));
    let conversation = world.guest_writes("🛑 STOP!").await;
    world.guest_writes("🛑 STOP!").await;
    let consent = world.consent(&guest).await;
    assert_eq!(consent["marketing"]["source"], "stop_word");
    assert_eq!(consent["service"]["state"], "unknown");
    let history = consent["history"].as_array().unwrap();
    assert_eq!((history.len(), &history[0]["evidence"]), (1, &json!("🛑 STOP!")));
    // It is a message like any other, too: it is shown, and it opens the window.
    let detail = world.get(&format!("/conversations/{conversation}")).await.ok(200);
    let last = detail["messages"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["message_id"], history[0]["message_id"]);
    world.send("service_followup").await.error(403, "GUEST_OPTED_OUT");
    world.post("/messages/send", text()).await.ok(202);
    world.guest_writes("הסר").await;
    assert_eq!(world.consent(&guest).await["history"].as_array().unwrap().len(), 2);
    assert_eq!(world.rows(OUT).await, 1, "nothing new was closed");
}

#[tokio::test]
async fn two_guests_who_are_one_keep_both_histories() {
    let world = World::new().await;
    world.guest_writes("hi").await;
    world.webhook(json!({"wamid": "in.bsuid", "bsuid": "US.7", "text": "hi"})).await.ok(200);
    let list = world.get("/conversations").await.ok(200);
    let hidden = list["data"].as_array().unwrap().iter().find(|row| row["guest_phone"].is_null()).unwrap();
    let hidden = hidden["guest_id"].as_str().unwrap().to_owned();
    let known = world.guest_id(GUEST).await;
    for (guest, state, minutes) in
        [(&known, "opted_in", 0), (&hidden, "opted_out", 10), (&known, "opted_in", 5)]
    {
        let said = json!({"kind": "marketing", "state": state, "at": at(minutes)});
        world.set_consent(guest, said).await.ok(200);
    }
    world.set_consent(&hidden, closes("service")).await.ok(200);
    let both = json!({"wamid": "in.both", "from": "1234567890", "bsuid": "US.7", "text": "it is me"});
    world.webhook(both).await.ok(200);
    let of_known = world.consent(&known).await;
    assert_eq!(of_known, world.consent(&hidden).await);
    assert_eq!(of_known["history"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&of_known["marketing"]["state"], &of_known["service"]["state"]),
        (&json!("opted_out"), &json!("opted_out"))
    );
    assert_eq!(world.rows("guest_consents").await, 2);
    // Enough to undo it.
    assert_eq!(world.rows("guest_merges WHERE json_array_length(moved, '$.consents') = 2").await, 1);
}

#[tokio::test]
async fn lines_of_a_batch_are_refused_one_by_one() {
    let world = World::new().await;
    let guest = world.with_marketing().await;
    world.set_consent(&guest, closes("marketing")).await.ok(200);
    let template = |name: &str| {
        json!({"type": "template", "template_name": name, "parameters":
        if name == "welcome_checkin" { json!({"room": "1"}) } else { json!({}) }})
    };
    let lines = json!({"messages": [
        {"phone": GUEST, "reference": "a", "content": template("service_followup")},
        {"phone": GUEST, "reference": "b", "content": template("welcome_checkin")},
        {"guest_id": guest, "reference": "c", "content": template("service_followup")},
        {"phone": "+972501234567", "content": template("service_followup")},
        {"phone": GUEST, "reference": "d", "content": "a text"},
    ]});
    let accepted = world.post("/messages/batch-send", lines).await.ok(202);
    let out = |line: i64, field: &str| (line, field.to_owned(), "opted_out".to_owned());
    assert_eq!(refusals(&accepted), [out(1, "phone"), out(3, "guest_id")], "{accepted:#}");
    assert_eq!((&accepted["accepted"], &accepted["opted_out"]), (&json!(3), &json!(2)));
    // What would leave instead of a text is looked at, too.
    let covered = json!({"messages": [{"phone": GUEST, "content": "hi"}],
        "delivery_options": {"fallback_template": {"template_name": "service_followup"}}});
    let covered = world.post("/messages/batch-send", covered).await.ok(202);
    assert_eq!(covered["opted_out"], 1);
    let file =
        world.upload("?template_name=service_followup", "text/csv", "phone\n+1234567890\n+972501234568\n");
    let file = file.await.ok(202);
    assert_eq!((&file["accepted"], &file["opted_out"]), (&json!(1), &json!(1)));
}
